//! The domain's enums as the schema's.

use async_graphql::Enum;

use crate::domain::actor;
use crate::domain::event;
use crate::domain::page;
use crate::domain::task;
use crate::domain::workflow;

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "workflow::Status")]
pub enum TaskStatus {
    /// Not begun. May become `IN_PROGRESS`, `DONE` or `CANCELLED`.
    Todo,
    /// Being worked on. May become `TODO`, `DONE` or `CANCELLED`.
    InProgress,
    /// Finished. May become `TODO`.
    Done,
    /// Given up. May become `TODO`.
    Cancelled,
}

/// How urgent a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::Priority")]
pub enum TaskPriority {
    /// Can wait.
    Low,
    /// The ordinary case.
    Medium,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "actor::Role")]
pub enum Role {
    /// Works with the tasks it owns or is assigned to.
    User,
    /// Sees and manages everything.
    Admin,
}

/// What happened to a task. A write that did several things is named after the first of these that it
/// did: move, hand over, update, tag; `changes` tells them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "event::EventType")]
pub enum TaskEventType {
    /// It was made.
    Created,
    /// Its title, description, priority, due date or owner changed.
    Updated,
    /// It moved along the workflow.
    StatusChanged,
    /// It was handed to somebody.
    Assigned,
    /// It was taken from somebody.
    Unassigned,
    /// It got tags.
    Tagged,
    /// It lost tags.
    Untagged,
    /// It got a file.
    Attached,
    /// It lost a file.
    Detached,
    /// It went to the trash.
    Deleted,
    /// It came back from the trash.
    Restored,
    /// It was deleted for good.
    Purged,
}

/// What becomes of the other tasks when one cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::ErrorPolicy")]
pub enum BulkErrorPolicy {
    /// Nothing is written; those that could have been changed have the user error `ABORTED`.
    AllOrNothing,
    /// They are changed all the same.
    Partial,
}

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "page::Direction")]
pub enum OrderDirection {
    /// The smallest first; rows without a value come last.
    #[graphql(name = "ASC")]
    Ascending,
    /// The greatest first; rows without a value come first.
    #[graphql(name = "DESC")]
    Descending,
}

/// By what tasks can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::TaskSortField")]
pub enum TaskOrderField {
    /// When the task was made.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// Until when it should be done; tasks without a due date count as later than all others.
    DueDate,
    /// From `LOW` to `URGENT`.
    Priority,
    /// From `TODO` over `IN_PROGRESS` and `DONE` to `CANCELLED`.
    Status,
    /// By the letters of the title, in any case.
    Title,
    /// By number.
    Id,
}
