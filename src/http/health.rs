//! Liveness, readiness and health, for whatever watches over the server.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

use crate::app::App;

/// The routes. They need no credentials and tell no secrets.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .route("/.well-known/jwks.json", get(jwks))
}

/// The process runs. Nothing else is asked, so that a database outage does not restart the server.
async fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// Requests can be served: the database answers, its schema is up to date, and no shutdown has begun.
async fn ready(State(app): State<App>) -> Response {
    match obstacle(&app).await {
        None => Json(json!({ "status": "ready" })).into_response(),
        Some(reason) => unavailable(&json!({ "status": "not ready", "reason": reason })),
    }
}

/// Like [`ready`], in the words that older monitors look for.
async fn health(State(app): State<App>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    match obstacle(&app).await {
        None => Json(json!({ "status": "healthy", "version": version })).into_response(),
        Some(reason) => unavailable(&json!({ "status": "unhealthy", "version": version, "reason": reason })),
    }
}

/// What keeps the server from serving, in words that may be shown to anybody.
async fn obstacle(app: &App) -> Option<&'static str> {
    if app.is_stopping() {
        return Some("the server is shutting down");
    }
    match app.domain().migrations().await {
        Err(error) => {
            tracing::error!("the database does not answer: {:#}", crate::app::described(error));
            Some("the database does not answer")
        }
        Ok(migrations) if migrations.iter().any(|migration| !migration.applied) => Some("migrations are pending"),
        Ok(_) => None,
    }
}

/// What was counted, for Prometheus.
async fn metrics(State(app): State<App>) -> Response {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

    let counted = app.metrics().map(PrometheusHandle::render).unwrap_or_default();
    ([(header::CONTENT_TYPE, TEXT)], counted).into_response()
}

fn unavailable(body: &serde_json::Value) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// The public keys with which others can check our access tokens; empty with a shared secret.
async fn jwks(State(app): State<App>) -> Response {
    Json(app.domain().jwks()).into_response()
}
