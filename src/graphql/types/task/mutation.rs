//! Mutations of one task.

use async_graphql::{Context, ID, Object};

use super::input::{TaskCreateInput, TaskUpdateInput};
use super::payload::{
    TaskAddTagsPayload, TaskAssignPayload, TaskCreatePayload, TaskDeletePayload, TaskPayload, TaskPurgePayload,
    TaskRemoveTagsPayload, TaskRestorePayload, TaskTransitionPayload, TaskUpdatePayload,
};
use crate::domain::id::{TaskId, UserId};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::TaskStatus;

/// Mutations of one task.
#[derive(Debug, Default)]
pub struct TaskMutation;

#[Object]
impl TaskMutation {
    /// Creates a task that you own. With a `clientKey`, it is safe to repeat the mutation.
    #[graphql(guard = "SignedIn")]
    async fn task_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Fields of the new task.")] input: TaskCreateInput,
    ) -> Result<TaskCreatePayload> {
        let created = async {
            let (tasks, draft) = (ctx.domain().tasks(), input.into_draft("input")?);
            tasks.create(ctx.actor(), draft).await
        };
        TaskPayload::of(created.await, &["input"]).map(TaskCreatePayload)
    }

    /// Changes a task. Allowed for its owner, its assignee and administrators. An assignee who is not the owner may set
    /// `assigneeId` only to null.
    #[graphql(guard = "SignedIn")]
    async fn task_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Fields to change; omitted fields keep their value.")] input: TaskUpdateInput,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskUpdatePayload> {
        let id = TaskId::from_global("id", &id)?;
        let updated = async {
            let (tasks, change) = (ctx.domain().tasks(), input.into_change()?);
            tasks.update(ctx.actor(), id, change, expected_version.into()).await
        };
        TaskPayload::of(updated.await, &["input"]).map(TaskUpdatePayload)
    }

    /// Assigns a task to an active user, or unassigns it. Allowed for its owner and administrators. An assignee who is
    /// not the owner may only unassign themselves, and cannot see the task afterwards.
    #[graphql(guard = "SignedIn")]
    async fn task_assign(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Global id of the new assignee. Null or omitted: the task is unassigned.")]
        assignee_id: Option<ID>,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskAssignPayload> {
        let id = TaskId::from_global("id", &id)?;
        let assignee = assignee_id
            .map(|assignee| UserId::from_global("assigneeId", &assignee))
            .transpose()?;
        let tasks = ctx.domain().tasks();
        let assigned = tasks.assign(ctx.actor(), id, assignee, expected_version.into());
        TaskPayload::of(assigned.await, &[]).map(TaskAssignPayload)
    }

    /// Changes the workflow status of a task. The current status is accepted and changes nothing. Allowed for its
    /// owner, its assignee and administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_transition(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "New status, one of `Task.allowedTransitions`.")] status: TaskStatus,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskTransitionPayload> {
        let id = TaskId::from_global("id", &id)?;
        let tasks = ctx.domain().tasks();
        let moved = tasks.transition(ctx.actor(), id, status.into(), expected_version.into());
        TaskPayload::of(moved.await, &[]).map(TaskTransitionPayload)
    }

    /// Adds tags to a task; tags that it already has are ignored. Allowed for its owner, its assignee and
    /// administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_add_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Tags to add, 1 to 50 characters each; stored in lower case. A task has at most 20 tags.")]
        tags: Vec<String>,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskAddTagsPayload> {
        let id = TaskId::from_global("id", &id)?;
        let tasks = ctx.domain().tasks();
        let tagged = tasks.add_tags(ctx.actor(), id, &tags, expected_version.into());
        TaskPayload::of(tagged.await, &[]).map(TaskAddTagsPayload)
    }

    /// Removes tags from a task; tags that it does not have are ignored. Allowed for its owner, its assignee and
    /// administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_remove_tags(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Tags to remove, 1 to 50 characters each; case is ignored.")] tags: Vec<String>,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskRemoveTagsPayload> {
        let id = TaskId::from_global("id", &id)?;
        let tasks = ctx.domain().tasks();
        let untagged = tasks.remove_tags(ctx.actor(), id, &tags, expected_version.into());
        TaskPayload::of(untagged.await, &[]).map(TaskRemoveTagsPayload)
    }

    /// Moves a task to the trash. It can be restored for `TRASH_RETENTION_DAYS` (30 days); then it is deleted
    /// permanently. Allowed for its owner, its assignee and administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskDeletePayload> {
        let id = TaskId::from_global("id", &id)?;
        let tasks = ctx.domain().tasks();
        let deleted = tasks.delete(ctx.actor(), id, expected_version.into());
        TaskPayload::of(deleted.await, &[]).map(TaskDeletePayload)
    }

    /// Restores a task from the trash. Allowed for its owner, its assignee and administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_restore(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskRestorePayload> {
        let id = TaskId::from_global("id", &id)?;
        let tasks = ctx.domain().tasks();
        let restored = tasks.restore(ctx.actor(), id, expected_version.into());
        TaskPayload::of(restored.await, &[]).map(TaskRestorePayload)
    }

    /// Deletes a task permanently, whether or not it is in the trash. Its events stay in the log. Allowed for its
    /// owner, its assignee and administrators.
    #[graphql(guard = "SignedIn")]
    async fn task_purge(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global id of the task.")] id: ID,
        #[graphql(desc = "Version that the task must have, otherwise the error is CONFLICT. Default: any version.")]
        expected_version: Option<i32>,
    ) -> Result<TaskPurgePayload> {
        let id = TaskId::from_global("id", &id)?;
        let tasks = ctx.domain().tasks();
        let purged = tasks.purge(ctx.actor(), id, expected_version.into());
        TaskPayload::of(purged.await, &[]).map(TaskPurgePayload)
    }
}
