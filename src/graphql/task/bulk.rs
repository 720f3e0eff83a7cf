//! The mutations of many tasks at once.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::Task;
use super::input::TaskUpdateInput;
use crate::domain;
use crate::domain::id::TaskId;
use crate::domain::task::{BulkOutcome, BulkResult};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, aborted, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::One;
use crate::graphql::scalar::{BulkErrorPolicy, TaskStatus};

/// Result for one of many tasks.
#[derive(Debug, SimpleObject)]
pub struct TaskBulkResult {
    /// Which task.
    id: ID,
    /// The task as it is now: after the change, or unchanged with the error `INVALID_TRANSITION`. Null with other errors.
    task: Option<One<Task>>,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

impl TaskBulkResult {
    fn of(result: BulkResult, input: &[&str]) -> Result<Self> {
        let (task, errors) = match result.outcome {
            BulkOutcome::Done(snapshot) => (Some(One((*snapshot).into())), Vec::new()),
            BulkOutcome::Failed(error) => {
                let current = error.current_task().cloned();
                (current.map(|task| One(task.into())), user_errors(error, input)?)
            }
            BulkOutcome::Undone => (None, vec![aborted()]),
        };
        Ok(Self {
            id: result.id.to_global(),
            task,
            user_errors: errors.into_iter().map(|error| error.of_ids(result.position)).collect(),
        })
    }
}

/// Declares the payload of one mutation.
macro_rules! payload {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $name {
            /// How many tasks were to be changed; an id that comes more than once counts once.
            total: usize,
            /// How many were.
            successful: usize,
            /// How many were not.
            failed: usize,
            /// Result for each task, in the order of `ids`; empty when the whole request was refused.
            results: Vec<TaskBulkResult>,
            /// Errors of the whole request that the client can fix; empty on success.
            user_errors: Vec<UserError>,
        }

        impl $name {
            /// The payload for what the domain answered; `input` is the path to the mutation's fields.
            fn of(asked: usize, result: domain::error::Result<Vec<BulkResult>>, input: &[&str]) -> Result<Self> {
                let results = match result {
                    Ok(results) => results,
                    Err(error) => return Ok(Self::refused(asked, user_errors(error, input)?)),
                };
                let done = |one: &&BulkResult| matches!(one.outcome, BulkOutcome::Done(_));
                let (total, successful) = (results.len(), results.iter().filter(done).count());
                let results = results.into_iter().map(|one| TaskBulkResult::of(one, input));
                Ok(Self {
                    total,
                    successful,
                    failed: total - successful,
                    results: results.collect::<Result<_>>()?,
                    user_errors: Vec::new(),
                })
            }

            fn refused(asked: usize, user_errors: Vec<UserError>) -> Self {
                Self {
                    total: asked,
                    successful: 0,
                    failed: asked,
                    results: Vec::new(),
                    user_errors,
                }
            }
        }
    };
}

payload!(
    /// Payload of `tasksBulkUpdate`.
    TasksBulkUpdatePayload
);
payload!(
    /// Payload of `tasksBulkTransition`.
    TasksBulkTransitionPayload
);
payload!(
    /// Payload of `tasksBulkDelete`.
    TasksBulkDeletePayload
);

fn task_ids(ids: &[ID]) -> domain::error::Result<Vec<TaskId>> {
    ids.iter()
        .enumerate()
        .map(|(position, id)| TaskId::from_global(format_args!("ids.{position}"), id))
        .collect()
}

/// What can be done to many tasks at once.
#[derive(Debug, Default)]
pub struct TaskBulkMutation;

#[Object]
impl TaskBulkMutation {
    /// Makes the same change to up to 100 tasks, each under the rules of `taskUpdate`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks, up to 100; one that comes more than once counts once.")] ids: Vec<ID>,
        #[graphql(desc = "What to change of each.")] input: TaskUpdateInput,
        #[graphql(
            desc = "What becomes of the others when one cannot be changed.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkUpdatePayload> {
        let tasks = task_ids(&ids)?;
        let changed = async {
            let change = input.into_change()?;
            let all = ctx.domain().tasks();
            all.bulk_update(ctx.actor(), &tasks, change, error_policy.into()).await
        };
        TasksBulkUpdatePayload::of(ids.len(), changed.await, &["input"])
    }

    /// Moves up to 100 tasks along the workflow, each under the rules of `taskTransition`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_transition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks, up to 100; one that comes more than once counts once.")] ids: Vec<ID>,
        #[graphql(desc = "Where to.")] status: TaskStatus,
        #[graphql(
            desc = "What becomes of the others when one cannot be moved.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkTransitionPayload> {
        let tasks = task_ids(&ids)?;
        let moved = ctx
            .domain()
            .tasks()
            .bulk_transition(ctx.actor(), &tasks, status.into(), error_policy.into())
            .await;
        TasksBulkTransitionPayload::of(ids.len(), moved, &[])
    }

    /// Puts up to 100 tasks in the trash, each under the rules of `taskDelete`.
    #[graphql(guard = "SignedIn")]
    async fn tasks_bulk_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which tasks, up to 100; one that comes more than once counts once.")] ids: Vec<ID>,
        #[graphql(
            desc = "What happens to the others when one cannot be deleted.",
            default_with = "BulkErrorPolicy::Partial"
        )]
        error_policy: BulkErrorPolicy,
    ) -> Result<TasksBulkDeletePayload> {
        let tasks = task_ids(&ids)?;
        let all = ctx.domain().tasks();
        let deleted = all.bulk_delete(ctx.actor(), &tasks, error_policy.into()).await;
        TasksBulkDeletePayload::of(ids.len(), deleted, &[])
    }
}
