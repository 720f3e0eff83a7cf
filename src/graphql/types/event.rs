//! The current position of the event log.

use async_graphql::{Context, Object};

use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;

/// This root field is read before all others.
pub(in crate::graphql) const EVENT_CURSOR: &str = "eventCursor";

/// Queries for the event log.
#[derive(Debug, Default)]
pub struct EventQuery;

#[Object]
impl EventQuery {
    /// Current position of the event log, for `after` of a subscription. It is read before all other fields of the
    /// request. So the subscription receives every change that the lists in the same response do not show.
    #[graphql(guard = "SignedIn")]
    async fn event_cursor(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        if let Some(cursor) = &ctx.request().event_cursor {
            return Some(Ok(cursor.encode()));
        }
        let head = ctx.domain().events().head(ctx.actor()).await;
        Some(head.map(|cursor| cursor.encode()).map_err(Into::into))
    }
}
