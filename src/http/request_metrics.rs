//! Request metrics.

use std::time::Duration;

use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};

use crate::telemetry::metric::{REQUEST_TIME, REQUESTS};

/// One label for all unknown paths, because clients can send any number of them.
const UNKNOWN: &str = "unknown";

/// Without prefix and trailing slash, so that all spellings of a route have one label.
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

pub(super) fn count(method: &Method, route: &str, status: StatusCode, time: Duration) {
    let method = name_of(method);
    metrics::histogram!(REQUEST_TIME, "method" => method, "route" => route.to_owned()).record(time);
    let status = status.as_str().to_owned();
    metrics::counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "status" => status).increment(1);
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
