//! Request rate limits per minute, and their response headers.
//!
//! Every accepted request counts, whatever its response. Refused requests and unknown paths do not count.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use secrecy::SecretString;

use super::error::Problem;
use crate::domain::session::Device;
use crate::http::caller::Caller;
use crate::rate_limit::{Allowance, Exhausted, Tier};
use crate::state::AppState;

pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// Unix seconds at which all requests are available again.
pub(crate) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

pub(super) async fn limit(State((app, tier)): State<(AppState, Tier)>, request: Request, next: Next) -> Response {
    let Some(limits) = app.request_limits() else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::of(&parts, &app).await {
        Ok(caller) => caller,
        Err(error) => return Problem::from(error).into_response(),
    };
    match limits.spend(tier, &caller, 1, app.domain().clock().now()).await {
        Ok(allowance) => {
            // The handler reads the caller too: the session is looked up only once.
            parts.extensions.insert(caller);
            tell(next.run(Request::from_parts(parts, body)).await, allowance)
        }
        Err(exhausted) => refuse(exhausted),
    }
}

/// Counts a refresh by session, or by IP address without a valid refresh token. Only the body has the token, so this is
/// not a layer.
pub(super) async fn limit_refresh(
    app: &AppState,
    device: &Device,
    token: Option<&SecretString>,
    answer: impl Future<Output = Response>,
) -> Response {
    let Some(limits) = app.request_limits() else {
        return answer.await;
    };
    match limits.spend_refresh(app.domain(), token, device.ip).await {
        Ok(Ok(allowance)) => tell(answer.await, allowance),
        Ok(Err(exhausted)) => refuse(exhausted),
        Err(error) => Problem::from(error).into_response(),
    }
}

/// Counts a request with a password by IP address in the strict tier. Only the body shows whether there is one.
pub(super) async fn limit_password(
    app: &AppState,
    device: &Device,
    answer: impl Future<Output = Response>,
) -> Response {
    let Some(limits) = app.request_limits() else {
        return answer.await;
    };
    match limits.spend_password(device.ip, app.domain().clock().now()).await {
        Ok(allowance) => tell(answer.await, allowance),
        Err(exhausted) => refuse(exhausted),
    }
}

fn refuse(exhausted: Exhausted) -> Response {
    tell(Problem::rate_limited(exhausted).into_response(), exhausted.allowance)
}

fn tell(mut response: Response, allowance: Allowance) -> Response {
    let headers = response.headers_mut();
    if headers.contains_key(LIMIT) {
        // The handler has a tighter limit.
        return response;
    }
    headers.insert(LIMIT, allowance.limit.into());
    headers.insert(REMAINING, allowance.remaining.into());
    headers.insert(RESET, HeaderValue::from(allowance.reset_at.timestamp()));
    response
}
