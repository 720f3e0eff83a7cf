//! Notifications: what somebody is told because it concerns them and somebody else did it, or because the due date of
//! a task is near or over. The former are written in the transaction of the event that they tell of, the latter in
//! that of a note that they were; so each is made once.

mod cursor;
mod due;
mod email;
mod use_cases;

pub(crate) use self::cursor::NotificationPosition;
pub use self::cursor::{LoggedNotification, NotificationCursor};
pub(super) use self::due::DueAt;
pub(crate) use self::email::{Email, email_of};
pub use self::use_cases::Notifications;

use super::clock::Timestamp;
use super::id::{NotificationId, TaskId, UserId};
use super::page::SortField;
use super::task::workflow::Status;

/// The most notifications that are named in one request.
pub const MAX_IDS: usize = 100;

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// A task was assigned to you.
    Assigned,
    /// A task of yours moved along the workflow.
    StatusChanged,
    /// An open task of yours is due within 24 hours.
    DueSoon,
    /// The due date of an open task of yours is over.
    Overdue,
}

impl NotificationKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Assigned, Self::StatusChanged, Self::DueSoon, Self::Overdue];

    /// The name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Assigned => "ASSIGNED",
            Self::StatusChanged => "STATUS_CHANGED",
            Self::DueSoon => "DUE_SOON",
            Self::Overdue => "OVERDUE",
        }
    }
}

/// What somebody is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// Which one.
    pub id: NotificationId,
    /// Who is told.
    pub user_id: UserId,
    /// What it is about.
    pub kind: NotificationKind,
    /// Which task, which may be gone or out of sight by now.
    pub task_id: TaskId,
    /// The task's title at that moment.
    pub task_title: String,
    /// Who did it; `None` for the server itself.
    pub actor_id: Option<UserId>,
    /// The status before; `None` when the task was made, and of a due date.
    pub previous_status: Option<Status>,
    /// The status after, or at that moment.
    pub status: Status,
    /// When it was read.
    pub read_at: Option<Timestamp>,
    /// When it happened.
    pub created_at: Timestamp,
}

/// A column that notifications can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NotificationSortField {
    /// By the moment they were made.
    CreatedAt,
}

impl SortField for NotificationSortField {
    fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created",
        }
    }
}

/// Which notifications to mark as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that are not read yet.
    All,
    /// These.
    These(Vec<NotificationId>),
}
