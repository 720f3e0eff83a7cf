//! What a client sends to make or change a task.

use async_graphql::{ID, InputObject, MaybeUndefined};
use chrono::NaiveDate;

use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::patch::Patch;
use crate::domain::task::{TaskChange, TaskDraft};
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::{Date, SentDate, SentDateTime, TaskPriority, TaskStatus};
use crate::graphql::types::user::patch;

/// A task to be made.
#[derive(Debug, InputObject)]
pub struct TaskCreateInput {
    /// 1 to 255 characters.
    title: String,
    /// Up to 5,000 characters.
    description: Option<String>,
    /// Where it starts; TODO when left out.
    status: Option<TaskStatus>,
    /// MEDIUM when left out.
    priority: Option<TaskPriority>,
    /// Until when it should be done.
    due_date: Option<SentDateTime>,
    /// On which day it should be done, such as 2026-12-31. Not together with `dueDate`.
    due_on: Option<SentDate>,
    /// Who should do it.
    assignee_id: Option<ID>,
    /// Up to 20 tags of 1 to 50 characters; upper and lower case are the same.
    #[graphql(default)]
    tags: Vec<String>,
    /// Creates the task once, however often the mutation is sent: 1 to 255 visible ASCII characters, such as a UUID. If you
    /// own a task with this key, that task is returned as it is now, also from the trash: other fields are ignored, `cursor`
    /// is null, and there is no second event. The key is kept until the task is deleted for good. Keys of other
    /// users are independent.
    client_key: Option<String>,
}

impl TaskCreateInput {
    /// The draft of a task that was sent at this path.
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

/// A version that a task must have to be changed.
#[derive(Debug, InputObject)]
pub struct TaskVersionInput {
    /// The task: one of those that the mutation changes.
    id: ID,
    /// The `version` that it must have; with another, the task has the error `CONFLICT`.
    version: i32,
}

impl TaskVersionInput {
    /// The task and the version; `position` is that among the versions.
    pub(super) fn read(&self, position: usize) -> Result<(TaskId, i32)> {
        let id = TaskId::from_global(format_args!("expectedVersions.{position}.id"), &self.id)?;
        Ok((id, self.version))
    }
}

/// What to change of a task; a field that is left out stays as it is, null clears it.
#[derive(Debug, InputObject)]
pub struct TaskUpdateInput {
    /// 1 to 255 characters; cannot be null.
    title: MaybeUndefined<String>,
    /// Up to 5,000 characters.
    description: MaybeUndefined<String>,
    /// By the workflow; cannot be null.
    status: MaybeUndefined<TaskStatus>,
    /// How urgent it is; cannot be null.
    priority: MaybeUndefined<TaskPriority>,
    /// Until when it should be done. Setting it clears `dueOn`.
    due_date: MaybeUndefined<SentDateTime>,
    /// On which day it should be done, such as 2026-12-31. Setting it clears `dueDate`; both cannot be set together.
    due_on: MaybeUndefined<SentDate>,
    /// Who should do it. An assignee who is not the owner may only set it to null.
    assignee_id: MaybeUndefined<ID>,
    /// All tags anew; null takes all away.
    tags: MaybeUndefined<Vec<String>>,
}

impl TaskUpdateInput {
    pub(super) fn into_change(self) -> Result<TaskChange> {
        Ok(TaskChange {
            title: patch(self.title),
            description: patch(self.description),
            status: patch(self.status).map(Into::into),
            priority: patch(self.priority).map(Into::into),
            due_date: patch(self.due_date.map_value(|date| date.for_input("due_date")).transpose()?),
            due_on: patch(self.due_on.map_value(day).transpose()?),
            assignee: match patch(self.assignee_id) {
                Patch::Absent => Patch::Absent,
                Patch::Null => Patch::Null,
                Patch::Value(id) => Patch::Value(UserId::from_global("input.assigneeId", &id)?),
            },
            tags: patch(self.tags),
        })
    }
}

fn day(sent: SentDate) -> Result<NaiveDate> {
    sent.for_input("due_on").map(|Date(day)| day)
}
