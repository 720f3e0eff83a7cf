//! The end of a connection, from the side of the server.

use std::future::pending;
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
    User { _slot: UserSlot },
}

/// Waits until the connection must close. Without a user, the shutdown or a newer connection closes it.
pub(super) async fn ended(state: &GraphqlState, live_connection: Option<&LiveConnection>, slot: &Slot) -> CloseReason {
    if let Some(live_connection) = live_connection {
        return live_connection.ended().await.into();
    }
    let displaced = async {
        match slot {
            Slot::Anonymous(slot) => slot.displaced().await,
            Slot::User { .. } => pending().await,
        }
    };
    tokio::select! {
        () = state.domain().live().closing() => Ending::Shutdown.into(),
        () = displaced => CloseReason::TryAgainLater("Too many connections without a user"),
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
