//! Which requests come, what they are answered, and how long that takes.

use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};

use crate::telemetry::metric::{REQUEST_TIME, REQUESTS};

/// The label of every path at which there is nothing, because clients make them up.
const UNKNOWN: &str = "unknown";

/// The route that answers, without prefix and trailing slash: the same in each of its spellings.
pub(super) fn route(matched: Option<&MatchedPath>) -> String {
    let Some(path) = matched.map(MatchedPath::as_str) else {
        return UNKNOWN.to_owned();
    };
    let path = path.strip_prefix("/api/v1").unwrap_or(path);
    match path.strip_suffix('/').unwrap_or(path) {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

/// Counts an answer.
pub(super) fn count(method: &Method, route: &str, status: StatusCode, time: Duration) {
    let method = name_of(method);
    metrics::histogram!(REQUEST_TIME, "method" => method, "route" => route.to_owned()).record(time);
    let status = status.as_str().to_owned();
    metrics::counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status).increment(1);
}

/// Clients may make up methods too.
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
