//! The use cases that change many tasks at once.
//!
//! All of it is one transaction under either policy. What can fail for one task fails before
//! anything is written for it, so the others need not be undone; and when the database fails in the
//! middle, nothing was done.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::task::workflow::Status;
use crate::domain::{policy, store};

use super::draft::CheckedChange;
use super::task_change::Locked;
use super::{ExpectedVersion, Snapshot, TaskChange, Tasks, WrittenTask};

/// The most tasks that are written at once.
pub const MAX_BULK: usize = 100;

/// What happens to the others when one task cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorPolicy {
    /// Nothing is written.
    AllOrNothing,
    /// They are written all the same.
    Partial,
}

/// The tasks that are changed together, each with the versions that its change may have been based on.
#[derive(Clone, Debug)]
pub struct BulkTargets {
    ids: Vec<TaskId>,
    expected: HashMap<TaskId, ExpectedVersion>,
}

impl BulkTargets {
    /// Up to 100 tasks, of which one that comes more than once counts once, and the versions that some of them must
    /// have.
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

    /// Each task with the place where its id first came.
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
    /// Where its id first came in the request, from 0.
    pub position: usize,
    /// Which task.
    pub id: TaskId,
    /// Its status before; none for one that was not found.
    pub previous_status: Option<Status>,
    /// Whether it was written.
    pub outcome: BulkOutcome,
}

/// The result of one of many writes.
#[derive(Clone, Debug)]
pub enum BulkOutcome {
    /// The task as it is now.
    Done(Box<WrittenTask>),
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
    async fn apply(&self, task: Locked<'_>, actor: &Actor, now: Timestamp) -> Result<WrittenTask> {
        match self {
            Self::Change(change) => task.change(actor, change.clone(), now).await,
            Self::Transition(to) => task.transition(actor, *to, now).await,
            Self::Delete => task.delete(actor, now).await,
        }
    }
}

impl Tasks<'_> {
    /// Makes the same change to many tasks.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_update", skip_all)]
    pub async fn bulk_update(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        change: TaskChange,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        let step = Step::Change(change.check()?);
        self.in_bulk(actor, targets, &step, errors).await
    }

    /// Moves many tasks along the workflow.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_transition", skip_all)]
    pub async fn bulk_transition(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        to: Status,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        self.in_bulk(actor, targets, &Step::Transition(to), errors).await
    }

    /// Puts many tasks in the trash.
    #[tracing::instrument(target = "taskwire::span", name = "task.bulk_delete", skip_all)]
    pub async fn bulk_delete(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        errors: ErrorPolicy,
    ) -> Result<Vec<BulkResult>> {
        self.in_bulk(actor, targets, &Step::Delete, errors).await
    }

    async fn in_bulk(
        self,
        actor: &Actor,
        targets: &BulkTargets,
        step: &Step,
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
                        Ok(()) => step.apply(locked, actor, now).await,
                        Err(conflict) => Err(conflict),
                    }
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
            undo(results.iter_mut().map(|result| &mut result.outcome));
        } else {
            transaction.commit().await?;
        }
        Ok(results)
    }
}

/// What fails for one task is told of that task; what fails for the server ends the whole.
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

/// Nothing is written after all.
pub(super) fn undo<'a>(outcomes: impl IntoIterator<Item = &'a mut BulkOutcome>) {
    for outcome in outcomes {
        if matches!(outcome, BulkOutcome::Done(_)) {
            *outcome = BulkOutcome::Undone;
        }
    }
}
