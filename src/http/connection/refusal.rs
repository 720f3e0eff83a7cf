//! Responses to connections over a limit, and to requests without a valid `Host`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::request::Parts;
use axum::http::{StatusCode, Version, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::metrics::Reason;
use crate::http::request_id;

/// Maximum number of clients that get a response at the same time. Others are only disconnected.
pub(super) const AT_ONCE: usize = 16;
/// Time limit for reading the response.
const PATIENCE: Duration = Duration::from_secs(1);
/// Maximum bytes read of a request, which clients send before they read.
const MAX_REQUEST: u64 = 64 * 1024;
/// In seconds.
const RETRY_AFTER: u32 = 5;

/// `clients` has a permit for each response.
pub(super) fn refuse(clients: &Arc<Semaphore>, mut stream: TcpStream, reason: Reason) {
    reason.count();
    let Ok(permit) = Arc::clone(clients).try_acquire_owned() else {
        return;
    };
    tokio::spawn(async move {
        let answering = async {
            stream.write_all(answer(reason).as_bytes()).await?;
            stream.shutdown().await?;
            let mut request = stream.take(MAX_REQUEST);
            tokio::io::copy(&mut request, &mut tokio::io::sink()).await
        };
        // Slow and disconnected clients are ignored.
        let _ = timeout(PATIENCE, answering).await;
        drop(permit);
    });
}

/// HTTP/1.1 requires exactly one `Host`. Proxies and servers disagree on requests with none or several.
pub(super) fn of_host(parts: &Parts) -> Option<Response> {
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

/// A REST error body, for errors outside of handlers.
fn body(code: &str, message: &str, request_id: &str) -> Value {
    json!({
        "error": { "code": code, "message": message, "request_id": request_id },
        "detail": message,
    })
}

/// A raw HTTP response, because no request has been read.
fn answer(reason: Reason) -> String {
    let (status, code, message) = match reason {
        Reason::AddressFull => (
            StatusCode::TOO_MANY_REQUESTS,
            "LIMIT_EXCEEDED",
            "Your address has reached its limit of open connections; close one first",
        ),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The server has reached its limit of open connections; try again later",
        ),
    };
    let id = request_id::make();
    let body = body(code, message, &id).to_string();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nretry-after: {RETRY_AFTER}\r\n\
         x-request-id: {id}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
