//! HTTP/1.1 requires exactly one `Host`. Proxies and servers disagree on requests with none or several.

use axum::Json;
use axum::http::request::Parts;
use axum::http::{StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};

use super::refusal::body;
use crate::http::request_id;

pub(super) fn refusal(parts: &Parts) -> Option<Response> {
    let count = parts.headers.get_all(header::HOST).iter().count();
    // HTTP/2 has `:authority`, and HTTP/1.0 needs no `Host`.
    let least = usize::from(parts.version == Version::HTTP_11);
    if (least..=1).contains(&count) {
        return None;
    }
    let message = format!("Host: the request has {count} of these headers; exactly one is allowed");
    let id = request_id::make();
    let body = Json(body("BAD_REQUEST", &message, &id));
    Some((StatusCode::BAD_REQUEST, [("x-request-id", id)], body).into_response())
}
