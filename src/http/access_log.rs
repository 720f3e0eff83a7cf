//! Request metrics, and one log line per request: method, path, status, duration, client address, user, GraphQL
//! operation name, request id and trace id. Query strings, other headers and bodies are never logged, because they may
//! contain secrets.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use metrics::Gauge;
use tracing::Instrument as _;

use super::client_address::client_address;
use crate::domain::id::UserId;
use crate::state::AppState;
use crate::telemetry::{context, metric, trace};

#[derive(Clone, Debug, Default)]
pub(super) struct LogFields {
    user: Arc<OnceLock<UserId>>,
}

impl LogFields {
    pub(super) fn set_user(&self, user: UserId) {
        // Credentials are read once per request; a second read would find the same user.
        let _ = self.user.set(user);
    }
}

/// Counts a request as in flight, also when its client disconnects.
struct InFlight<'a>(&'a Gauge);

impl<'a> InFlight<'a> {
    fn begin(requests: &'a Gauge) -> Self {
        requests.increment(1.0);
        Self(requests)
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}

pub(crate) async fn log(state: &AppState, mut request: Request, next: Next) -> Response {
    let fields = LogFields::default();
    request.extensions_mut().insert(fields.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let route = route_of(request.extensions().get());
    let trusted = &state.config().http.trusted_proxies;
    let client = client_address(request.extensions(), request.headers(), trusted);
    let parent = trace::parent_in(request.headers());
    let span = trace::request(&method, &route, parent.as_ref());
    let trace_id = trace::id(&span, parent.as_ref()).map(|id| id.to_string());
    let start = Instant::now();
    let _in_flight = InFlight::begin(state.in_flight());
    let response = next.run(request).instrument(span.clone()).await;
    trace::answered(&span, response.status());
    let duration = start.elapsed();
    count(state, &method, route, response.status(), duration);
    let duration_ms = duration.as_secs_f64() * 1_000.0;
    let status = response.status().as_u16();
    let user_id = fields.user.get().map(|user| user.0);
    let (request_id, operation) = (context::request_id(), context::operation());
    let operation = operation.as_deref();
    // Formatted only if the line is logged.
    let client = || client.map(|address| address.to_string());
    if response.status().is_server_error() {
        tracing::error!(
            %method, path, status, duration_ms, client = client(), user_id, operation, request_id, trace_id, "request"
        );
    } else {
        tracing::info!(
            %method, path, status, duration_ms, client = client(), user_id, operation, request_id, trace_id, "request"
        );
    }
    response
}

/// One label for all unknown paths, because clients can send any number of them.
const UNKNOWN: &str = "unknown";

/// Without prefix and trailing slash, so that all spellings of a route have one label.
fn route_of(matched: Option<&MatchedPath>) -> String {
    let Some(path) = matched.map(MatchedPath::as_str) else {
        return UNKNOWN.to_owned();
    };
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    match path.strip_suffix('/').unwrap_or(path) {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

fn count(state: &AppState, method: &Method, route: String, status: StatusCode, time: Duration) {
    let labels = (name_of(method), route, status);
    state.responses().record(labels, time, |(method, route, status)| {
        let status = status.as_str().to_owned();
        (
            metrics::histogram!(metric::REQUEST_TIME, "method" => *method, "route" => route.clone()),
            metrics::counter!(metric::REQUESTS, "method" => *method, "route" => route.clone(), "status" => status),
        )
    });
}

/// One label for all unknown methods.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
