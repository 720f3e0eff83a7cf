//! One line a request: method, path, status, duration, the client's address, user, name of the GraphQL operation, request
//! id, and the trace that it belongs to. Never a query string, another header or a body, which may hold secrets.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

use super::client_address::client_address;
use super::request_metrics;
use crate::domain::id::UserId;
use crate::state::AppState;
use crate::telemetry::{context, metric, trace};

/// What is found out about a request while it is served.
#[derive(Clone, Debug, Default)]
pub(super) struct LogFields {
    user: Arc<OnceLock<UserId>>,
}

impl LogFields {
    /// Notes who sent the request.
    pub(super) fn set_user(&self, user: UserId) {
        // Credentials are read once a request; a second time would find the same user.
        let _ = self.user.set(user);
    }
}

/// A request that is being answered, also when its client goes away.
struct InFlight;

impl InFlight {
    fn begin() -> Self {
        metrics::gauge!(metric::IN_FLIGHT).increment(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::gauge!(metric::IN_FLIGHT).decrement(1.0);
    }
}

/// Logs the request when its answer is ready.
pub(crate) async fn log(state: &AppState, mut request: Request, next: Next) -> Response {
    let fields = LogFields::default();
    request.extensions_mut().insert(fields.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = request_metrics::route(request.extensions().get());
    let trusted = &state.config().http.trusted_proxies;
    let client = client_address(request.extensions(), request.headers(), trusted).map(|address| address.to_string());
    let parent = trace::parent_in(request.headers());
    let span = trace::request(&method, &route, parent.as_ref());
    let trace_id = trace::id(&span, parent.as_ref()).map(|id| id.to_string());
    let start = Instant::now();
    let _in_flight = InFlight::begin();
    let response = next.run(request).instrument(span.clone()).await;
    trace::answered(&span, response.status());
    let duration = start.elapsed();
    request_metrics::count(&method, &route, response.status(), duration);
    let duration_ms = duration.as_secs_f64() * 1_000.0;
    let status = response.status().as_u16();
    let user_id = fields.user.get().map(|user| user.0);
    let (request_id, operation) = (context::request_id(), context::operation());
    if response.status().is_server_error() {
        tracing::error!(%method, path, status, duration_ms, client, user_id, operation, request_id, trace_id, "request");
    } else {
        tracing::info!(%method, path, status, duration_ms, client, user_id, operation, request_id, trace_id, "request");
    }
    response
}
