//! The use cases of the whole event log.

use chrono::TimeDelta;

use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::random::{Randomness, hexadecimal};
use crate::domain::store;

use super::EventCursor;

/// Events that are deleted in one transaction. A long transaction would delay live delivery.
const PRUNED_AT_ONCE: u64 = 2_000;
/// Random bytes in the identity of a log.
const IDENTITY_BYTES: usize = 16;

/// A new identity for the log. Cursors with another one are invalid.
pub(crate) fn new_identity(randomness: &dyn Randomness) -> String {
    hexadecimal(randomness, IDENTITY_BYTES)
}

/// The use cases of the whole event log.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    core: &'a Core,
}

impl<'a> Events<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// The head of the log: no later event becomes visible at or before this position. It reveals nothing about the
    /// events, so everyone who sees tasks may read it.
    #[tracing::instrument(target = "taskwire::span", name = "event.head", skip_all)]
    pub async fn head(self, actor: &Actor) -> Result<EventCursor> {
        let scope = policy::scope(actor)?;
        store::event::log::head(&self.core.store.reader(actor), &scope).await
    }

    /// Deletes events older than `retention`. Older cursors become invalid. Returns the number of deleted events.
    /// Several nodes may run it at once.
    #[tracing::instrument(target = "taskwire::span", name = "event.prune", skip_all)]
    pub async fn prune(self, actor: &Actor, retention: TimeDelta) -> Result<u64> {
        let system = policy::system(actor)?;
        let before = self.core.clock.now() - retention;
        let mut total = 0;
        loop {
            let transaction = self.core.store.begin().await?;
            let pruned = store::event::log::prune(&transaction, &system, before, PRUNED_AT_ONCE).await?;
            transaction.commit().await?;
            total += pruned;
            if pruned < PRUNED_AT_ONCE {
                return Ok(total);
            }
        }
    }
}
