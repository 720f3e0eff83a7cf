//! `Idempotency-Key`: writes that are safe to repeat.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header, response};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

use super::error::{Problem, Result};
use super::extract;
use super::operation::bare;
use crate::domain::error::Error;
use crate::http::caller::Caller;
use crate::http::idempotency::{NOT_WITH_FILES, Outcome, REPLAYED, WriteEffect, key_in, run_once};
use crate::state::AppState;

const STORED_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

/// `Cache-Control` of a response with tokens. Such a response is not stored.
pub(super) const NO_STORE: &str = "no-store";

#[derive(IntoParams)]
#[into_params(names("Idempotency-Key"))]
#[expect(dead_code, reason = "it only describes")]
pub(super) struct KeyParameter(
    /// Idempotency key, valid for 24 hours: only the first request with a key runs; repeated requests get its response.
    #[param(
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "7c0f3f0e-5b0a-4d5e-9a53-0a5f6f2a8f11"
    )]
    String,
);

/// Runs a write unless its key was used before. Only signed-in users have keys.
pub(super) async fn once(State(app): State<AppState>, request: Request, next: Next) -> Result<Response> {
    let Some(key) = key_in(request.headers()) else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts, &app).await?;
    if caller.actor.user_id().is_none() {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    if extract::content_type(&parts.headers).is_some_and(|kind| kind.starts_with("multipart/")) {
        return Err(Problem::bad_request(NOT_WITH_FILES));
    }
    parts.extensions.insert(caller.clone());
    // The extensions include the body limit.
    let bytes = extract::read_body(Request::from_parts(parts.clone(), body), &app).await?;
    let fingerprint = fingerprint(&parts, &bytes);
    let longest = app.config().http.request_timeout;
    let write = async move {
        let request = Request::from_parts(parts, Body::from(bytes));
        match tokio::time::timeout(longest, next.run(request)).await {
            Ok(response) => with_effect(response).await,
            Err(_) => (Problem::timed_out(longest).into_response(), WriteEffect::Unknown),
        }
    };
    match run_once(&app, caller.actor, &key, &fingerprint, Box::pin(write)).await? {
        Outcome::Done(response) => Ok(response),
        Outcome::Replayed(stored) => {
            let stored: StoredResponse = serde_json::from_str(&stored).map_err(Error::internal)?;
            stored.into_response()
        }
    }
}

/// Independent of the spelling of the path.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let mut hash = Sha256::new_with_prefix("rest");
    let in_header = |name| parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    for part in [
        parts.method.as_str().as_bytes(),
        bare(parts.uri.path()).as_bytes(),
        parts.uri.query().unwrap_or_default().as_bytes(),
        in_header(header::CONTENT_TYPE),
        in_header(header::IF_MATCH),
        body,
    ] {
        // With the length, so that bytes cannot move from one part to the next.
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

async fn with_effect(response: Response) -> (Response, WriteEffect) {
    let (status, headers) = (response.status(), response.headers());
    let is_secret = headers
        .get(header::CACHE_CONTROL)
        .is_some_and(|control| control == NO_STORE);
    if status.is_client_error() {
        return (response, WriteEffect::Nothing);
    }
    // The error may be of a read after the commit, also if the client may retry.
    if status.is_server_error() {
        return (response, WriteEffect::Unknown);
    }
    if is_secret {
        return (response, WriteEffect::Secret);
    }
    let (parts, body) = response.into_parts();
    // Responses to writes are in memory.
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            let effect = StoredResponse::of(&parts, &bytes).map_or(WriteEffect::Unknown, WriteEffect::Answer);
            (Response::from_parts(parts, Body::from(bytes)), effect)
        }
        Err(error) => (Problem::internal(error).into_response(), WriteEffect::Unknown),
    }
}

/// Fields may be added, never renamed or removed.
#[derive(Serialize, Deserialize)]
struct StoredResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl StoredResponse {
    /// `None` if the body is not text.
    fn of(response: &response::Parts, body: &[u8]) -> Option<String> {
        let text = |name: &HeaderName| Some((name.to_string(), response.headers.get(name)?.to_str().ok()?.to_owned()));
        let stored = Self {
            status: response.status.as_u16(),
            headers: STORED_HEADERS.iter().filter_map(text).collect(),
            body: String::from_utf8(body.to_vec()).ok()?,
        };
        serde_json::to_string(&stored).ok()
    }

    fn into_response(self) -> Result<Response> {
        let mut response = Response::builder().status(self.status).header(REPLAYED, "true");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Body::from(self.body)).map_err(Error::internal)?)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_request_that_fails_on_the_server_may_have_written() {
        let error = Error::Unavailable {
            retry_after: Duration::from_secs(1),
            cause: None,
        };
        let (response, effect) = with_effect(Problem::from(error).into_response()).await;
        assert!(response.headers().contains_key(header::RETRY_AFTER));
        assert!(matches!(effect, WriteEffect::Unknown));
    }
}
