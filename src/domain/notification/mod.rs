//! Notifications: what somebody is told because it concerns them and somebody else did it, or because the due date of
//! a task is near or over. The former are written in the transaction of the event that they tell of, the latter in
//! that of a note that they were; so each is made once.

mod cursor;
mod due;
mod email;

pub(crate) use self::cursor::NotificationPosition;
pub use self::cursor::{LoggedNotification, NotificationCursor};
pub(super) use self::due::DueAt;
pub(crate) use self::email::{Email, email_of};

use super::Core;
use super::actor::Actor;
use super::clock::Timestamp;
use super::error::{Error, Result};
use super::id::{NotificationId, TaskId, UserId};
use super::page::{Page, PageRequest, SortField};
use super::policy::{self, Own, ReadNotifications};
use super::store;
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

/// The use cases of notifications. Everybody has their own, administrators too.
#[derive(Clone, Copy, Debug)]
pub struct Notifications<'a> {
    core: &'a Core,
}

impl<'a> Notifications<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// One page of the actor's notifications, the newest first.
    #[tracing::instrument(target = "taskwire::span", name = "notification.list", skip_all)]
    pub async fn list(self, actor: &Actor, unread_only: bool, page: &PageRequest) -> Result<Page<Notification>> {
        let scope = policy::scope(actor)?;
        store::notification::page(&self.core.store.reader(actor), &scope, unread_only, page).await
    }

    /// How many notifications the actor has.
    #[tracing::instrument(target = "taskwire::span", name = "notification.count", skip_all)]
    pub async fn count(self, actor: &Actor, unread_only: bool) -> Result<u64> {
        let scope = policy::scope(actor)?;
        store::notification::count(&self.core.store.reader(actor), &scope, unread_only).await
    }

    /// Those of the actor's notifications that have these ids.
    #[tracing::instrument(target = "taskwire::span", name = "notification.find_many", skip_all)]
    pub async fn find_many(self, actor: &Actor, ids: &[NotificationId]) -> Result<Vec<Notification>> {
        let scope = policy::scope(actor)?;
        store::notification::find_many(&self.core.store.reader(actor), &scope, ids).await
    }

    /// Marks notifications of the actor as read; all of those that are named, or none. What is read already
    /// keeps its moment. Returns those that are named as they are now.
    #[tracing::instrument(target = "taskwire::span", name = "notification.mark_read", skip_all)]
    pub async fn mark_read(self, actor: &Actor, which: &Which) -> Result<Vec<Notification>> {
        let user = actor.signed_in()?.id;
        let permit = policy::permit(actor, ReadNotifications, &Own::of(user))?;
        let scope = policy::scope(actor)?;
        let ids = match which {
            Which::All => None,
            Which::These(ids) => Some(ids.as_slice()),
        };
        if let Some(ids) = ids.filter(|ids| ids.len() > MAX_IDS) {
            let message = format!("ids: {} ids were given; up to {MAX_IDS} are allowed", ids.len());
            return Err(Error::invalid("ids", message));
        }
        let transaction = self.core.store.begin().await?;
        store::notification::mark_read(&transaction, &permit, ids, self.core.clock.now()).await?;
        let named = ids.unwrap_or_default();
        let marked = store::notification::find_many(transaction.connection(), &scope, named).await?;
        if let Some(missing) = named.iter().find(|id| marked.iter().all(|one| one.id != **id)) {
            return Err(Error::not_found("notification", *missing));
        }
        transaction.commit().await?;
        Ok(marked)
    }
}
