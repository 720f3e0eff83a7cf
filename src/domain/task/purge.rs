//! Permanent deletion of tasks: on request, and after their retention in the trash.

use chrono::TimeDelta;

use crate::domain::actor::Actor;
use crate::domain::attachment::Removal;
use crate::domain::error::{Error, Result};
use crate::domain::event::NewEvent;
use crate::domain::id::TaskId;
use crate::domain::policy::{self, PurgeTask};
use crate::domain::store;

use super::write::{TrashState, Write};
use super::{ExpectedVersion, Tasks, WrittenTask};

/// Tasks that are selected at once.
const BATCH: u64 = 100;

impl Tasks<'_> {
    /// Deletes a task permanently, whether or not it is in the trash. Its events stay. Returns its last state.
    pub async fn purge(self, actor: &Actor, id: TaskId, expected: ExpectedVersion) -> Result<WrittenTask> {
        let write = self.open(actor, id, TrashState::Anywhere, expected).await?;
        self.purge_opened(actor, write).await
    }

    /// Purges tasks that have been in the trash for at least `retention`. Returns the number of purged tasks.
    pub async fn purge_trash(self, actor: &Actor, retention: TimeDelta) -> Result<u64> {
        let scope = policy::scope(actor)?;
        let moment = self.core.clock.now() - retention;
        let mut purged = 0;
        loop {
            let found = store::task::in_trash_since(&self.core.store.reader(actor), &scope, moment, BATCH).await?;
            if found.is_empty() {
                return Ok(purged);
            }
            for id in found {
                match self
                    .open(actor, id, TrashState::TrashSince(moment), ExpectedVersion::any())
                    .await
                {
                    Ok(write) => {
                        self.purge_opened(actor, write).await?;
                        purged += 1;
                    }
                    // It was restored or purged meanwhile.
                    Err(Error::NotFound { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn purge_opened(self, actor: &Actor, write: Write) -> Result<WrittenTask> {
        let permit = policy::permit(actor, PurgeTask, &write.before.task)?;
        let now = self.core.clock.now();
        let files = if write.before.attachments.is_empty() {
            Vec::new()
        } else {
            store::attachment::keys_of_task(&write.transaction, &permit).await?
        };
        let removal = Removal::plan(&write.transaction, files, now).await?;
        store::task::delete(&write.transaction, &permit).await?;
        let event = NewEvent::purged(&permit, &write.before, now);
        let cursor = store::event::append(&write.transaction, event).await?;
        write.transaction.commit().await?;
        removal.carry_out(self.core).await;
        Ok(WrittenTask::changed(write.before, cursor))
    }
}
