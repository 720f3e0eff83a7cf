//! The mutations of tasks.

use async_graphql::{Context, ID, Object};

use super::input::{TaskCreateInput, TaskUpdateInput};
use super::payload::{
    TaskAddTagsPayload, TaskAssignPayload, TaskCreatePayload, TaskDeletePayload, TaskPurgePayload,
    TaskRemoveTagsPayload, TaskRestorePayload, TaskTransitionPayload, TaskUpdatePayload,
};
use crate::domain::id::{TaskId, UserId};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::TaskStatus;

/// What can be done to tasks.
#[derive(Debug, Default)]
pub struct TaskMutation;

#[Object]
impl TaskMutation {
    /// Makes a task that belongs to you.
    #[graphql(guard = "SignedIn")]
    async fn task_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] input: TaskCreateInput,
    ) -> Result<TaskCreatePayload> {
        let created = async { ctx.domain().tasks().create(ctx.actor(), input.into_draft()?).await };
        TaskCreatePayload::of(created.await, &["input"])
    }

    /// Changes a task.
    #[graphql(guard = "SignedIn")]
    async fn task_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "What to change.")] input: TaskUpdateInput,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskUpdatePayload> {
        let id = TaskId::from_global("id", &id)?;
        let updated = async {
            let (tasks, change) = (ctx.domain().tasks(), input.into_change()?);
            tasks.update(ctx.actor(), id, change, expected_version.into()).await
        };
        TaskUpdatePayload::of(updated.await, &["input"])
    }

    /// Hands a task to somebody, or to nobody. For its owner and administrators; an assignee may hand it back.
    #[graphql(guard = "SignedIn")]
    async fn task_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "To whom; null takes it from whoever has it.")] assignee_id: Option<ID>,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskAssignPayload> {
        let id = TaskId::from_global("id", &id)?;
        let assignee = assignee_id
            .map(|assignee| UserId::from_global("assigneeId", &assignee))
            .transpose()?;
        let outcome = ctx
            .domain()
            .tasks()
            .assign(ctx.actor(), id, assignee, expected_version.into())
            .await;
        TaskAssignPayload::of(outcome, &[])
    }

    /// Moves a task along the workflow. The status it has already is no error and changes nothing.
    #[graphql(guard = "SignedIn")]
    async fn task_transition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Where to; see allowedTransitions.")] status: TaskStatus,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskTransitionPayload> {
        let id = TaskId::from_global("id", &id)?;
        let moved = ctx
            .domain()
            .tasks()
            .transition(ctx.actor(), id, status.into(), expected_version.into())
            .await;
        TaskTransitionPayload::of(moved, &[])
    }

    /// Adds tags to a task; those it has already change nothing.
    #[graphql(guard = "SignedIn")]
    async fn task_add_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "The tags, of 1 to 50 characters.")] tags: Vec<String>,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskAddTagsPayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskAddTagsPayload::of(
            ctx.domain()
                .tasks()
                .add_tags(ctx.actor(), id, &tags, expected_version.into())
                .await,
            &[],
        )
    }

    /// Takes tags from a task; those it has not change nothing.
    #[graphql(guard = "SignedIn")]
    async fn task_remove_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "The tags.")] tags: Vec<String>,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskRemoveTagsPayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskRemoveTagsPayload::of(
            ctx.domain()
                .tasks()
                .remove_tags(ctx.actor(), id, &tags, expected_version.into())
                .await,
            &[],
        )
    }

    /// Puts a task in the trash, where it is out of sight until it is restored.
    #[graphql(guard = "SignedIn")]
    async fn task_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskDeletePayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskDeletePayload::of(
            ctx.domain()
                .tasks()
                .delete(ctx.actor(), id, expected_version.into())
                .await,
            &[],
        )
    }

    /// Takes a task out of the trash.
    #[graphql(guard = "SignedIn")]
    async fn task_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskRestorePayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskRestorePayload::of(
            ctx.domain()
                .tasks()
                .restore(ctx.actor(), id, expected_version.into())
                .await,
            &[],
        )
    }

    /// Deletes a task for good, from the trash or not. Its events stay in the log.
    #[graphql(guard = "SignedIn")]
    async fn task_purge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Refuse with CONFLICT unless the task has this version.")] expected_version: Option<i32>,
    ) -> Result<TaskPurgePayload> {
        let id = TaskId::from_global("id", &id)?;
        TaskPurgePayload::of(
            ctx.domain()
                .tasks()
                .purge(ctx.actor(), id, expected_version.into())
                .await,
            &[],
        )
    }
}
