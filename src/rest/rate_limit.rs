//! How often a client may ask within a minute, and how that is told.
//!
//! What counts is a request that is let through, be it answered with 401 or 200; one that is refused here does not.
//! Where nothing answers, nothing is counted either.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::error::Problem;
use crate::app::App;
use crate::http::caller::Caller;
use crate::http::rate_limit::{Allowance, Client, Tier};

/// How many requests there are for a minute.
pub(crate) const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
/// How many of them are left.
pub(crate) const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
/// When all of them are there again, if no more are sent: Unix seconds.
pub(crate) const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// Lets a request through if its client has one left in this tier.
pub(super) async fn limit(State((app, tier)): State<(App, Tier)>, request: Request, next: Next) -> Response {
    let Some(limits) = app.request_limits() else {
        return next.run(request).await;
    };
    let (mut parts, body) = request.into_parts();
    let caller = match Caller::of(&parts, &app).await {
        Ok(caller) => caller,
        Err(error) => return Problem::from(error).into_response(),
    };
    let spent = limits
        .of(tier)
        .spend(Client::of(&caller), 1, app.domain().clock().now());
    match spent.await {
        Ok(allowance) => {
            // The handler asks who calls, too: the session is looked up once.
            parts.extensions.insert(caller);
            tell(next.run(Request::from_parts(parts, body)).await, allowance)
        }
        Err(exhausted) => tell(Problem::rate_limited(exhausted).into_response(), exhausted.allowance),
    }
}

fn tell(mut response: Response, allowance: Allowance) -> Response {
    let headers = response.headers_mut();
    headers.insert(LIMIT, allowance.limit.into());
    headers.insert(REMAINING, allowance.remaining.into());
    headers.insert(RESET, HeaderValue::from(allowance.reset_at.timestamp()));
    response
}
