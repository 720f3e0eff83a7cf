//! The use cases of the log as a whole.

use chrono::TimeDelta;

use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::store;

use super::EventCursor;

/// So many events are forgotten in one transaction: a long one would keep back live delivery.
const PRUNED_AT_ONCE: u64 = 2_000;

/// The use cases of the log as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Events<'a> {
    core: &'a Core,
}

impl<'a> Events<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Where the log stands: no event becomes visible at or before this place any more. It tells nothing of
    /// what the events are, so everybody who sees tasks may have it.
    #[tracing::instrument(target = "taskwire::span", name = "event.head", skip_all)]
    pub async fn head(self, actor: &Actor) -> Result<EventCursor> {
        let scope = policy::scope(actor)?;
        store::event::log::head(&self.core.store.reader(actor), &scope).await
    }

    /// Forgets what happened longer ago than `retention`. A cursor from before that is good for nothing any
    /// more. Returns how many events were forgotten. Several nodes may do it at once.
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
