//! GraphQL types of notifications.

use std::sync::Arc;

use async_graphql::parser::types::Field;
use async_graphql::{Context, ContextSelectionSet, ID, Object, Positioned, SimpleObject};
use chrono::{DateTime, Utc};
use taskwire_macros::plain_fields;

use super::task::{Task, TaskById};
use super::user::{User, UserById};
use crate::domain::error::Error;
use crate::domain::id::NotificationId;
use crate::domain::notification::{self as domain, LoggedNotification, NotificationCursor, Which};
use crate::domain::{task as domain_task, user as domain_user};
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::{Result, UserError, user_errors};
use crate::graphql::guard::SignedIn;
use crate::graphql::loader::{Batch, Loaded, LoaderContext};
use crate::graphql::node::GlobalId as _;
use crate::graphql::row::{Lookup, Preloaded, Row, Rows, Single, preload, rows_with};
use crate::graphql::scalar::{NotificationKind, TaskStatus};

/// A notification, with its preloaded references.
#[derive(Clone, Debug)]
pub struct Notification {
    inner: domain::Notification,
    task: Preloaded<Arc<domain_task::Task>>,
    actor: Preloaded<Arc<domain_user::User>>,
}

impl From<domain::Notification> for Notification {
    fn from(inner: domain::Notification) -> Self {
        Self {
            inner,
            task: Preloaded::default(),
            actor: Preloaded::default(),
        }
    }
}

/// A message about a task that you own or are assigned to. It is sent if someone else assigns the task to you or
/// changes its status, or if the task is due soon or overdue. Visible only to you.
#[plain_fields]
#[Object]
impl Notification {
    /// Global id: opaque, unique over all types, accepted by `node`.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.inner.id.to_global()
    }

    /// Numeric id, unique among notifications.
    async fn database_id(&self) -> i32 {
        self.inner.id.0
    }

    /// Reason for the notification.
    async fn kind(&self) -> NotificationKind {
        self.inner.kind.into()
    }

    /// Global id of the task. The task may no longer exist.
    async fn task_id(&self) -> ID {
        self.inner.task_id.to_global()
    }

    /// The current task. Null if it was deleted, is in the trash, or is no longer visible to you.
    async fn task(&self) -> Lookup<'_, TaskById, Single<Task>> {
        Lookup::new(self.inner.task_id, &self.task, Task::single)
    }

    /// Title of the task when the notification was created.
    async fn task_title(&self) -> &str {
        &self.inner.task_title
    }

    /// The user who changed the task. Null for `DUE_SOON`, `OVERDUE` and other notifications from the server, or if the
    /// account no longer exists.
    async fn actor(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.inner.actor_id, &self.actor, User::single)
    }

    /// Status of the task before the change. Null if the task was created, and for `DUE_SOON` and `OVERDUE`.
    async fn previous_status(&self) -> Option<TaskStatus> {
        self.inner.previous_status.map(Into::into)
    }

    /// Status of the task after the change. For `DUE_SOON` and `OVERDUE`, the status when the notification was created.
    async fn status(&self) -> TaskStatus {
        self.inner.status.into()
    }

    /// Whether you marked the notification as read.
    async fn is_read(&self) -> bool {
        self.inner.read_at.is_some()
    }

    /// Date and time at which you marked the notification as read (UTC). Null if it is unread.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.inner.read_at
    }

    /// Date and time of creation (UTC).
    async fn created_at(&self) -> DateTime<Utc> {
        self.inner.created_at
    }
}

impl Row for Notification {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let rows_for = |name: &str| rows_with(name, fields, rows);
        let tasks = rows_for("task").iter().map(|row| (row.inner.task_id, &row.task));
        let actors = rows_for("actor").iter();
        let actors = actors.filter_map(|row| Some((row.inner.actor_id?, &row.actor)));
        tokio::join!(preload::<TaskById>(ctx, tasks), preload::<UserById>(ctx, actors));
    }
}

/// A notification and its position in the order of delivery.
#[derive(Clone, Debug)]
pub struct NotificationEvent {
    cursor: NotificationCursor,
    notification: Notification,
}

impl From<LoggedNotification> for NotificationEvent {
    fn from(LoggedNotification { cursor, notification }: LoggedNotification) -> Self {
        Self {
            cursor,
            notification: notification.into(),
        }
    }
}

/// Delivery of a notification by `notificationReceived`.
#[Object]
impl NotificationEvent {
    /// Position of the notification in the order of delivery; unique. Pass it as `after` to resume
    /// `notificationReceived`.
    async fn cursor(&self) -> String {
        self.cursor.encode()
    }

