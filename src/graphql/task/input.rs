//! What a client sends to make or change a task.

use async_graphql::{ID, InputObject, MaybeUndefined};

use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
use crate::domain::task::{TaskChange, TaskDraft};
use crate::graphql::node::GlobalId as _;
use crate::graphql::scalar::{SentDateTime, TaskPriority, TaskStatus};
use crate::graphql::user::patch;

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
    /// Who should do it.
    assignee_id: Option<ID>,
    /// Up to 20 tags of 1 to 50 characters; upper and lower case are the same.
    #[graphql(default)]
    tags: Vec<String>,
}

impl TaskCreateInput {
    pub(super) fn into_draft(self) -> Result<TaskDraft> {
        Ok(TaskDraft {
            title: self.title,
            description: self.description,
            status: self.status.map(Into::into),
            priority: self.priority.map(Into::into),
            due_date: self.due_date.map(|date| date.for_input("due_date")).transpose()?,
            assignee: self
                .assignee_id
                .map(|id| UserId::from_global("input.assigneeId", &id))
                .transpose()?,
            tags: self.tags,
        })
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
    /// Until when it should be done.
    due_date: MaybeUndefined<SentDateTime>,
    /// Who should do it. An assignee may only set it to null.
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
            assignee: match patch(self.assignee_id) {
                Patch::Absent => Patch::Absent,
                Patch::Null => Patch::Null,
                Patch::Value(id) => Patch::Value(UserId::from_global("input.assigneeId", &id)?),
            },
            tags: patch(self.tags),
        })
    }
}
