//! `Idempotency-Key`: writes that are safe to repeat.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use utoipa::IntoParams;

use super::error::{Problem, Result};
use super::{PREFIXES, extract};
use crate::domain::error::Error;
use crate::http::caller::Caller;
use crate::http::idempotency::{NOT_WITH_FILES, Outcome, REPLAYED, WriteEffect, key_in, run_once};
use crate::state::AppState;

/// Headers that are stored with a response.
const KEPT_HEADERS: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];

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

/// Reads need no keys, and the response to signing in has secrets that must not be stored.
pub(super) fn is_for(method: &Method, path: &str) -> bool {
    *method != Method::GET && (!path.starts_with("/auth/") || path == "/auth/logout")
}

/// Runs a write unless its key was used before. Only signed-in users have keys.
pub(super) async fn once(State(app): State<AppState>, request: Request, next: Next) -> Response {
    let Some(key) = key_in(request.headers()) else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::of(&parts, &app).await {
        Ok(caller) => caller,
        Err(error) => return Problem::from(error).into_response(),
    };
    if caller.actor.user_id().is_none() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    if extract::content_type(&parts.headers).is_some_and(|kind| kind.starts_with("multipart/")) {
        return Problem::bad_request(NOT_WITH_FILES).into_response();
    }
    parts.extensions.insert(caller.clone());
    let answer = answer(&app, caller, &key, Request::from_parts(parts, body), next);
    answer.await.unwrap_or_else(Problem::into_response)
}

async fn answer(app: &AppState, caller: Caller, key: &str, request: Request, next: Next) -> Result<Response> {
    extract::require_unencoded(request.headers())?;
    let (parts, body) = request.into_parts();
    let mut whole = Request::new(body);
    // The extensions include the body limit.
    whole.extensions_mut().clone_from(&parts.extensions);
    let bytes = extract::read_body(whole, app).await?;
    let fingerprint = fingerprint(&parts, &bytes);
    let longest = app.config().http.request_timeout;
    let write = async move {
        let request = Request::from_parts(parts, Body::from(bytes));
        match tokio::time::timeout(longest, next.run(request)).await {
            Ok(response) => with_effect(response).await,
            Err(_) => (Problem::timed_out(longest).into_response(), WriteEffect::Unknown),
        }
    };
    match run_once(app, caller.actor, key, &fingerprint, Box::pin(write)).await? {
        Outcome::Done(response) => Ok(response),
        Outcome::Replayed(kept) => {
            let kept: Kept = serde_json::from_str(&kept).map_err(Error::internal)?;
            kept.into_response()
        }
    }
}

/// Independent of the spelling of the path.
fn fingerprint(parts: &Parts, body: &[u8]) -> String {
    let path = parts.uri.path();
    let path = path.strip_prefix(PREFIXES[0]).unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut hash = Sha256::new_with_prefix("rest");
    let in_header = |name| parts.headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default();
    for part in [
        parts.method.as_str().as_bytes(),
        path.as_bytes(),
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
    let status = response.status();
    if status.is_server_error() {
        // `Retry-After` is only set before anything is written.
        let effect = if response.headers().contains_key(header::RETRY_AFTER) {
            WriteEffect::Nothing
        } else {
            WriteEffect::Unknown
        };
        return (response, effect);
    }
    if status.is_client_error() {
        return (response, WriteEffect::Nothing);
    }
    if response
        .headers()
        .get(header::CACHE_CONTROL)
        .is_some_and(|control| control == NO_STORE)
    {
        return (response, WriteEffect::Secret);
    }
    let (parts, body) = response.into_parts();
    // Responses to writes are in memory.
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => {
            let problem = Problem::from(Error::internal(error));
            return (problem.into_response(), WriteEffect::Unknown);
        }
    };
    let effect = Kept::of(parts.status, &parts.headers, &bytes).map_or(WriteEffect::Unknown, WriteEffect::Answer);
    (Response::from_parts(parts, Body::from(bytes)), effect)
}

/// A stored response. Fields may be added, never renamed or removed.
#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Kept {
    fn of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let text = |name: &HeaderName| Some((name.to_string(), headers.get(name)?.to_str().ok()?.to_owned()));
        let kept = Self {
            status: status.as_u16(),
            headers: KEPT_HEADERS.iter().filter_map(text).collect(),
            body: String::from_utf8(body.to_vec()).ok()?,
        };
        serde_json::to_string(&kept).ok()
    }

    fn into_response(self) -> Result<Response> {
        let mut response = Response::builder().status(self.status).header(REPLAYED, "true");
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        Ok(response.body(Body::from(self.body)).map_err(Error::internal)?)
    }
}