    /// The notification in its current state. It may already be marked as read if it is delivered late.
    async fn notification(&self) -> Single<Notification> {
        Single(self.notification.clone())
    }

    /// Current number of your unread notifications. Counted only if selected.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i32> {
        unread_count(ctx).await
    }
}

/// Totals of a list of notifications.
#[derive(Debug)]
pub struct NotificationTotals {
    unread_only: bool,
}

#[Object]
impl NotificationTotals {
    /// Number of notifications on all pages. Counted only if selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        count(ctx, self.unread_only).await
    }

    /// Number of your unread notifications. Counted only if selected.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i32> {
        unread_count(ctx).await
    }
}

pub(in crate::graphql) async fn unread_count(ctx: &Context<'_>) -> Result<i32> {
    count(ctx, true).await
}

async fn count(ctx: &Context<'_>, unread_only: bool) -> Result<i32> {
    let count = ctx.domain().notifications().count(ctx.actor(), unread_only).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// Queries for notifications.
#[derive(Debug, Default)]
pub struct NotificationQuery;

#[Object]
impl NotificationQuery {
    /// Your notifications, newest first.
    #[graphql(guard = "SignedIn")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first N notifications, 0 to 100. Default: 50, unless `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Returns notifications after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last N notifications, 0 to 100. Not together with `first`.")] last: Option<i32>,
        #[graphql(desc = "Returns notifications before this cursor.")] before: Option<String>,
        #[graphql(
            desc = "Whether to return only unread notifications. Default: false.",
            default = false
        )]
        unread_only: bool,
    ) -> Option<Result<Connection<Notification, NotificationTotals>>> {
        let page = PageArguments(first, after, last, before);
        Some(list(ctx, page, unread_only).await)
    }
}

async fn list(
    ctx: &Context<'_>,
    page: PageArguments,
    unread_only: bool,
) -> Result<Connection<Notification, NotificationTotals>> {
    let (page, notifications) = (page.into_request(ctx)?, ctx.domain().notifications());
    let found = notifications.list(ctx.actor(), unread_only, &page).await?;
    let totals = NotificationTotals { unread_only };
    Ok(connection(found, totals, Notification::from))
}

/// Payload of `notificationsMarkRead`.
#[derive(SimpleObject)]
struct NotificationsMarkReadPayload {
    /// The notifications in `ids`, after the change. Empty with errors, and if `ids` was null or omitted.
    notifications: Rows<Notification>,
    /// Number of your unread notifications after the change.
    unread_count: i32,
    /// Errors the client can fix; empty on success.
    user_errors: Vec<UserError>,
}

/// Mutations of notifications.
#[derive(Debug, Default)]
pub struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Marks your notifications as read. If one of `ids` is not your notification, no notification is marked.
    #[graphql(guard = "SignedIn")]
    async fn notifications_mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ids of notifications, up to 100. Null or omitted: all of yours.")] ids: Option<
            Vec<ID>,
        >,
    ) -> Result<NotificationsMarkReadPayload> {
        let ids = ids.as_deref().map(|ids| NotificationId::all_from_global("ids", ids));
        let ids = ids.transpose()?;
        let which = ids.clone().map_or(Which::All, Which::These);
        let (notifications, user_errors) = match ctx.domain().notifications().mark_read(ctx.actor(), &which).await {
            Ok(marked) => (marked, Vec::new()),
            Err(error) => (Vec::new(), errors_of_ids(error, &ids.unwrap_or_default())?),
        };
        Ok(NotificationsMarkReadPayload {
            notifications: Rows(notifications.into_iter().map(Notification::from).collect()),
            unread_count: unread_count(ctx).await?,
            user_errors,
        })
    }
}

/// Errors about an id name its index in `ids`.
fn errors_of_ids(error: Error, ids: &[NotificationId]) -> Result<Vec<UserError>> {
    let position = match &error {
        Error::NotFound { value, .. } => ids.iter().position(|id| id.to_string() == *value),
        _ => None,
    };
    let errors = user_errors(error, &[])?;
    let Some(position) = position.map(|position| position.to_string()) else {
        return Ok(errors);
    };
    let errors = errors.into_iter();
    Ok(errors.map(|error| error.moved("id", &["ids", &position])).collect())
}

pub(super) struct NotificationById;

impl Batch for NotificationById {
    type Key = NotificationId;
    type Value = domain::Notification;

    const NAME: &'static str = "notifications";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[NotificationId]) -> Loaded<Self> {
        let found = domain.notifications().find_many(actor, keys).await?;
        Ok(found.into_iter().map(|one| (one.id, one)).collect())
    }
}
