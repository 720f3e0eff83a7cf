//! Liveness, readiness, health, and the public keys of access tokens.

pub(crate) mod detailed;

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::domain::error::described;
use crate::state::AppState;

/// Time limit of the database check.
const PATIENCE: Duration = Duration::from_secs(2);
const NO_ANSWER: &str = "the database does not answer";

/// Health of the server.
#[derive(Serialize, ToSchema)]
struct Health {
    /// `ok`, `ready`, `not ready`, `healthy` or `unhealthy`.
    #[schema(example = "healthy")]
    status: &'static str,
    /// Version of the server; absent in `/livez` and `/readyz`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "0.1.0")]
    version: Option<&'static str>,
    /// Why requests cannot be served; absent if they can.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "migrations are pending")]
    reason: Option<&'static str>,
}

/// Health, with fields for monitors of older APIs.
#[derive(Serialize, ToSchema)]
struct HealthSummary {
    #[serde(flatten)]
    health: Health,
    /// Name of the server.
    #[schema(value_type = String, example = "Taskwire")]
    app_name: &'static str,
    /// Current time in Unix seconds, as a string.
    #[schema(example = "1767139200.12")]
    timestamp: String,
    /// `healthy` or `unhealthy`.
    #[schema(value_type = String, example = "healthy")]
    database: &'static str,
}

#[expect(clippy::cast_precision_loss, reason = "no clock shows a time of 53 bits")]
pub(crate) fn unix_seconds(state: &AppState) -> f64 {
    state.domain().clock().now().timestamp_millis() as f64 / 1_000.0
}

impl Health {
    /// `words` are the statuses if requests can be served and if not.
    fn of(words: [&'static str; 2], version: Option<&'static str>, reason: Option<&'static str>) -> (StatusCode, Self) {
        let [good, bad] = words;
        let (code, status) = match reason {
            None => (StatusCode::OK, good),
            Some(_) => (StatusCode::SERVICE_UNAVAILABLE, bad),
        };
        let body = Self {
            status,
            version,
            reason,
        };
        (code, body)
    }

    fn response((code, body): (StatusCode, Self)) -> Response {
        (code, Json(body)).into_response()
    }
}

/// Check whether the process runs
///
/// Checks nothing else, so that a database outage does not restart the server.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "live", security(()),
    responses((status = 200, description = "The process runs", body = Health)))]
pub(crate) async fn live() -> Response {
    Health::response(Health::of(["ok"; 2], None, None))
}

/// Check whether requests can be served
///
/// They can if the database answers, its schema is up to date and no shutdown has begun.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "ready", security(()),
    responses(
        (status = 200, description = "Requests can be served", body = Health),
        (status = 503, description = "Requests cannot be served", body = Health),
    ))]
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    Health::response(Health::of(["ready", "not ready"], None, obstacle(&state).await))
}

/// Check whether requests can be served, for older monitors
#[utoipa::path(get, path = "/health", tag = "operations", operation_id = "health", security(()),
    responses(
        (status = 200, description = "Requests can be served", body = HealthSummary),
        (status = 503, description = "Requests cannot be served", body = HealthSummary),
    ))]
pub(crate) async fn health(State(state): State<AppState>) -> Response {
    let version = env!("CARGO_PKG_VERSION");
    let (code, health) = Health::of(["healthy", "unhealthy"], Some(version), obstacle(&state).await);
    let body = HealthSummary {
        app_name: "Taskwire",
        timestamp: format!("{:.2}", unix_seconds(&state)),
        database: health.status,
        health,
    };
    (code, Json(body)).into_response()
}

/// Why requests cannot be served, in a text for everyone.
pub(crate) async fn obstacle(state: &AppState) -> Option<&'static str> {
    if state.is_stopping() {
        return Some("the server is shutting down");
    }
    if let Some(problem) = state.domain().database_problem() {
        return Some(problem);
    }
    match timeout(PATIENCE, state.domain().pending_migrations()).await {
        Err(_) => Some(NO_ANSWER),
        Ok(Err(error)) => {
            tracing::error!("the database does not answer: {:#}", described(error));
            Some(NO_ANSWER)
        }
        Ok(Ok(0)) => None,
        Ok(Ok(_)) => Some("migrations are pending"),
    }
}

/// Get the public keys of access tokens
///
/// For other services that verify access tokens. Empty if tokens are signed with a shared secret.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", operation_id = "getPublicKeys", security(()),
    responses((status = 200, description = "A JSON Web Key Set", body = Object)))]
pub(crate) async fn jwks(State(state): State<AppState>) -> Response {
    Json(state.domain().jwks()).into_response()
}
