//! The mutations of many tasks at once.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::Task;
use super::input::{TaskCreateInput, TaskUpdateInput, TaskVersionInput};
use super::payload::Shown;
use crate::domain;
use crate::domain::error::Error;
use crate::domain::id::TaskId;
use crate::domain::task::{BulkOutcome, BulkResult, BulkTargets};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, aborted, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::Single;
use crate::graphql::scalar::{BulkErrorPolicy, TaskStatus};

/// Result for one of many tasks.
#[derive(Debug, SimpleObject)]
pub struct TaskBulkResult {
    /// Which task.
    id: ID,
    /// The task as it is now: after the change, or unchanged with the errors `CONFLICT` and `INVALID_TRANSITION`. Null with
    /// other errors.
    task: Option<Single<Task>>,
    /// Place of the change in the event log: the `cursor` of the `TaskEvent` that subscribers receive for it, and an
    /// `after` for subscriptions. Null when nothing changed.
    cursor: Option<String>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

impl TaskBulkResult {
    fn of(result: BulkResult, input: &[&str], versions: &[(TaskId, i32)]) -> Result<Self> {
        let shown = shown(result.outcome, input)?;
        let version = versions.iter().position(|(id, _)| *id == result.id);
        let of_arguments = |error: UserError| error.of_ids(result.position).of_versions(version);
        Ok(Self {
            id: result.id.to_global(),
            task: shown.task,
            cursor: shown.cursor,
            user_errors: shown.user_errors.into_iter().map(of_arguments).collect(),
        })
    }
}

/// Result for one of many new tasks.
#[derive(Debug, SimpleObject)]
pub struct TaskBulkCreateResult {
    /// The new task, or the one that has its `clientKey`. Null with errors.
    task: Option<Single<Task>>,
    /// Place of the creation in the event log: the `cursor` of the `TaskEvent` that subscribers receive for it, and an
    /// `after` for subscriptions. Null when nothing was created.
    cursor: Option<String>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

impl TaskBulkCreateResult {
    fn of(outcome: BulkOutcome, position: usize) -> Result<Self> {
        let shown = shown(outcome, &[INPUTS, &position.to_string()])?;
        Ok(Self {
            task: shown.task,
            cursor: shown.cursor,
            user_errors: shown.user_errors,
        })
    }
}

/// The argument that has the new tasks.
const INPUTS: &str = "inputs";

/// What the schema shows of an outcome. `input` is the path to the fields of the task.
fn shown(outcome: BulkOutcome, input: &[&str]) -> Result<Shown> {
    match outcome {
        BulkOutcome::Done(done) => Shown::of(Ok(*done), input),
        BulkOutcome::Failed(error) => Shown::of(Err(error), input),
        BulkOutcome::Undone => Ok(Shown {
            task: None,
            cursor: None,
            user_errors: vec![aborted()],
        }),
    }
}

/// Declares the payload of one mutation.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $(#[$total:meta])* total, $(#[$results:meta])* results: [$result:ty] }) => {
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $name {
            $(#[$total])*
            total: usize,
            /// How many succeeded.
            successful: usize,
            /// How many failed.
            failed: usize,
            $(#[$results])*
            results: Vec<$result>,
            /// Errors of the whole request that the client can fix; empty on success.
            user_errors: Vec<UserError>,
        }

        impl $name {
            fn new(successful: usize, results: Vec<$result>) -> Self {
                let total = results.len();
                Self {
                    total,
                    successful,
                    failed: total - successful,
                    results,
                    user_errors: Vec::new(),
                }
            }

            /// The payload of a request that was refused as a whole; `input` is the path to the mutation's fields.
            fn refused(asked: usize, error: Error, input: &[&str]) -> Result<Self> {
                Ok(Self {
                    total: asked,
                    successful: 0,
                    failed: asked,
                    results: Vec::new(),
                    user_errors: user_errors(error, input)?,
                })
            }
        }
    };
}

/// Declares the payload of one mutation that changes tasks.
macro_rules! change_payload {
    ($(#[$doc:meta])* $name:ident) => {
        payload!(
            $(#[$doc])*
            $name {
                /// Number of tasks to be changed; an id that comes more than once counts once.
                total,
                /// Result for each task, in the order of `ids`; empty when the whole request was refused.
                results: [TaskBulkResult]
            }
        );

        impl $name {
            /// The payload for the results; `input` is the path to the mutation's fields.
            fn of(targets: &Targets, result: domain::error::Result<Vec<BulkResult>>, input: &[&str]) -> Result<Self> {
                let results = match result {
                    Ok(results) => results,
                    Err(error) => return Self::refused(targets.asked, error, input),
                };
                let successful = results.iter().filter(|one| is_done(&one.outcome)).count();
                let results = results.into_iter();
                let results = results.map(|one| TaskBulkResult::of(one, input, &targets.versions));
                Ok(Self::new(successful, results.collect::<Result<_>>()?))
            }
        }
    };
}

payload!(
    /// Payload of `tasksBulkCreate`.
    TasksBulkCreatePayload {
        /// Number of tasks to be created.
        total,
        /// Result for each task, in the order of `inputs`; empty when the whole request was refused.
        results: [TaskBulkCreateResult]
    }
);
change_payload!(
    /// Payload of `tasksBulkUpdate`.
    TasksBulkUpdatePayload
);
change_payload!(
    /// Payload of `tasksBulkTransition`.
    TasksBulkTransitionPayload
);
change_payload!(
    /// Payload of `tasksBulkDelete`.
    TasksBulkDeletePayload
);

fn is_done(outcome: &BulkOutcome) -> bool {
    matches!(outcome, BulkOutcome::Done(_))
}

/// What the arguments of a mutation say of its tasks.
struct Targets {
    /// How many ids were given.
    asked: usize,
    /// The versions, in the order of the argument.
    versions: Vec<(TaskId, i32)>,
    tasks: BulkTargets,
}

impl Targets {
    fn read(ids: &[ID], versions: Option<&[TaskVersionInput]>) -> domain::error::Result<Self> {
        let tasks: domain::error::Result<Vec<TaskId>> = ids
            .iter()
            .enumerate()
            .map(|(position, id)| TaskId::from_global(format_args!("ids.{position}"), id))
            .collect();
        let versions = versions.unwrap_or_default().iter().enumerate();
        let versions: domain::error::Result<Vec<_>> =
            versions.map(|(position, version)| version.read(position)).collect();
        let versions = versions?;
        Ok(Self {
            asked: ids.len(),
            tasks: BulkTargets::new(tasks?, &versions)?,
            versions,
        })
    }
}

/// What can be done to many tasks at once.
#[derive(Debug, Default)]
pub struct TaskBulkMutation;

#[Object]
impl TaskBulkMutation {
    /// Creates up to 100 tasks that you own, each under the rules of `taskCreate`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The tasks, up to 100.")] inputs: Vec<TaskCreateInput>,
        #[graphql(
            desc = "What happens to the others when one cannot be created.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkCreatePayload> {
        let asked = inputs.len();
        let created = async {
            let inputs = inputs.into_iter().enumerate();
            let drafts = inputs.map(|(position, input)| input.into_draft(&format!("{INPUTS}.{position}")));
            let all = ctx.domain().tasks();
            all.bulk_create(ctx.actor(), drafts.collect(), error_policy.into())
                .await
        };
        let outcomes = match created.await {
            Ok(outcomes) => outcomes,
            Err(error) => return TasksBulkCreatePayload::refused(asked, error, &[]),
        };
        let successful = outcomes.iter().filter(|outcome| is_done(outcome)).count();
        let results = outcomes.into_iter().enumerate();
        let results = results.map(|(position, outcome)| TaskBulkCreateResult::of(outcome, position));
        Ok(TasksBulkCreatePayload::new(successful, results.collect::<Result<_>>()?))
    }

    /// Makes the same change to up to 100 tasks, each under the rules of `taskUpdate`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks, up to 100; one that comes more than once counts once.")] ids: Vec<ID>,
        #[graphql(desc = "What to change of each.")] input: TaskUpdateInput,
        #[graphql(
            desc = "Versions that some or all of `ids` must have; a task with another is not changed and has the error CONFLICT. Each task at most once."
        )]
        expected_versions: Option<Vec<TaskVersionInput>>,
        #[graphql(
            desc = "What happens to the others when one cannot be changed.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkUpdatePayload> {
        let targets = match Targets::read(&ids, expected_versions.as_deref()) {
            Ok(targets) => targets,
            Err(error) => return TasksBulkUpdatePayload::refused(ids.len(), error, &[]),
        };
        let changed = async {
            let change = input.into_change()?;
            let all = ctx.domain().tasks();
            all.bulk_update(ctx.actor(), &targets.tasks, change, error_policy.into())
                .await
        };
        TasksBulkUpdatePayload::of(&targets, changed.await, &["input"])
    }

