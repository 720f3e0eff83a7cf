//! The use cases that change many tasks at once.
//!
//! All of it is one transaction under either policy. What can fail for one task fails before
//! anything is written for it, so the others need not be undone; and when the database fails in the
//! middle, nothing was done.

use std::collections::{BTreeMap, HashSet};

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::workflow::Status;
use crate::domain::{policy, store};

use super::draft::CheckedChange;
use super::locked::Locked;
use super::{Snapshot, TaskChange, Tasks};

/// The most tasks that are changed at once.
pub const MAX_BULK: usize = 100;

/// What becomes of the others when one task cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// Nothing is written.
    AllOrNothing,
    /// They are changed all the same.
    Partial,
}

/// What became of one task.
#[derive(Clone, Debug)]
pub struct BulkResult {
    /// Where its id first came in the request, from 0.
    pub position: usize,
    /// Which task.
    pub id: TaskId,
    /// Its status before; none for one that was not found.
    pub previous_status: Option<Status>,
    /// What became of it.
    pub outcome: BulkOutcome,
}

/// What became of one of many changes.
#[derive(Clone, Debug)]
pub enum BulkOutcome {
    /// The task as it stands now.
    Done(Box<Snapshot>),
    /// Why it cannot be done.
    Failed(Error),
    /// It could have been done, but another failed.
    Undone,
}

/// What is done to each task.
enum Step {
    Change(CheckedChange),
    Transition(Status),
    Delete,
}

impl Step {
    async fn apply(&self, task: Locked<'_>, actor: &Actor, now: Timestamp) -> Result<Snapshot> {
        match self {
            Self::Change(change) => task.change(actor, change.clone(), now).await,
            Self::Transition(to) => task.transition(actor, *to, now).await,
            Self::Delete => task.delete(actor, now).await,
        }
    }
}

impl Tasks<'_> {
    /// Makes the same change to up to 100 tasks. An id that comes more than once counts once.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_update", skip_all)]
    pub async fn bulk_update(
        self,
        actor: &Actor,
        ids: &[TaskId],
        change: TaskChange,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        check_count(ids)?;
        let step = Step::Change(change.check()?);
        self.in_bulk(actor, ids, &step, errors).await
    }

    /// Moves up to 100 tasks along the workflow. An id that comes more than once counts once.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_transition", skip_all)]
    pub async fn bulk_transition(
        self,
        actor: &Actor,
        ids: &[TaskId],
        to: Status,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        check_count(ids)?;
        self.in_bulk(actor, ids, &Step::Transition(to), errors).await
    }

    /// Puts up to 100 tasks in the trash. An id that comes more than once counts once.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_delete", skip_all)]
    pub async fn bulk_delete(self, actor: &Actor, ids: &[TaskId], errors: ErrorPolicy) -> Result<Vec<BulkResult>> {
        check_count(ids)?;
        self.in_bulk(actor, ids, &Step::Delete, errors).await
    }

    async fn in_bulk(self, actor: &Actor, ids: &[TaskId], step: &Step, errors: ErrorPolicy) -> Result<Vec<BulkResult>> {
        let scope = policy::scope(actor)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        let found = store::task::lock_many(&transaction, &scope, ids).await?;
        let live = found.into_iter().filter(|found| found.task.deleted_at.is_none());
        let before: BTreeMap<TaskId, Snapshot> = live.map(|found| (found.task.id, found)).collect();
        let mut results = Vec::new();
        for (position, id) in once_each(ids) {
            let before = before.get(&id);
            let done = match before {
                Some(before) => {
                    let locked = Locked {
                        transaction: &transaction,
                        before,
                    };
                    step.apply(locked, actor, now).await
                }
                None => Err(Error::not_found("task", id)),
            };
            let outcome = outcome_of(done)?;
            results.push(BulkResult {
                position,
                id,
                previous_status: before.map(|before| before.task.status),
                outcome,
            });
        }
        let failed = results.iter().any(|one| matches!(one.outcome, BulkOutcome::Failed(_)));
        if failed && errors == ErrorPolicy::AllOrNothing {
            undo(&mut results);
        } else {
            transaction.commit().await?;
        }
        Ok(results)
    }
}

fn check_count(ids: &[TaskId]) -> Result<()> {
    if ids.len() <= MAX_BULK {
        return Ok(());
    }
    Err(Error::invalid(
        "ids",
        format!("ids: {} ids were given; up to {MAX_BULK} are allowed", ids.len()),
    ))
}

/// Each id with the place where it first came.
fn once_each(ids: &[TaskId]) -> impl Iterator<Item = (usize, TaskId)> {
    let mut seen = HashSet::new();
    ids.iter().copied().enumerate().filter(move |(_, id)| seen.insert(*id))
}

/// What fails for one task is told of that task; what fails for the server ends the whole.
fn outcome_of(done: Result<Snapshot>) -> Result<BulkOutcome> {
    match done {
        Ok(after) => Ok(BulkOutcome::Done(Box::new(after))),
        Err(
            error @ (Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::Invalid(_)
            | Error::InvalidTransition { .. }
            | Error::Conflict { .. }),
        ) => Ok(BulkOutcome::Failed(error)),
        Err(error) => Err(error),
    }
}

fn undo(results: &mut [BulkResult]) {
    for result in results {
        if matches!(result.outcome, BulkOutcome::Done(_)) {
            result.outcome = BulkOutcome::Undone;
        }
    }
}
