//! The use cases that change tasks. Each is one transaction: lock and read the row, check the policy, apply the change,
//! write the row and its event.

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::{TaskId, UserId};
use crate::domain::policy;
use crate::domain::store::{self, WriteTransaction};
use crate::domain::tag;
use crate::domain::task::workflow::Status;

use super::task_change::{Locked, Operation};
use super::{ExpectedVersion, Snapshot, Task, TaskChange, Tasks, WrittenTask};

/// Whether a write expects the task in the trash or outside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrashState {
    Live,
    Trash,
    /// In the trash since this moment or longer.
    TrashSince(Timestamp),
    Anywhere,
}

impl TrashState {
    fn holds(self, task: &Task) -> bool {
        match self {
            Self::Live => task.deleted_at.is_none(),
            Self::Trash => task.deleted_at.is_some(),
            Self::TrashSince(moment) => task.deleted_at.is_some_and(|deleted| deleted <= moment),
            Self::Anywhere => true,
        }
    }
}

/// Which status changes an update accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Allowed transitions only.
    Direct,
    /// Also any change of a closed task, which is reopened first. Boards of older clients drag a card between any two
    /// columns.
    ThroughTodo,
}

impl Tasks<'_> {
    /// Changes a task. `expected` lists the versions that the change may be based on.
    pub async fn update(
        self,
        actor: &Actor,
        id: TaskId,
        change: TaskChange,
        expected: ExpectedVersion,
    ) -> Result<WrittenTask> {
        self.update_by(actor, id, change, expected, Moves::Direct).await
    }

    /// Changes a task like [`update`](Self::update). With [`Moves::ThroughTodo`], a transition that is not allowed goes
    /// through `todo`: two changes with their events, in one transaction.
    #[tracing::instrument(target = "taskwire::span", name = "task.update", skip_all)]
    pub async fn update_by(
        self,
        actor: &Actor,
        id: TaskId,
        change: TaskChange,
        expected: ExpectedVersion,
        moves: Moves,
    ) -> Result<WrittenTask> {
        let change = change.check()?;
        let mut write = self.open(actor, id, TrashState::Live, expected).await?;
        let now = self.core.clock.now();
        let from = write.before.task.status;
        if moves == Moves::ThroughTodo && change.status.is_some_and(|to| from.transition(to).is_err()) {
            let reopened = write
                .locked()
                .apply(actor, Operation::Transition(Status::Todo), now)
                .await?;
            write.before = reopened.snapshot;
        }
        let after = write.locked().apply(actor, Operation::Update(change), now).await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Assigns a task to a user, or unassigns it.
    #[tracing::instrument(target = "taskwire::span", name = "task.assign", skip_all)]
    pub async fn assign(
        self,
        actor: &Actor,
        id: TaskId,
        to: Option<UserId>,
        expected: ExpectedVersion,
    ) -> Result<WrittenTask> {
        self.write(actor, id, expected, Operation::Assign(to)).await
    }

    /// Changes the status of a task by the workflow.
    #[tracing::instrument(target = "taskwire::span", name = "task.transition", skip_all)]
    pub async fn transition(
        self,
        actor: &Actor,
        id: TaskId,
        to: Status,
        expected: ExpectedVersion,
    ) -> Result<WrittenTask> {
        self.write(actor, id, expected, Operation::Transition(to)).await
    }

    /// Adds tags to a task; tags that it already has are ignored.
    #[tracing::instrument(target = "taskwire::span", name = "task.add_tags", skip_all)]
    pub async fn add_tags(
        self,
        actor: &Actor,
        id: TaskId,
        tags: &[String],
        expected: ExpectedVersion,
    ) -> Result<WrittenTask> {
        let operation = Operation::AddTags(tag::normalise(tags)?);
        self.write(actor, id, expected, operation).await
    }

    /// Removes tags from a task; tags that it does not have are ignored.
    #[tracing::instrument(target = "taskwire::span", name = "task.remove_tags", skip_all)]
    pub async fn remove_tags(
        self,
        actor: &Actor,
        id: TaskId,
        tags: &[String],
        expected: ExpectedVersion,
    ) -> Result<WrittenTask> {
        let operation = Operation::RemoveTags(tag::normalise(tags)?);
        self.write(actor, id, expected, operation).await
    }

    /// Moves a task to the trash, where it is hidden until it is restored.
    #[tracing::instrument(target = "taskwire::span", name = "task.delete", skip_all)]
    pub async fn delete(self, actor: &Actor, id: TaskId, expected: ExpectedVersion) -> Result<WrittenTask> {
        self.write(actor, id, expected, Operation::Trash).await
    }

    /// Restores a task from the trash.
    #[tracing::instrument(target = "taskwire::span", name = "task.restore", skip_all)]
    pub async fn restore(self, actor: &Actor, id: TaskId, expected: ExpectedVersion) -> Result<WrittenTask> {
        self.write(actor, id, expected, Operation::Restore).await
    }

    async fn write(
        self,
        actor: &Actor,
        id: TaskId,
        expected: ExpectedVersion,
        operation: Operation,
    ) -> Result<WrittenTask> {
        let state = match operation {
            Operation::Restore => TrashState::Trash,
            _ => TrashState::Live,
        };
        let write = self.open(actor, id, state, expected).await?;
        let after = write.locked().apply(actor, operation, self.core.clock.now()).await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Starts a write and locks the task until the transaction ends.
    pub(super) async fn open(
        self,
        actor: &Actor,
        id: TaskId,
        state: TrashState,
        expected: ExpectedVersion,
    ) -> Result<Write> {
        let scope = policy::scope(actor)?;
        let transaction = self.core.store.begin().await?;
        let before = store::task::lock(&transaction, &scope, id)
            .await?
            .filter(|found| state.holds(&found.task))
            .ok_or_else(|| Error::not_found(id))?;
        let write = Write { transaction, before };
        write.locked().check_version(&expected)?;
        Ok(write)
    }
}

/// A write in progress. Dropping it rolls back the transaction.
pub(super) struct Write {
    pub(super) transaction: WriteTransaction,
    pub(super) before: Snapshot,
}

impl Write {
    pub(super) fn locked(&self) -> Locked<'_> {
        Locked {
            transaction: &self.transaction,
            before: &self.before,
        }
    }
}
