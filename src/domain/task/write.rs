//! The use cases that change tasks. Each is one transaction: the locked row is read, the policy
//! asked, the change applied, and the row and its event are written together.

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::NewEvent;
use crate::domain::id::{TaskId, UserId};
use crate::domain::policy::{self, ChangeTask, CreateTask, NewTask, RestoreTask, TagTask};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::tag;
use crate::domain::workflow::Status;

use super::locked::{Locked, check_assignee};
use super::{ExpectedVersion, Snapshot, Task, TaskChange, TaskDraft, Tasks};

/// Whether a write looks for tasks outside the trash or in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Live,
    Trash,
    /// In the trash since that moment or longer.
    TrashSince(Timestamp),
    Anywhere,
}

impl Place {
    fn holds(self, task: &Task) -> bool {
        match self {
            Self::Live => task.deleted_at.is_none(),
            Self::Trash => task.deleted_at.is_some(),
            Self::TrashSince(moment) => task.deleted_at.is_some_and(|deleted| deleted <= moment),
            Self::Anywhere => true,
        }
    }
}

impl Tasks<'_> {
    /// Makes a task that belongs to the actor.
    #[tracing::instrument(target = "taskwire::span", name = "task.create", skip_all)]
    pub async fn create(self, actor: &Actor, draft: TaskDraft) -> Result<Snapshot> {
        let owner = actor.signed_in()?.id;
        let permit = policy::permit(actor, CreateTask, &NewTask { owner })?;
        let draft = draft.check()?;
        let now = self.core.clock.now();
        let new = Task {
            id: TaskId(0),
            title: draft.title,
            description: draft.description,
            status: draft.status,
            priority: draft.priority,
            due_date: draft.due_date,
            owner_id: owner,
            assignee_id: draft.assignee,
            version: 1,
            completed_at: (draft.status == Status::Done).then_some(now),
            deleted_at: None,
            created_at: now,
            updated_at: now,
        };
        let new = Snapshot {
            task: new,
            tags: draft.tags,
            attachments: Vec::new(),
        };
        let store = &self.core.store;
        if new.task.assignee_id.is_none() && new.tags.is_empty() && store::new_task::goes_at_once(store) {
            let event = NewEvent::created(permit.actor(), &new);
            return store::new_task::insert_at_once(store, &permit, new, event).await;
        }
        let transaction = store.begin().await?;
        if let Some(assignee) = new.task.assignee_id {
            check_assignee(&transaction, actor, assignee).await?;
        }
        let made = store::new_task::insert(&transaction, &permit, new).await?;
        store::event::append(&transaction, NewEvent::created(permit.actor(), &made)).await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// Changes a task. `expected` tells which versions the change may have been based on.
    #[tracing::instrument(target = "taskwire::span", name = "task.update", skip_all)]
    pub async fn update(
        self,
        actor: &Actor,
        id: TaskId,
        change: TaskChange,
        expected: ExpectedVersion,
    ) -> Result<Snapshot> {
        let change = change.check()?;
        let write = self.open(actor, id, Place::Live, expected).await?;
        let after = write.locked().change(actor, change, self.core.clock.now()).await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Hands a task to somebody, or to nobody.
    #[tracing::instrument(target = "taskwire::span", name = "task.assign", skip_all)]
    pub async fn assign(
        self,
        actor: &Actor,
        id: TaskId,
        to: Option<UserId>,
        expected: ExpectedVersion,
    ) -> Result<Snapshot> {
        let write = self.open(actor, id, Place::Live, expected).await?;
        let after = write.locked().assign(actor, to, self.core.clock.now()).await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Moves a task along the workflow.
    #[tracing::instrument(target = "taskwire::span", name = "task.transition", skip_all)]
    pub async fn transition(
        self,
        actor: &Actor,
        id: TaskId,
        to: Status,
        expected: ExpectedVersion,
    ) -> Result<Snapshot> {
        let write = self.open(actor, id, Place::Live, expected).await?;
        let after = write.locked().transition(actor, to, self.core.clock.now()).await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Adds tags to a task; those it has already change nothing.
    #[tracing::instrument(target = "taskwire::span", name = "task.add_tags", skip_all)]
    pub async fn add_tags(
        self,
        actor: &Actor,
        id: TaskId,
        tags: &[String],
        expected: ExpectedVersion,
    ) -> Result<Snapshot> {
        let tags = tag::normalise(tags)?;
        self.edit(actor, id, TagTask, Place::Live, expected, |after| {
            after.tags.extend(tags);
            tag::check_count(&after.tags)
        })
        .await
    }

    /// Takes tags from a task; those it has not change nothing.
    #[tracing::instrument(target = "taskwire::span", name = "task.remove_tags", skip_all)]
    pub async fn remove_tags(
        self,
        actor: &Actor,
        id: TaskId,
        tags: &[String],
        expected: ExpectedVersion,
    ) -> Result<Snapshot> {
        let tags = tag::normalise(tags)?;
        self.edit(actor, id, TagTask, Place::Live, expected, |after| {
            after.tags.retain(|tag| !tags.contains(tag));
            Ok(())
        })
        .await
    }

    /// Puts a task in the trash, where it is out of sight until it is restored.
    #[tracing::instrument(target = "taskwire::span", name = "task.delete", skip_all)]
    pub async fn delete(self, actor: &Actor, id: TaskId, expected: ExpectedVersion) -> Result<Snapshot> {
        let write = self.open(actor, id, Place::Live, expected).await?;
        let after = write.locked().delete(actor, self.core.clock.now()).await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Takes a task out of the trash.
    #[tracing::instrument(target = "taskwire::span", name = "task.restore", skip_all)]
    pub async fn restore(self, actor: &Actor, id: TaskId, expected: ExpectedVersion) -> Result<Snapshot> {
        self.edit(actor, id, RestoreTask, Place::Trash, expected, |after| {
            after.task.deleted_at = None;
            Ok(())
        })
        .await
    }

    /// One change under one permit.
    async fn edit<A: ChangeTask>(
        self,
        actor: &Actor,
        id: TaskId,
        action: A,
        place: Place,
        expected: ExpectedVersion,
        change: impl FnOnce(&mut Snapshot) -> Result<()>,
    ) -> Result<Snapshot> {
        let write = self.open(actor, id, place, expected).await?;
        let after = write
            .locked()
            .edit(actor, action, self.core.clock.now(), change)
            .await?;
        write.transaction.commit().await?;
        Ok(after)
    }

    /// Begins a write to one task: nobody else changes it until the transaction ends.
    pub(super) async fn open(
        self,
        actor: &Actor,
        id: TaskId,
        place: Place,
        expected: ExpectedVersion,
    ) -> Result<Write> {
        let scope = policy::scope(actor)?;
        let transaction = self.core.store.begin().await?;
        let before = store::task::lock(&transaction, &scope, id)
            .await?
            .filter(|found| place.holds(&found.task))
            .ok_or_else(|| Error::not_found("task", id))?;
        if expected.accepts(before.task.version) {
            Ok(Write { transaction, before })
        } else {
            Err(Error::Conflict {
                expected,
                current: Box::new(before),
            })
        }
    }
}

/// A write to one task that has begun. Dropping it undoes it.
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
