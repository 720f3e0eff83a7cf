//! Rate limit of a client.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::graphql::context::{ContextExt as _, Spending};

/// Points that you may spend in a minute. An operation costs 3 points, plus 1 for each object, and more for lists,
/// filters, orders, counts, long texts and mutations. The cost of fields in a list is multiplied by its `first`. An event
/// of a subscription costs as much as a query. Filters, orders, counts, statistics and lists of tags cost administrators
/// 20 times as much, because they see all tasks. `taskwire documents check` prints the cost of a document.
#[derive(Debug, SimpleObject)]
pub struct RateLimit {
    /// Maximum number of points in a minute.
    limit: u32,
    /// Cost of this operation, in points.
    cost: u32,
    /// Points that are left after this operation.
    remaining: u32,
    /// Points spent in the last minute, including this operation.
    used: u32,
    /// Date and time at which all points are available again if you spend no more (UTC).
    reset_at: DateTime<Utc>,
}

impl From<Spending> for RateLimit {
    fn from(Spending { cost, allowance }: Spending) -> Self {
        Self {
            limit: allowance.limit,
            cost,
            remaining: allowance.remaining,
            used: allowance.limit - allowance.remaining,
            reset_at: allowance.reset_at,
        }
    }
}

/// Queries for rate limits.
#[derive(Debug, Default)]
pub struct RateLimitQuery;

#[Object]
impl RateLimitQuery {
    /// Your rate limit. Null if rate limits are disabled on this server. Works without being signed in.
    async fn rate_limit(&self, ctx: &Context<'_>) -> Option<RateLimit> {
        ctx.request().spending.map(RateLimit::from)
    }
}
