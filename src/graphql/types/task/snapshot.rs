//! The state of a task directly after an event.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{ContextSelectionSet, ID, Object, Positioned};
use chrono::{DateTime, Utc};
use taskwire_macros::plain_fields;

use crate::domain;
use crate::domain::id::UserId;
use crate::domain::task::Snapshot;
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Lookup, Preloaded, Row, Single, preload, rows_with};
use crate::graphql::scalar::{Date, TaskPriority, TaskStatus};
use crate::graphql::types::user::UserById;

/// A task directly after an event.
#[derive(Clone, Debug)]
pub struct TaskSnapshot {
    inner: Snapshot,
    owner: TaskSnapshotUser,
    assignee: Option<TaskSnapshotUser>,
}

impl From<Snapshot> for TaskSnapshot {
    fn from(snapshot: Snapshot) -> Self {
        Self {
            owner: snapshot.task.owner_id.into(),
            assignee: snapshot.task.assignee_id.map(Into::into),
            inner: snapshot,
        }
    }
}

/// A task directly after an event. It has no `id`, so that a normalised cache does not confuse it with the current
/// task.
#[plain_fields]
#[Object]
impl TaskSnapshot {
    /// Global id of the task.
    async fn task_id(&self) -> ID {
        self.inner.task.id.to_global()
    }

    /// Version after the event; 1 for a new task.
    async fn version(&self) -> i32 {
        self.inner.task.version
    }

    /// Title after the event, 1 to 255 characters.
    async fn title(&self) -> &str {
        &self.inner.task.title
    }

    /// Description, up to 5,000 characters. Null if the task had none.
    async fn description(&self) -> Option<&str> {
        self.inner.task.description.as_deref()
    }

    /// Workflow status after the event.
    async fn status(&self) -> TaskStatus {
        self.inner.task.status.into()
    }

    /// Priority after the event, from `LOW` to `URGENT`.
    async fn priority(&self) -> TaskPriority {
        self.inner.task.priority.into()
    }

    /// Due date and time (UTC). Null if the task had `dueOn`, or neither of the two.
    async fn due_date(&self) -> Option<DateTime<Utc>> {
        self.inner.task.due_date
    }

    /// Due day, such as 2026-12-31. Null if the task had `dueDate`, or neither of the two.
    async fn due_on(&self) -> Option<Date> {
        self.inner.task.due_on.map(Date)
    }

    /// Tags after the event, in lower case and alphabetical order.
    async fn tags(&self) -> Vec<&str> {
        self.inner.task.tags.iter().map(String::as_str).collect()
    }

    /// Owner after the event.
    async fn owner(&self) -> Single<TaskSnapshotUser> {
        Single(self.owner.clone())
    }

    /// Assignee after the event. Null if the task was unassigned.
    async fn assignee(&self) -> Option<Single<TaskSnapshotUser>> {
        self.assignee.clone().map(Single)
    }

    /// Date and time of creation (UTC).
    async fn created_at(&self) -> DateTime<Utc> {
        self.inner.task.created_at
    }

    /// Date and time of the last change up to the event (UTC).
    async fn updated_at(&self) -> DateTime<Utc> {
        self.inner.task.updated_at
    }

    /// Date and time of completion (UTC). Null unless the status was `DONE`.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.inner.task.completed_at
    }

    /// Date and time at which the task was moved to the trash (UTC). Null unless it was in the trash.
    async fn deleted_at(&self) -> Option<DateTime<Utc>> {
        self.inner.task.deleted_at
    }
}

impl Row for TaskSnapshot {}

/// Owner or assignee of a snapshot.
#[derive(Clone, Debug)]
pub struct TaskSnapshotUser {
    id: UserId,
    user: Preloaded<Arc<domain::user::User>>,
}

impl From<UserId> for TaskSnapshotUser {
    fn from(id: UserId) -> Self {
        Self {
            id,
            user: Preloaded::default(),
        }
    }
}

/// Owner or assignee of a snapshot. It has no `id`, because the account may no longer exist.
#[plain_fields]
#[Object]
impl TaskSnapshotUser {
    /// Global id of the user.
    async fn user_id(&self) -> ID {
        self.id.to_global()
    }

    /// Current display name. Null if the account no longer exists.
    async fn display_name(&self) -> Lookup<'_, UserById, String> {
        Lookup::new(self.id, &self.user, |user: Arc<domain::user::User>| {
            user.display_name().into_owned()
        })
    }
}

impl Row for TaskSnapshotUser {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let users = rows_with("displayName", fields, rows)
            .iter()
            .map(|row| (row.id, &row.user));
        preload::<UserById>(ctx, users).await;
    }
}
