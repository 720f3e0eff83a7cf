//! Permanent deletion of tasks: on request, after their retention in the trash, and with their owner.

use chrono::TimeDelta;

use crate::domain::actor::Actor;
use crate::domain::attachment::Removal;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventCursor, NewEvent};
use crate::domain::id::{TaskId, UserId};
use crate::domain::policy::{self, PurgeTask, TransferTask};
use crate::domain::store::{self, WriteTransaction};

use super::task_change::Locked;
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
        let now = self.core.clock.now();
        let (files, cursor) = purge_locked(actor, write.locked(), now).await?;
        let removal = Removal::plan(&write.transaction, files, now).await?;
        write.transaction.commit().await?;
        removal.carry_out(self.core).await;
        Ok(WrittenTask::changed(write.before, cursor))
    }

    /// Transfers or purges the tasks that a deleted user owns, and unassigns the others. Returns the storage keys of
    /// purged files.
    pub(in crate::domain) async fn release_all_of(
        self,
        actor: &Actor,
        transaction: &WriteTransaction,
        leaving: UserId,
        new_owner: Option<UserId>,
    ) -> Result<Vec<String>> {
        let scope = policy::scope(actor)?;
        let mut files = Vec::new();
        let now = self.core.clock.now();
        for before in store::task::lock_all_of(transaction, &scope, leaving).await? {
            let locked = Locked {
                transaction,
                before: &before,
            };
            let is_owner = before.task.owner_id == leaving;
            if is_owner && new_owner.is_none() {
                let (purged_files, _) = purge_locked(actor, locked, now).await?;
                files.extend(purged_files);
                continue;
            }
            let mut after = before.clone();
            if let Some(new_owner) = new_owner.filter(|_| is_owner) {
                after.task.owner_id = new_owner;
                // The new owner may have a task with the same client key.
                after.task.client_key = None;
            }
            after.task.assignee_id = before.task.assignee_id.filter(|assignee| *assignee != leaving);
            let permit = policy::permit(actor, TransferTask, &before.task)?;
            locked.save(&permit, after, now).await?;
        }
        Ok(files)
    }
}

/// Returns the storage keys of the task's files, and the position of the event.
async fn purge_locked(actor: &Actor, locked: Locked<'_>, now: Timestamp) -> Result<(Vec<String>, EventCursor)> {
    let Locked { transaction, before } = locked;
    let permit = policy::permit(actor, PurgeTask, &before.task)?;
    let files = if before.attachments.is_empty() {
        Vec::new()
    } else {
        store::attachment::keys_of_task(transaction, &permit).await?
    };
    store::task::delete(transaction, &permit).await?;
    let cursor = store::event::append(transaction, NewEvent::purged(&permit, before, now)).await?;
    Ok((files, cursor))
}
