//! Mutations of many tasks.

use std::collections::HashSet;

use async_graphql::{Context, ID, MergedObject, Object, SimpleObject};

use super::Task;
use super::input::{TaskCreateInput, TaskUpdateInput, TaskVersionInput};
use super::payload::TaskPayload;
use crate::domain::error::{Error, Result as DomainResult};
use crate::domain::id::TaskId;
use crate::domain::task::{BulkOutcome, BulkResult, BulkTargets};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{EXPECTED_VERSION, Result, UserError, aborted, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::Single;
use crate::graphql::scalar::{BulkErrorPolicy, TaskStatus};

/// Result for one task of a bulk mutation. It has no `id`, so that a normalised cache does not confuse it with the
/// task.
#[derive(Debug, SimpleObject)]
pub struct TaskBulkResult {
    /// Global id of the task.
    task_id: ID,
    /// The task after the change. With the errors `CONFLICT` and `INVALID_TRANSITION`, the current task. Null with
    /// other errors.
    task: Option<Single<Task>>,
    /// Position of the change in the event log: the `cursor` of its `TaskEvent`. Null if nothing changed. Use it to
    /// recognise the event. Do not resume after it: a change that is committed later can have an earlier position.
    cursor: Option<String>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

impl TaskBulkResult {
    fn of(result: BulkResult, input: &[&str], versions: &[(TaskId, i32)]) -> Result<Self> {
        let payload = payload_of(result.outcome, input)?;
        let position = result.position.to_string();
        let version = versions.iter().position(|(id, _)| *id == result.id);
        let version = version.map(|version| version.to_string());
        let of_arguments = |error: UserError| {
            let error = error.moved("id", &["ids", &position]);
            match &version {
                Some(version) => error.moved(EXPECTED_VERSION, &["expectedVersions", version, "version"]),
                None => error,
            }
        };
        Ok(Self {
            task_id: result.id.to_global(),
            task: payload.task,
            cursor: payload.cursor,
            user_errors: payload.user_errors.into_iter().map(of_arguments).collect(),
        })
    }
}

/// Result for one input of `tasksBulkCreate`.
#[derive(Debug, SimpleObject)]
pub struct TaskBulkCreateResult {
    /// The new task, or your existing task with the same `clientKey`. Null with errors.
    task: Option<Single<Task>>,
    /// Position of the creation in the event log: the `cursor` of its `TaskEvent`. Null if nothing was created. Use it
    /// to recognise the event. Do not resume after it: a change that is committed later can have an earlier position.
    cursor: Option<String>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

impl TaskBulkCreateResult {
    fn of(outcome: BulkOutcome, position: usize) -> Result<Self> {
        let payload = payload_of(outcome, &[INPUTS, &position.to_string()])?;
        Ok(Self {
            task: payload.task,
            cursor: payload.cursor,
            user_errors: payload.user_errors,
        })
    }
}

/// Name of the argument with the new tasks.
const INPUTS: &str = "inputs";

/// `input` is the path to the input fields of the task, for errors.
fn payload_of(outcome: BulkOutcome, input: &[&str]) -> Result<TaskPayload> {
    match outcome {
        BulkOutcome::Done(done) => TaskPayload::of(Ok(*done), input),
        BulkOutcome::Failed(error) => TaskPayload::of(Err(error), input),
        BulkOutcome::Undone => Ok(TaskPayload {
            task: None,
            cursor: None,
            user_errors: vec![aborted()],
        }),
    }
}

/// Declares a payload.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident { $(#[$total:meta])* total, $(#[$results:meta])* results: [$result:ty] }) => {
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $name {
            $(#[$total])*
            total: usize,
            /// Number of tasks without errors, including those that needed no change.
            successful: usize,
            /// Number of tasks with errors.
            failed: usize,
            $(#[$results])*
            results: Vec<$result>,
            /// Errors of the whole mutation that the client can fix; those of single tasks are in `results`. Empty on
            /// success.
            user_errors: Vec<UserError>,
        }

        impl $name {
            fn new(results: Vec<$result>) -> Self {
                let successful = results.iter().filter(|one| one.user_errors.is_empty()).count();
                Self {
                    total: results.len(),
                    successful,
                    failed: results.len() - successful,
                    results,
                    user_errors: Vec::new(),
                }
            }

            /// No task was written. `input` is the path to the input fields, for errors.
            fn refused(requested: usize, error: Error, input: &[&str]) -> Result<Self> {
                Ok(Self {
                    total: requested,
                    successful: 0,
                    failed: requested,
                    results: Vec::new(),
                    user_errors: user_errors(error, input)?,
                })
            }
        }
    };
}

payload!(
    /// Payload of `tasksBulkCreate`.
    TasksBulkCreatePayload {
        /// Number of tasks to create.
        total,
        /// Results in the order of `inputs`. Empty if the whole mutation was rejected.
        results: [TaskBulkCreateResult]
    }
);
payload!(
    /// Fields of all payloads of mutations that change tasks.
    TasksBulkChangePayload {
        /// Number of tasks to change; repeated ids count once.
        total,
        /// Results in the order of `ids`. Empty if the whole mutation was rejected.
        results: [TaskBulkResult]
    }
);

/// Payload of `tasksBulkUpdate`.
#[derive(Debug, MergedObject)]
pub struct TasksBulkUpdatePayload(TasksBulkChangePayload);

/// Payload of `tasksBulkTransition`.
#[derive(Debug, MergedObject)]
pub struct TasksBulkTransitionPayload(TasksBulkChangePayload);

/// Payload of `tasksBulkDelete`.
#[derive(Debug, MergedObject)]
pub struct TasksBulkDeletePayload(TasksBulkChangePayload);

/// Reads the arguments `ids` and `expectedVersions`, and changes the tasks. `input` is the path to the input fields,
/// for errors.
async fn change<F: Future<Output = DomainResult<Vec<BulkResult>>>>(
    ids: &[ID],
    versions: Option<Vec<TaskVersionInput>>,
    input: &[&str],
    write: impl FnOnce(BulkTargets) -> F,
) -> Result<TasksBulkChangePayload> {
    // Repeated ids count once, as in the results.
    let requested = ids.iter().collect::<HashSet<_>>().len();
    let (targets, versions) = match targets(ids, &versions.unwrap_or_default()) {
        Ok(read) => read,
        Err(error) => return TasksBulkChangePayload::refused(requested, error, &[]),
    };
    let results = match write(targets).await {
        Ok(results) => results,
        Err(error) => return TasksBulkChangePayload::refused(requested, error, input),
    };
    let results = results.into_iter();
    let results = results.map(|one| TaskBulkResult::of(one, input, &versions));
    Ok(TasksBulkChangePayload::new(results.collect::<Result<_>>()?))
}

/// The tasks, and the versions in the order of `expectedVersions`.
fn targets(ids: &[ID], versions: &[TaskVersionInput]) -> DomainResult<(BulkTargets, Vec<(TaskId, i32)>)> {
    let ids = TaskId::all_from_global("ids", ids);
    let versions = versions.iter().enumerate();
    let versions: DomainResult<Vec<_>> = versions.map(|(position, version)| version.read(position)).collect();
    let versions = versions?;
    Ok((BulkTargets::new(ids?, &versions)?, versions))
}

/// Mutations of many tasks.
#[derive(Debug, Default)]
pub struct TaskBulkMutation;

#[Object]
impl TaskBulkMutation {
    /// Creates up to 100 tasks that you own. The rules of `taskCreate` apply to each.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Fields of the new tasks, up to 100.")] inputs: Vec<TaskCreateInput>,
        #[graphql(
            desc = "Whether the other tasks are created if one cannot be created. Default: `PARTIAL`, they are.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkCreatePayload> {
        let requested = inputs.len();
        let created = async {
            let inputs = inputs.into_iter().enumerate();
            let drafts = inputs.map(|(position, input)| input.into_draft(&format!("{INPUTS}.{position}")));
            let all = ctx.domain().tasks();
            all.bulk_create(ctx.actor(), drafts.collect(), error_policy.into())
                .await
        };
        let outcomes = match created.await {
            Ok(outcomes) => outcomes,
            Err(error) => return TasksBulkCreatePayload::refused(requested, error, &[]),
        };
        let results = outcomes.into_iter().enumerate();
        let results = results.map(|(position, outcome)| TaskBulkCreateResult::of(outcome, position));
        Ok(TasksBulkCreatePayload::new(results.collect::<Result<_>>()?))
    }

    /// Applies one change to up to 100 tasks. The rules of `taskUpdate` apply to each.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of the tasks, up to 100; repeated ids count once.")] ids: Vec<ID>,
        #[graphql(desc = "Fields to change in every task; omitted fields keep their value.")] input: TaskUpdateInput,
        #[graphql(
            desc = "Versions that the tasks must have, at most one for each task in `ids`. A task with another version is not changed and has the error `CONFLICT`. Default: any versions."
        )]
        expected_versions: Option<Vec<TaskVersionInput>>,
        #[graphql(
            desc = "Whether the other tasks are changed if one cannot be changed. Default: `PARTIAL`, they are.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkUpdatePayload> {
        let all = ctx.domain().tasks();
        let changed = change(&ids, expected_versions, &["input"], |targets| async move {
            let change = input.into_change()?;
            all.bulk_update(ctx.actor(), &targets, change, error_policy.into())
                .await
        });
        changed.await.map(TasksBulkUpdatePayload)
    }

    /// Changes the workflow status of up to 100 tasks. The rules of `taskTransition` apply to each.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_transition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of the tasks, up to 100; repeated ids count once.")] ids: Vec<ID>,
        #[graphql(desc = "New status of every task, one of its `allowedTransitions`.")] status: TaskStatus,
        #[graphql(
            desc = "Versions that the tasks must have, at most one for each task in `ids`. A task with another version is not changed and has the error `CONFLICT`. Default: any versions."
        )]
        expected_versions: Option<Vec<TaskVersionInput>>,
        #[graphql(
            desc = "Whether the other tasks are changed if one cannot be changed. Default: `PARTIAL`, they are.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkTransitionPayload> {
        let all = ctx.domain().tasks();
        let moved = change(&ids, expected_versions, &[], |targets| async move {
            all.bulk_transition(ctx.actor(), &targets, status.into(), error_policy.into())
                .await
        });
        moved.await.map(TasksBulkTransitionPayload)
    }

    /// Moves up to 100 tasks to the trash. The rules of `taskDelete` apply to each.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of the tasks, up to 100; repeated ids count once.")] ids: Vec<ID>,
        #[graphql(
            desc = "Versions that the tasks must have, at most one for each task in `ids`. A task with another version is not changed and has the error `CONFLICT`. Default: any versions."
        )]
        expected_versions: Option<Vec<TaskVersionInput>>,
        #[graphql(
            desc = "Whether the other tasks are moved to the trash if one cannot be moved. Default: `PARTIAL`, they are.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkDeletePayload> {
        let all = ctx.domain().tasks();
        let deleted = change(&ids, expected_versions, &[], |targets| async move {
            all.bulk_delete(ctx.actor(), &targets, error_policy.into()).await
        });
        deleted.await.map(TasksBulkDeletePayload)
    }
}
