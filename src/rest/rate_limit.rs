//! How often a client may ask within a minute, and how that is told.
//!
//! What counts is a request that is let through, be it answered with 401 or 200; one that is refused here does not.
//! Where nothing answers, nothing is counted either.

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

/// How many requests there are for a minute.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// How many of them are left.
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// When all of them are there again, if no more are sent: Unix seconds.
pub(crate) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Lets a request through if its client has one left in this tier.
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
            // The handler asks who calls, too: the session is looked up once.
            parts.extensions.insert(caller);
            tell(next.run(Request::from_parts(parts, body)).await, allowance)
        }
        Err(exhausted) => refuse(exhausted),
    }
}

/// Answers a refresh if its session has one left. One without a refresh token of ours counts by address. Its limit is
/// known only when its body is read.
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

/// Answers a request that shows a password if its address has one left in the strict tier. Whether it shows one is known
/// only when its body is read.
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
        // A handler has told of a tighter limit.
        return response;
    }
    headers.insert(LIMIT, allowance.limit.into());
    headers.insert(REMAINING, allowance.remaining.into());
    headers.insert(RESET, HeaderValue::from(allowance.reset_at.timestamp()));
    response
}
