//! Notifications in GraphQL.

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

/// What you are told because it concerns you: somebody else did it, or a due date is near or over.
#[derive(Clone, Debug)]
pub struct Notification {
    told: domain::Notification,
    task: Preloaded<Arc<domain_task::Task>>,
    actor: Preloaded<Arc<domain_user::User>>,
}

impl From<domain::Notification> for Notification {
    fn from(told: domain::Notification) -> Self {
        Self {
            told,
            task: Preloaded::default(),
            actor: Preloaded::default(),
        }
    }
}

/// What you are told because it concerns you: somebody else did it, or a due date is near or over.
#[plain_fields]
#[Object]
impl Notification {
    /// The global id.
    pub(in crate::graphql) async fn id(&self) -> ID {
        self.told.id.to_global()
    }

    /// The number inside of the global id.
    async fn database_id(&self) -> i32 {
        self.told.id.0
    }

    /// What it is about.
    async fn kind(&self) -> NotificationKind {
        self.told.kind.into()
    }

    /// Which task.
    async fn task_id(&self) -> ID {
        self.told.task_id.to_global()
    }

    /// The task as it is now; null when it is gone, in the trash, or no longer yours to see.
    async fn task(&self) -> Lookup<'_, TaskById, Single<Task>> {
        Lookup::new(self.told.task_id, &self.task, Task::single)
    }

    /// The task's title at that moment.
    async fn task_title(&self) -> &str {
        &self.told.task_title
    }

    /// Who did it; null for the server itself, and when the account is gone.
    async fn actor(&self) -> Lookup<'_, UserById, Single<User>> {
        Lookup::new(self.told.actor_id, &self.actor, User::single)
    }

    /// The task's status before; null when the task was made, and of a due date.
    async fn previous_status(&self) -> Option<TaskStatus> {
        self.told.previous_status.map(Into::into)
    }

    /// The task's status after, or at that moment.
    async fn status(&self) -> TaskStatus {
        self.told.status.into()
    }

    /// Whether you have read it.
    async fn is_read(&self) -> bool {
        self.told.read_at.is_some()
    }

    /// When you read it.
    async fn read_at(&self) -> Option<DateTime<Utc>> {
        self.told.read_at
    }

    /// When it happened.
    async fn created_at(&self) -> DateTime<Utc> {
        self.told.created_at
    }
}

impl Row for Notification {
    async fn prefetch<'a>(rows: &'a [&'a Self], fields: &'a [&'a Positioned<Field>], ctx: &'a ContextSelectionSet<'a>) {
        let rows_for = |name: &str| rows_with(name, fields, rows);
        let tasks = rows_for("task").iter().map(|row| (row.told.task_id, &row.task));
        let actors = rows_for("actor").iter();
        let actors = actors.filter_map(|row| Some((row.told.actor_id?, &row.actor)));
        tokio::join!(preload::<TaskById>(ctx, tasks), preload::<UserById>(ctx, actors));
    }
}

/// The delivery of a notification.
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

/// The delivery of a notification.
#[Object]
impl NotificationEvent {
    /// Place of the notification in the order of delivery, unique: an `after` for `notificationReceived`.
    async fn cursor(&self) -> String {
        self.cursor.encode()
    }

    /// The notification as it is now: one that is delivered late may be read already.
    async fn notification(&self) -> Single<Notification> {
        Single(self.notification.clone())
    }

    /// Number of your notifications that you have not read, now and not at the time of this one; counted only when
    /// selected.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i32> {
        unread_count(ctx).await
    }
}

/// What a connection of notifications knows beside its page.
#[derive(Debug)]
pub struct NotificationTotals {
    unread_only: bool,
}

#[Object]
impl NotificationTotals {
    /// How many notifications there are on all pages together; counted only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        count(ctx, self.unread_only).await
    }

    /// How many of your notifications you have not read; counted only when selected.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i32> {
        unread_count(ctx).await
    }
}

/// How many notifications the actor has not read.
pub(in crate::graphql) async fn unread_count(ctx: &Context<'_>) -> Result<i32> {
    count(ctx, true).await
}

async fn count(ctx: &Context<'_>, unread_only: bool) -> Result<i32> {
    let count = ctx.domain().notifications().count(ctx.actor(), unread_only).await?;
    Ok(i32::try_from(count).unwrap_or(i32::MAX))
}

/// What can be read of notifications.
#[derive(Debug, Default)]
pub struct NotificationQuery;

#[Object]
impl NotificationQuery {
    /// Your notifications, the newest first.
    #[graphql(guard = "SignedIn")]
    async fn notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, up to 100; 50 when neither first nor last is given.")] first: Option<
            i32,
        >,
        #[graphql(desc = "Only notifications behind this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, up to 100.")] last: Option<i32>,
        #[graphql(desc = "Only notifications before this cursor.")] before: Option<String>,
        #[graphql(desc = "Only those that you have not read.", default = false)] unread_only: bool,
    ) -> Option<Result<Connection<Notification, NotificationTotals>>> {
        let page = PageArguments {
            first,
            after,
            last,
            before,
        };
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

/// What became of marking notifications as read.
#[derive(SimpleObject)]
struct NotificationsMarkReadPayload {
    /// Those that were named, as they are now; empty when all were marked.
    notifications: Rows<Notification>,
    /// How many of your notifications you have not read by now.
    unread_count: i32,
    /// What the client can mend.
    user_errors: Vec<UserError>,
}

/// What can be done about notifications.
#[derive(Debug, Default)]
pub struct NotificationMutation;

#[Object]
impl NotificationMutation {
    /// Marks notifications as read: all that are named, or none when one of them is not yours.
    #[graphql(guard = "SignedIn")]
    async fn notifications_mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which ones, up to 100; all of yours when it is left out or null.")] ids: Option<Vec<ID>>,
    ) -> Result<NotificationsMarkReadPayload> {
        let ids: Option<Vec<NotificationId>> = ids.as_deref().map(read_ids).transpose()?;
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

fn read_ids(ids: &[ID]) -> Result<Vec<NotificationId>> {
    ids.iter()
        .enumerate()
        .map(|(position, id)| Ok(NotificationId::from_global(format_args!("ids.{position}"), id)?))
        .collect()
}

/// The user errors of marking these; one that is about an id has its place among them.
fn errors_of_ids(error: Error, ids: &[NotificationId]) -> Result<Vec<UserError>> {
    let position = match &error {
        Error::NotFound { value, .. } => ids.iter().position(|id| id.to_string() == *value),
        _ => None,
    };
    let errors = user_errors(error, &[])?;
    Ok(match position {
        Some(position) => errors.into_iter().map(|error| error.of_ids(position)).collect(),
        None => errors,
    })
}

/// Notifications by id, as far as they are for the actor.
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
