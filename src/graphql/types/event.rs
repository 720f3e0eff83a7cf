//! The event log in GraphQL: where it stands.

use async_graphql::{Context, Object};

use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;

/// The root field whose value is read before those of all others.
pub(in crate::graphql) const EVENT_CURSOR: &str = "eventCursor";

/// What can be read of the event log.
#[derive(Debug, Default)]
pub struct EventQuery;

#[Object]
impl EventQuery {
    /// Where the log of all events stands. It is read before everything else in its request, so that a
    /// subscription `after` it misses nothing that the lists of the same answer do not show.
    #[graphql(guard = "SignedIn")]
    async fn event_cursor(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        if let Some(cursor) = ctx.event_cursor() {
            return Some(Ok(cursor.encode()));
        }
        let head = ctx.domain().events().head(ctx.actor()).await;
        Some(head.map(|cursor| cursor.encode()).map_err(Into::into))
    }
}
