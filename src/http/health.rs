//! Liveness, readiness and health, for whatever watches over the server.

mod detailed;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::monitor;
use crate::app::App;
use crate::rest;

/// The routes. They need no credentials and tell no secrets.
pub(super) fn router() -> Router<App> {
    let mut router = Router::new().route("/.well-known/jwks.json", get(jwks));
    for (path, answer) in [
        ("/livez", get(live)),
        ("/readyz", get(ready)),
        ("/health", get(health)),
        ("/health/detailed", get(detailed::answer)),
        ("/monitoring/health", get(detailed::answer)),
        ("/ops/health", get(detailed::answer)),
        ("/metrics", get(monitor::prometheus)),
        ("/monitoring/metrics", get(monitor::json)),
        ("/ops/metrics", get(monitor::json)),
    ] {
        // As REST has its routes.
        for prefix in rest::PREFIXES {
            for ending in ["", "/"] {
                router = router.route(&format!("{prefix}{path}{ending}"), answer.clone());
            }
        }
    }
    router
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
pub(super) async fn obstacle(app: &App) -> Option<&'static str> {
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

fn unavailable(body: &serde_json::Value) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(body)).into_response()
}

/// The public keys with which others can check our access tokens; empty with a shared secret.
async fn jwks(State(app): State<App>) -> Response {
    Json(app.domain().jwks()).into_response()
}
