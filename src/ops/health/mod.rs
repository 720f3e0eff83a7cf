//! Liveness, readiness and health, for whatever watches over the server.

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

/// How long the database may take to say whether requests can be served.
const PATIENCE: Duration = Duration::from_secs(2);
/// Why requests cannot be served when it says nothing.
const NO_ANSWER: &str = "the database does not answer";

/// In a word.
#[derive(Serialize, ToSchema)]
struct Health {
    /// The word.
    #[schema(example = "healthy")]
    status: &'static str,
    /// The server's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "0.1.0")]
    version: Option<&'static str>,
    /// What keeps the server from serving.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "migrations are pending")]
    reason: Option<&'static str>,
}

/// The same with what monitors of older APIs look for.
#[derive(Serialize, ToSchema)]
struct HealthSummary {
    #[serde(flatten)]
    health: Health,
    /// The name of the server.
    #[schema(value_type = String, example = "Taskwire")]
    app_name: &'static str,
    /// Unix seconds, as text.
    #[schema(example = "1767139200.12")]
    timestamp: String,
    /// `healthy` or `unhealthy`.
    #[schema(value_type = String, example = "healthy")]
    database: &'static str,
}

/// The present moment as Unix seconds.
#[expect(clippy::cast_precision_loss, reason = "no clock shows a time of 53 bits")]
pub(crate) fn unix_seconds(state: &AppState) -> f64 {
    state.domain().clock().now().timestamp_millis() as f64 / 1_000.0
}

impl Health {
    /// Says one word if requests can be served, and the other if not.
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

/// Whether the process runs
///
/// Nothing else is asked, so that a database outage does not restart the server.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "live", security(()),
    responses((status = 200, description = "It runs", body = Health)))]
pub(crate) async fn live() -> Response {
    Health::response(Health::of(["ok"; 2], None, None))
}

/// Whether requests can be served
///
/// The database answers, its schema is up to date, and no shutdown has begun.
#[utoipa::path(get, path = "/readyz", tag = "operations", operation_id = "ready", security(()),
    responses(
        (status = 200, description = "They can", body = Health),
        (status = 503, description = "They cannot", body = Health),
    ))]
pub(crate) async fn ready(State(state): State<AppState>) -> Response {
    Health::response(Health::of(["ready", "not ready"], None, obstacle(&state).await))
}

/// The same as `/readyz`, in the words that older monitors look for
#[utoipa::path(get, path = "/health", tag = "operations", operation_id = "health", security(()),
    responses(
        (status = 200, description = "Requests can be served", body = HealthSummary),
        (status = 503, description = "They cannot", body = HealthSummary),
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

/// What keeps the server from serving, in words that may be shown to anybody.
pub(crate) async fn obstacle(state: &AppState) -> Option<&'static str> {
    if state.is_stopping() {
        return Some("the server is shutting down");
    }
    if let Some(problem) = state.domain().database_problem() {
        return Some(problem);
    }
    match timeout(PATIENCE, state.domain().migrations()).await {
        Err(_) => Some(NO_ANSWER),
        Ok(Err(error)) => {
            tracing::error!("the database does not answer: {:#}", described(error));
            Some(NO_ANSWER)
        }
        Ok(Ok(migrations)) if migrations.iter().any(|migration| !migration.applied) => Some("migrations are pending"),
        Ok(Ok(_)) => None,
    }
}

/// The public keys of access tokens
///
/// With them others can check a token by themselves. Empty with a shared secret.
#[utoipa::path(get, path = "/.well-known/jwks.json", tag = "operations", operation_id = "getPublicKeys", security(()),
    responses((status = 200, description = "A JSON Web Key Set", body = Object)))]
pub(crate) async fn jwks(State(state): State<AppState>) -> Response {
    Json(state.domain().jwks()).into_response()
}
