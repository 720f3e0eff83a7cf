//! Inputs of the task mutations.

use async_graphql::{ID, InputObject, MaybeUndefined};
use chrono::NaiveDate;

use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::task::{TaskChange, TaskDraft};
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::{Date, SentDate, SentDateTime, TaskPriority, TaskStatus};
use crate::graphql::types::user::patch;

/// Fields of a new task.
#[derive(Debug, InputObject)]
pub struct TaskCreateInput {
    /// Title, 1 to 255 characters.
    title: String,
    /// Description, up to 5,000 characters. Default: none.
    description: Option<String>,
    /// Initial workflow status. Default: `TODO`.
    status: Option<TaskStatus>,
    /// Priority. Default: `MEDIUM`.
    priority: Option<TaskPriority>,
    /// Due date and time, such as 2026-01-31T12:00:00Z. Default: none. Not together with `dueOn`.
    due_date: Option<SentDateTime>,
    /// Due day, such as 2026-12-31. Default: none. Not together with `dueDate`.
    due_on: Option<SentDate>,
    /// Global id of the active user who should do the task. Default: unassigned.
    assignee_id: Option<ID>,
    /// Up to 20 tags of 1 to 50 characters; stored in lower case. Default: none.
    #[graphql(default)]
    tags: Vec<String>,
    /// Idempotency key: 1 to 255 visible ASCII characters, such as a UUID. If you already own a task with this key,
    /// even in the trash, that task is returned in its current state. Then other fields are ignored, `cursor` is null,
    /// and no event is logged. The key is kept until the task is deleted permanently. Each user has separate keys.
    client_key: Option<String>,
}

impl TaskCreateInput {
    /// Errors about ids name fields under `path`.
    pub(super) fn into_draft(self, path: &str) -> Result<TaskDraft> {
        Ok(TaskDraft {
            title: self.title,
            description: self.description,
            status: self.status.map(Into::into),
            priority: self.priority.map(Into::into),
            due_date: self.due_date.map(|date| date.for_input("due_date")).transpose()?,
            due_on: self.due_on.map(day).transpose()?,
            assignee: self
                .assignee_id
                .map(|id| UserId::from_global(format_args!("{path}.assigneeId"), &id))
                .transpose()?,
            tags: self.tags,
            client_key: self.client_key,
        })
    }
}

/// Expected version of a task in a bulk mutation.
#[derive(Debug, InputObject)]
pub struct TaskVersionInput {
    /// Global id of the task; must be in `ids`.
    id: ID,
    /// Expected `Task.version`. With another version, the task is not changed and has the error `CONFLICT`.
    version: i32,
}

impl TaskVersionInput {
    /// `position` is the index in `expectedVersions`.
    pub(super) fn read(&self, position: usize) -> Result<(TaskId, i32)> {
        let id = TaskId::from_global(format_args!("expectedVersions.{position}.id"), &self.id)?;
        Ok((id, self.version))
    }
}

/// Changes to a task. Omitted fields keep their value; null clears a field.
#[derive(Debug, InputObject)]
pub struct TaskUpdateInput {
    /// New title, 1 to 255 characters; cannot be null.
    title: MaybeUndefined<String>,
    /// New description, up to 5,000 characters. Null removes it.
    description: MaybeUndefined<String>,
    /// New workflow status, one of `Task.allowedTransitions`; cannot be null.
    status: MaybeUndefined<TaskStatus>,
    /// New priority; cannot be null.
    priority: MaybeUndefined<TaskPriority>,
    /// New due date and time, such as 2026-01-31T12:00:00Z. Setting it clears `dueOn`. Null removes it.
    due_date: MaybeUndefined<SentDateTime>,
    /// New due day, such as 2026-12-31. Setting it clears `dueDate`; both cannot be set together. Null removes it.
    due_on: MaybeUndefined<SentDate>,
    /// Global id of the new assignee, an active user. Null unassigns the task. An assignee who is not the owner may
    /// only set it to null.
    assignee_id: MaybeUndefined<ID>,
    /// Replaces all tags: up to 20 tags of 1 to 50 characters. Null removes all tags.
    tags: MaybeUndefined<Vec<String>>,
}

impl TaskUpdateInput {
    pub(super) fn into_change(self) -> Result<TaskChange> {
        let assignee = self
            .assignee_id
            .map_value(|id| UserId::from_global("input.assigneeId", &id));
        Ok(TaskChange {
            title: patch(self.title),
            description: patch(self.description),
            status: patch(self.status).map(Into::into),
            priority: patch(self.priority).map(Into::into),
            due_date: patch(self.due_date.map_value(|date| date.for_input("due_date")).transpose()?),
            due_on: patch(self.due_on.map_value(day).transpose()?),
            assignee: patch(assignee.transpose()?),
            tags: patch(self.tags),
        })
    }
}

fn day(sent: SentDate) -> Result<NaiveDate> {
    sent.for_input("due_on").map(|Date(day)| day)
}
