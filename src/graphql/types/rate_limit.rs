//! What is left of a client's budget, in GraphQL.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use crate::graphql::context::{ContextExt as _, Spending};

/// Points that you may spend in a minute. An operation costs 3 points, 1 for each object, and more for filters, orders,
/// counts, long texts and mutations; the fields of a list count as often as its `first` asks for. Events of subscriptions
/// cost the same as queries. `taskwire documents check` prints the cost of a document.
#[derive(Debug, SimpleObject)]
pub struct RateLimit {
    /// The points for a minute.
    limit: u32,
    /// What this operation cost.
    cost: u32,
    /// What is left, this operation taken off.
    remaining: u32,
    /// What was spent within the last minute.
    used: u32,
    /// When all points are there again, if no more are spent.
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

/// What can be asked about limits.
#[derive(Debug, Default)]
pub struct RateLimitQuery;

#[Object]
impl RateLimitQuery {
    /// Your budget, for anybody; null when this server has no limit.
    async fn rate_limit(&self, ctx: &Context<'_>) -> Option<RateLimit> {
        ctx.spending().map(RateLimit::from)
    }
}
