//! The use cases that change many tasks at once.
//!
//! Each use case is one transaction under either error policy. Checks of a task run before anything is written for it,
//! so a failed task needs no rollback. A database failure rolls back all.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::policy;
use crate::domain::store::{self, WriteTransaction};
use crate::domain::task::workflow::Status;

use super::task_change::{Locked, Operation};
use super::{ExpectedVersion, Snapshot, TaskChange, Tasks, WrittenTask};

/// Maximum number of tasks in one bulk write.
pub const MAX_BULK: usize = 100;

/// How a bulk write treats the other tasks when one fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// No task is written.
    AllOrNothing,
    /// The other tasks are written.
    Partial,
}

/// The tasks of a bulk write, with the expected versions of some of them.
#[derive(Clone, Debug)]
pub struct BulkTargets {
    ids: Vec<TaskId>,
    expected: HashMap<TaskId, ExpectedVersion>,
}

impl BulkTargets {
    /// Up to 100 tasks, with the expected versions of some of them. Duplicate ids count once.
    pub fn new(ids: Vec<TaskId>, versions: &[(TaskId, i32)]) -> Result<Self> {
        if ids.len() > MAX_BULK {
            return Err(Error::invalid(
                "ids",
                format!("ids: {} ids were given; up to {MAX_BULK} are allowed", ids.len()),
            ));
        }
        let mut expected = HashMap::new();
        for (id, version) in versions {
            let problem = if !ids.contains(id) {
                "is not among the tasks to be changed"
            } else if expected.insert(*id, ExpectedVersion::from(Some(*version))).is_some() {
                "has a version already"
            } else {
                continue;
            };
            return Err(Error::invalid(
                "expected_versions",
                format!("expected_versions: the task {id} {problem}; give one version for each task at most"),
            ));
        }
        Ok(Self { ids, expected })
    }

    /// Each task once, with the first position of its id.
    fn once_each(&self) -> impl Iterator<Item = (usize, TaskId)> {
        let mut seen = HashSet::new();
        let ids = self.ids.iter().copied().enumerate();
        ids.filter(move |(_, id)| seen.insert(*id))
    }

    fn expected(&self, id: TaskId) -> ExpectedVersion {
        self.expected.get(&id).cloned().unwrap_or_default()
    }
}

/// The result for one task.
#[derive(Clone, Debug)]
pub struct BulkResult {
    /// First position of its id in the request, from 0.
    pub position: usize,
    /// The task's id.
    pub id: TaskId,
    /// Its status before; `None` if the task was not found.
    pub previous_status: Option<Status>,
    /// The outcome.
    pub outcome: BulkOutcome,
}

/// The outcome for one task of a bulk write.
#[derive(Clone, Debug)]
pub enum BulkOutcome {
    /// It was written; the task after the write.
    Done(Box<WrittenTask>),
    /// It cannot be written, for this reason.
    Failed(Error),
    /// It was valid, but another task failed, so it was not written.
    Undone,
}

impl Tasks<'_> {
    /// Applies one change to many tasks.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_update", skip_all)]
    pub async fn bulk_update(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        change: TaskChange,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        let operation = Operation::Update(change.check()?);
        self.in_bulk(actor, targets, &operation, errors).await
    }

    /// Changes the status of many tasks by the workflow.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_transition", skip_all)]
    pub async fn bulk_transition(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        to: Status,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        self.in_bulk(actor, targets, &Operation::Transition(to), errors).await
    }

    /// Moves many tasks to the trash.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_delete", skip_all)]
    pub async fn bulk_delete(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        self.in_bulk(actor, targets, &Operation::Trash, errors).await
    }

    async fn in_bulk(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        operation: &Operation,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        let scope = policy::scope(actor)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        let found = store::task::lock_many(&transaction, &scope, &targets.ids).await?;
        let live = found.into_iter().filter(|found| found.task.deleted_at.is_none());
        let before: BTreeMap<TaskId, Snapshot> = live.map(|found| (found.task.id, found)).collect();
        let mut results = Vec::new();
        for (position, id) in targets.once_each() {
            let before = before.get(&id);
            let done = match before {
                Some(before) => {
                    let locked = Locked {
                        transaction: &transaction,
                        before,
                    };
                    match locked.check_version(&targets.expected(id)) {
                        Ok(()) => locked.apply(actor, operation.clone(), now).await,
                        Err(conflict) => Err(conflict),
                    }
                }
                None => Err(Error::not_found(id)),
            };
            let outcome = outcome_of(done)?;
            results.push(BulkResult {
                position,
                id,
                previous_status: before.map(|before| before.task.status),
                outcome,
            });
        }
        let outcomes = results.iter_mut().map(|result| &mut result.outcome);
        finish(transaction, errors, outcomes.collect()).await?;
        Ok(results)
    }
}

/// Errors of one task become its outcome; errors of the server abort the bulk write.
pub(super) fn outcome_of(done: Result<WrittenTask>) -> Result<BulkOutcome> {
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

/// Commits the bulk write, or rolls it back and marks its written tasks as undone.
pub(super) async fn finish(
    transaction: WriteTransaction,
    errors: ErrorPolicy,
    outcomes: Vec<&mut BulkOutcome>,
) -> Result<()> {
    let failed = outcomes.iter().any(|one| matches!(one, BulkOutcome::Failed(_)));
    if !failed || errors == ErrorPolicy::Partial {
        return transaction.commit().await;
    }
    for outcome in outcomes {
        if matches!(outcome, BulkOutcome::Done(_)) {
            *outcome = BulkOutcome::Undone;
        }
    }
    Ok(())
}