    /// Moves up to 100 tasks along the workflow, each under the rules of `taskTransition`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_transition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks, up to 100; one that comes more than once counts once.")] ids: Vec<ID>,
        #[graphql(desc = "The new status.")] status: TaskStatus,
        #[graphql(
            desc = "Versions that some or all of `ids` must have; a task with another is not changed and has the error CONFLICT. Each task at most once."
        )]
        expected_versions: Option<Vec<TaskVersionInput>>,
        #[graphql(
            desc = "What happens to the others when one cannot be moved.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkTransitionPayload> {
        let targets = match Targets::read(&ids, expected_versions.as_deref()) {
            Ok(targets) => targets,
            Err(error) => return TasksBulkTransitionPayload::refused(ids.len(), error, &[]),
        };
        let all = ctx.domain().tasks();
        let moved = all.bulk_transition(ctx.actor(), &targets.tasks, status.into(), error_policy.into());
        TasksBulkTransitionPayload::of(&targets, moved.await, &[])
    }

    /// Puts up to 100 tasks in the trash, each under the rules of `taskDelete`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks, up to 100; one that comes more than once counts once.")] ids: Vec<ID>,
        #[graphql(
            desc = "Versions that some or all of `ids` must have; a task with another is not deleted and has the error CONFLICT. Each task at most once."
        )]
        expected_versions: Option<Vec<TaskVersionInput>>,
        #[graphql(
            desc = "What happens to the others when one cannot be deleted.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkDeletePayload> {
        let targets = match Targets::read(&ids, expected_versions.as_deref()) {
            Ok(targets) => targets,
            Err(error) => return TasksBulkDeletePayload::refused(ids.len(), error, &[]),
        };
        let all = ctx.domain().tasks();
        let deleted = all.bulk_delete(ctx.actor(), &targets.tasks, error_policy.into());
        TasksBulkDeletePayload::of(&targets, deleted.await, &[])
    }
}
