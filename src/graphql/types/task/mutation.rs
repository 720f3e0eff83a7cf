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
    /// Creates a task that you own. With a `clientKey` it is safe to repeat.
    #[graphql(guard = "SignedIn")]
    async fn task_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The task.")] input: TaskCreateInput,
    ) -> Result<TaskCreatePayload> {
        let created = async {
            ctx.domain()
                .tasks()
                .create(ctx.actor(), input.into_draft("input")?)
                .await
        };
        TaskCreatePayload::of(created.await, &["input"])
    }

    /// Changes a task. Allowed for its owner, its assignee and administrators. An assignee who is not the owner may change
    /// every field but `assigneeId`, which they may only set to null.
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

    /// Assigns a task to a user, or to nobody. Allowed for its owner and administrators. An assignee who is not the owner
    /// may only unassign themselves, and does not see the task afterwards.
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

    /// Moves a task along the workflow. The status it has already is no error and changes nothing. Allowed for its owner,
    /// its assignee and administrators.
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

    /// Adds tags to a task; those it has already change nothing. Allowed for its owner, its assignee and administrators.
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

    /// Removes tags from a task; those it has not change nothing. Allowed for its owner, its assignee and administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_remove_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which task.")] id: ID,
        #[graphql(desc = "Tags to remove, at most 20.")] tags: Vec<String>,
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

    /// Puts a task in the trash, where it is hidden until it is restored. Allowed for its owner, its assignee and
    /// administrators.
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

    /// Takes a task out of the trash. Allowed for its owner, its assignee and administrators.
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

    /// Deletes a task for good, from the trash or not. Its events stay in the log. Allowed for its owner, its assignee and
    /// administrators.
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
