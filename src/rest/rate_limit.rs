//! Request rate limits per minute, and their response headers.
//!
//! Every accepted request counts, whatever its response. Refused requests and unknown paths do not count.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;

use super::error::{Problem, Result};
use crate::domain::session::Device;
use crate::http::caller::Caller;
use crate::rate_limit::{Allowance, Exhausted, Tier};
use crate::state::AppState;

pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// Unix seconds at which all requests are available again.
pub(crate) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

pub(super) async fn limit(
    State((app, tier)): State<(AppState, Tier)>,
    request: Request,
    next: Next,
) -> Result<Response> {
    let Some(limits) = app.request_limits() else {
        return Ok(next.run(request).await);
    };
    let (mut parts, body) = request.into_parts();
    let caller = Caller::of(&parts, &app).await?;
    let spent = limits.spend(tier, &caller, 1, app.domain().clock().now()).await;
    // The handler reads the caller too: the session is looked up only once.
    parts.extensions.insert(caller);
    Ok(answer(spent, next.run(Request::from_parts(parts, body))).await)
}

/// Counts a refresh by session, and a request with a password or without a valid refresh token by IP address in the
/// strict tier. Only the body shows which it is, so this is not a layer.
pub(super) async fn limit_secret(
    app: &AppState,
    device: &Device,
    token: Option<&SecretString>,
    handler: impl Future<Output: IntoResponse>,
) -> Result<Response> {
    let Some(limits) = app.request_limits() else {
        return Ok(handler.await.into_response());
    };
    let spent = limits.spend_refresh(app.domain(), token, device.ip).await?;
    Ok(answer(spent, handler).await)
}

async fn answer(
    spent: std::result::Result<Allowance, Exhausted>,
    handler: impl Future<Output: IntoResponse>,
) -> Response {
    let (mut response, allowance) = match spent {
        Ok(allowance) => (handler.await.into_response(), allowance),
        Err(exhausted) => (Problem::rate_limited(exhausted).into_response(), exhausted.allowance),
    };
    let headers = response.headers_mut();
    // Otherwise the handler has a tighter limit.
    if !headers.contains_key(LIMIT) {
        headers.insert(LIMIT, allowance.limit.into());
        headers.insert(REMAINING, allowance.remaining.into());
        headers.insert(RESET, HeaderValue::from(allowance.reset_at.timestamp()));
    }
    response
}
