//! The use cases that create tasks: one, or many at once.

use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::event::NewEvent;
use crate::domain::policy::{self, CreateTask, Own, Permit};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::tag::Tags;

use super::bulk::{BulkOutcome, ErrorPolicy, MAX_BULK, finish, outcome_of};
use super::task_change::check_assignee;
use super::{Snapshot, TaskDraft, Tasks, WrittenTask};

impl Tasks<'_> {
    /// Creates a task that belongs to the actor. If the actor has a task with the draft's client key, that task is the
    /// result, unchanged and without a cursor.
    #[tracing::instrument(target = "taskwire::span", name = "task.create", skip_all)]
    pub async fn create(self, actor: &Actor, draft: TaskDraft) -> Result<WrittenTask> {
        let owner = actor.signed_in()?.id;
        let permit = policy::permit(actor, CreateTask, &Own::of(owner))?;
        let new = draft.check(owner, self.core.clock.now())?;
        let store = &self.core.store;
        if new.task.assignee_id.is_none() && new.task.tags.is_empty() && store::task::create::goes_at_once(store) {
            return self.create_at_once(actor, &permit, new).await;
        }
        let transaction = store.begin().await?;
        let created = create_in(&transaction, actor, &permit, new).await?;
        if created.cursor.is_some() {
            transaction.commit().await?;
        }
        Ok(created)
    }

    /// Creates a task with a single statement, which is also the transaction.
    async fn create_at_once(self, actor: &Actor, permit: &Permit<CreateTask>, new: Snapshot) -> Result<WrittenTask> {
        let (store, scope) = (&self.core.store, policy::scope(actor)?);
        loop {
            let event = NewEvent::created(permit, &new);
            if let Some(created) = store::task::create::insert_at_once(store, permit, new.clone(), event).await? {
                return Ok(created);
            }
            let found = store::task::find_by_client_key(&store.reader(actor), &scope, &new.task).await?;
            // The task with this key was purged meanwhile, so the key is free again.
            if let Some(found) = found {
                return Ok(WrittenTask::unchanged(found));
            }
        }
    }

    /// Creates up to 100 tasks that belong to the actor. Returns one outcome per draft, in the order of the drafts. An
    /// `Err` in `drafts` is a draft that could not be parsed.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_create", skip_all)]
    pub async fn bulk_create(
        self,
        actor: &Actor,
        drafts: Vec<Result<TaskDraft>>,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkOutcome>> {
        let owner = actor.signed_in()?.id;
        let permit = policy::permit(actor, CreateTask, &Own::of(owner))?;
        let given = drafts.len();
        if given > MAX_BULK {
            let message = format!("inputs: {given} tasks were given; up to {MAX_BULK} are allowed");
            return Err(Error::invalid("inputs", message));
        }
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        if drafts.iter().flatten().any(|draft| draft.client_key.is_some()) {
            // Prevents a deadlock between requests with the same keys in different orders.
            store::task::create::lock_owner(&transaction, &permit).await?;
        }
        let check = |draft: TaskDraft| draft.check(owner, now);
        let checked: Vec<Result<Snapshot>> = drafts.into_iter().map(|draft| draft.and_then(check)).collect();
        let valid = checked.iter().flatten();
        let tags: Tags = valid.flat_map(|new| new.task.tags.iter().cloned()).collect();
        store::task::create::ensure_tags(&transaction, &permit, &tags, now).await?;
        let mut outcomes = Vec::with_capacity(given);
        for new in checked {
            let created = match new {
                Ok(new) => create_in(&transaction, actor, &permit, new).await,
                Err(error) => Err(error),
            };
            outcomes.push(outcome_of(created)?);
        }
        finish(transaction, errors, outcomes.iter_mut().collect()).await?;
        Ok(outcomes)
    }
}

/// Creates a task, or returns the task that already has its client key.
async fn create_in(
    transaction: &WriteTransaction,
    actor: &Actor,
    permit: &Permit<CreateTask>,
    new: Snapshot,
) -> Result<WrittenTask> {
    let scope = policy::scope(actor)?;
    if let Some(assignee) = new.task.assignee_id
        && let Err(error) = check_assignee(transaction, actor, assignee).await
    {
        // The task with this key stays the result when its assignee can no longer be assigned.
        if matches!(error, Error::Invalid(_))
            && new.task.client_key.is_some()
            && let Some(found) = store::task::find_by_client_key(transaction.connection(), &scope, &new.task).await?
        {
            return Ok(WrittenTask::unchanged(found));
        }
        return Err(error);
    }
    loop {
        if let Some(created) = store::task::create::insert(transaction, permit, new.clone()).await? {
            let event = NewEvent::created(permit, &created);
            let cursor = store::event::append(transaction, event).await?;
            return Ok(WrittenTask::changed(created, cursor));
        }
        let found = store::task::find_by_client_key(transaction.connection(), &scope, &new.task).await?;
        // The task with this key was purged meanwhile, so the key is free again.
        if let Some(found) = found {
            return Ok(WrittenTask::unchanged(found));
        }
    }
}
