//! Notifications: changes by other users to one's tasks, and due dates that are near or past. The former are written in
//! the transaction of their event, the latter together with a record that prevents duplicates.

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
use super::named_enum::named_enum;
use super::task::workflow::Status;

/// Maximum number of notifications in one request.
pub const MAX_IDS: usize = 100;

named_enum! {
    /// The subject of a notification, with its name in the database.
    NotificationKind {
        /// A task was assigned to the user.
        Assigned = "ASSIGNED",
        /// The status of a task of the user changed.
        StatusChanged = "STATUS_CHANGED",
        /// An open task of the user is due within 24 hours.
        DueSoon = "DUE_SOON",
        /// An open task of the user is past its due date.
        Overdue = "OVERDUE",
    }
}

/// A notification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The notification's id.
    pub id: NotificationId,
    /// The receiver.
    pub user_id: UserId,
    /// Its subject.
    pub kind: NotificationKind,
    /// The id of the task, which may be purged or hidden by now.
    pub task_id: TaskId,
    /// Title of the task when the notification was created.
    pub task_title: String,
    /// The user who caused it; `None` for the server itself.
    pub actor_id: Option<UserId>,
    /// The status before; `None` for a new task and for due dates.
    pub previous_status: Option<Status>,
    /// The status after the event, or when the notification was created.
    pub status: Status,
    /// When it was read; `None` if unread.
    pub read_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
}

/// The notifications to mark as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// All unread ones.
    All,
    /// Those with these ids.
    These(Vec<NotificationId>),
}
