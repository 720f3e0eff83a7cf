//! Changes of a task whose row is locked, shared by single and bulk writes.

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::NewEvent;
use crate::domain::id::UserId;
use crate::domain::policy::{self, AssignTask, ChangeTask, EditTask, Permit, RestoreTask, TagTask, TrashTask};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::tag::{self, Tags};
use crate::domain::task::workflow::Status;

use super::draft::CheckedChange;
use super::{ExpectedVersion, Snapshot, Task, WrittenTask};

/// A change of one task.
#[derive(Clone)]
pub(super) enum Operation {
    Update(CheckedChange),
    Assign(Option<UserId>),
    Transition(Status),
    AddTags(Tags),
    RemoveTags(Tags),
    Trash,
    Restore,
}

/// A task whose row is locked until the transaction ends.
#[derive(Clone, Copy)]
pub(super) struct Locked<'a> {
    pub(super) transaction: &'a WriteTransaction,
    pub(super) before: &'a Snapshot,
}

impl Locked<'_> {
    pub(super) fn check_version(self, expected: &ExpectedVersion) -> Result<()> {
        if expected.accepts(self.before.task.version) {
            return Ok(());
        }
        Err(Error::Conflict {
            expected: expected.clone(),
            current: Box::new(self.before.clone()),
        })
    }

    pub(super) async fn apply(self, actor: &Actor, operation: Operation, now: Timestamp) -> Result<WrittenTask> {
        match operation {
            Operation::Update(change) => self.update(actor, change, now).await,
            Operation::Assign(to) => {
                let mut after = self.before.clone();
                let permit = self.set_assignee(actor, &mut after, to).await?;
                self.save(&permit, after, now).await
            }
            Operation::Transition(to) => self.edit(actor, EditTask, now, |task| task.move_to(to, now)).await,
            Operation::AddTags(tags) => {
                self.edit(actor, TagTask, now, |task| {
                    task.tags.extend(tags);
                    tag::check_count(&task.tags)
                })
                .await
            }
            Operation::RemoveTags(tags) => {
                self.edit(actor, TagTask, now, |task| {
                    task.tags.retain(|tag| !tags.contains(tag));
                    Ok(())
                })
                .await
            }
            Operation::Trash => {
                self.edit(actor, TrashTask, now, |task| {
                    task.deleted_at = Some(now);
                    Ok(())
                })
                .await
            }
            Operation::Restore => {
                self.edit(actor, RestoreTask, now, |task| {
                    task.deleted_at = None;
                    Ok(())
                })
                .await
            }
        }
    }

    async fn update(self, actor: &Actor, mut change: CheckedChange, now: Timestamp) -> Result<WrittenTask> {
        let mut after = self.before.clone();
        let mut assignee = self.before.task.assignee_id;
        std::mem::take(&mut change.assignee).apply(&mut assignee);
        // The current assignee may be repeated without the right to assign.
        if assignee != self.before.task.assignee_id {
            self.set_assignee(actor, &mut after, assignee).await?;
        }
        let permit = policy::permit(actor, EditTask, &self.before.task)?;
        change
            .apply(&mut after.task, now)
            .map_err(|error| self.of_task(error))?;
        self.save(&permit, after, now).await
    }

    async fn edit<A: ChangeTask>(
        self,
        actor: &Actor,
        action: A,
        now: Timestamp,
        change: impl FnOnce(&mut Task) -> Result<()>,
    ) -> Result<WrittenTask> {
        let permit = policy::permit(actor, action, &self.before.task)?;
        let mut after = self.before.clone();
        change(&mut after.task).map_err(|error| self.of_task(error))?;
        self.save(&permit, after, now).await
    }

    /// Adds the current task to an error of the workflow.
    fn of_task(self, error: Error) -> Error {
        match error {
            Error::InvalidTransition { from, to, .. } => Error::InvalidTransition {
                from,
                to,
                current: Some(Box::new(self.before.clone())),
            },
            other => other,
        }
    }

    async fn set_assignee(self, actor: &Actor, after: &mut Snapshot, to: Option<UserId>) -> Result<Permit<AssignTask>> {
        let permit = policy::permit(actor, AssignTask { to }, &self.before.task)?;
        if let Some(assignee) = to.filter(|to| self.before.task.assignee_id != Some(*to)) {
            check_assignee(self.transaction, actor, assignee).await?;
        }
        after.task.assignee_id = to;
        Ok(permit)
    }

    /// Writes the task and its event, unless nothing changed.
    pub(super) async fn save<A: ChangeTask>(
        self,
        permit: &Permit<A>,
        mut after: Snapshot,
        now: Timestamp,
    ) -> Result<WrittenTask> {
        if after == *self.before {
            return Ok(WrittenTask::unchanged(after));
        }
        after.task.version += 1;
        after.task.updated_at = now;
        store::task::update(self.transaction, permit, self.before, &after).await?;
        let event = NewEvent::changed(permit, self.before, &after);
        let cursor = store::event::append(self.transaction, event).await?;
        Ok(WrittenTask::changed(after, cursor))
    }
}

/// Only active users can be assignees. Anyone who may assign sees all names, so the error reveals nothing.
pub(super) async fn check_assignee(transaction: &WriteTransaction, actor: &Actor, assignee: UserId) -> Result<()> {
    let scope = policy::scope(actor)?;
    if store::user::is_active(transaction.connection(), &scope, assignee).await? {
        Ok(())
    } else {
        Err(Error::unknown_user("assignee_id", assignee))
    }
}
