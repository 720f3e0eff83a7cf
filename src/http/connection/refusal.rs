//! The answer to a client for which there is no connection.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::metrics::Reason;
use crate::http::request_id;

/// The most clients that are answered at the same time. Others are only disconnected.
const AT_ONCE: usize = 16;
/// The longest that a client may take for the answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// The most bytes that are read of its request, which it sends before it reads.
const MAX_REQUEST: u64 = 64 * 1024;
/// After this many seconds a client may try again.
const RETRY_AFTER: u32 = 5;

/// Refuses clients.
#[derive(Clone, Debug)]
pub(super) struct Refusals(Arc<Semaphore>);

impl Default for Refusals {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

impl Refusals {
    /// Tells a client why there is no connection for it.
    pub(super) fn refuse(&self, mut stream: TcpStream, reason: Reason) {
        reason.count();
        let Ok(permit) = Arc::clone(&self.0).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            let answering = async {
                stream.write_all(answer(reason).as_bytes()).await?;
                stream.shutdown().await?;
                let mut request = stream.take(MAX_REQUEST);
                tokio::io::copy(&mut request, &mut tokio::io::sink()).await
            };
            // A client that is slow, or gone, is not waited for.
            let _ = timeout(PATIENCE, answering).await;
            drop(permit);
        });
    }
}

/// An error as REST shows it, for what no handler sees.
pub(super) fn body(code: &str, message: &str, request_id: &str) -> Value {
    json!({
        "error": { "code": code, "message": message, "request_id": request_id },
        "detail": message,
    })
}

/// The whole answer. It is written here because no request has been read.
fn answer(reason: Reason) -> String {
    let (status, code, message) = match reason {
        Reason::AddressFull => (
            StatusCode::TOO_MANY_REQUESTS,
            "LIMIT_EXCEEDED",
            "Your address has as many connections open as it may: close one first",
        ),
        _ => (
            StatusCode::SERVICE_UNAVAILABLE,
            "UNAVAILABLE",
            "The server has as many connections open as it may: try again later",
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
