//! The use cases that create tasks: one, or many at once.

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::NewEvent;
use crate::domain::id::{TaskId, UserId};
use crate::domain::policy::{self, CreateTask, Own, Permit};
use crate::domain::store::{self, WriteTransaction};
use crate::domain::task::workflow::Status;

use super::bulk::{BulkOutcome, ErrorPolicy, MAX_BULK, outcome_of, undo};
use super::draft::CheckedDraft;
use super::task_change::check_assignee;
use super::{Snapshot, Task, TaskDraft, Tasks, WrittenTask};

impl Tasks<'_> {
    /// Creates a task that belongs to the actor. If the actor has a task with the draft's client key, that task is the
    /// result, unchanged and without a cursor.
    #[tracing::instrument(target = "taskwire::span", name = "task.create", skip_all)]
    pub async fn create(self, actor: &Actor, draft: TaskDraft) -> Result<WrittenTask> {
        let owner = actor.signed_in()?.id;
        let permit = policy::permit(actor, CreateTask, &Own::of(owner))?;
        let new = new_task(owner, draft.check()?, self.core.clock.now());
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
        check_count(drafts.len())?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        if drafts.iter().flatten().any(|draft| draft.client_key.is_some()) {
            // Prevents a deadlock between requests with the same keys in different orders.
            store::task::create::lock_owner(&transaction, &permit).await?;
        }
        let mut outcomes = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let created = match draft.and_then(TaskDraft::check) {
                Ok(draft) => create_in(&transaction, actor, &permit, new_task(owner, draft, now)).await,
                Err(error) => Err(error),
            };
            outcomes.push(outcome_of(created)?);
        }
        let failed = outcomes.iter().any(|one| matches!(one, BulkOutcome::Failed(_)));
        if failed && errors == ErrorPolicy::AllOrNothing {
            undo(&mut outcomes);
        } else {
            transaction.commit().await?;
        }
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
    if let Some(assignee) = new.task.assignee_id {
        check_assignee(transaction, actor, assignee).await?;
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

fn new_task(owner: UserId, draft: CheckedDraft, now: Timestamp) -> Snapshot {
    let task = Task {
        id: TaskId(0),
        title: draft.title,
        description: draft.description,
        status: draft.status,
        priority: draft.priority,
        due_date: draft.due_date,
        due_on: draft.due_on,
        owner_id: owner,
        assignee_id: draft.assignee,
        tags: draft.tags,
        client_key: draft.client_key,
        version: 1,
        completed_at: (draft.status == Status::Done).then_some(now),
        deleted_at: None,
        created_at: now,
        updated_at: now,
    };
    Snapshot {
        task,
        attachments: Vec::new(),
    }
}

fn check_count(given: usize) -> Result<()> {
    if given <= MAX_BULK {
        return Ok(());
    }
    Err(Error::invalid(
        "inputs",
        format!("inputs: {given} tasks were given; up to {MAX_BULK} are allowed"),
    ))
}
