//! The end of a connection, from the side of the server.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::close_reason::CloseReason;
use crate::domain::live::{Ending, LiveConnection};
use crate::graphql::transport::connection_slots::{AnonymousSlot, UserSlot};
use crate::graphql::transport::state::GraphqlState;

pub(super) enum Slot {
    /// Not authenticated yet, or without a user.
    Anonymous(AnonymousSlot),
    /// With a user, whose slot it owns.
    User {
        live_connection: Arc<LiveConnection>,
        _slot: UserSlot,
    },
}

impl Slot {
    /// The current state of the session; `None` for anonymous connections.
    pub(super) fn live_connection(&self) -> Option<Arc<LiveConnection>> {
        match self {
            Self::Anonymous(_) => None,
            Self::User { live_connection, .. } => Some(Arc::clone(live_connection)),
        }
    }
}

/// Waits until the connection must close. Without a user, the shutdown or a newer connection closes it.
pub(super) async fn ended(state: &GraphqlState, slot: &Slot) -> CloseReason {
    match slot {
        Slot::User { live_connection, .. } => live_connection.ended().await.into(),
        Slot::Anonymous(slot) => tokio::select! {
            () = state.domain().live().closing() => Ending::Shutdown.into(),
            () = slot.displaced() => CloseReason::TryAgainLater("Too many connections without a user"),
        },
    }
}

/// Waits until the connection has been over for this time.
pub(super) async fn ended_for(grace: Option<Duration>, ended: impl Future<Output = CloseReason>) -> CloseReason {
    let close_reason = ended.await;
    if let Some(grace) = grace {
        sleep(grace).await;
    }
    close_reason
}
