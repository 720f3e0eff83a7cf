//! Notifications in the database.

pub(in crate::domain) mod due_notice;

use std::ops::Range;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{FromQueryResult, QueryOrder as _, QuerySelect as _, Select};

use super::event::{LOG_IDENTITY, log};
use super::query::keyset::{KeyColumn, KeyColumns, KeyType, Keyset};
use super::query::{aggregate, compare_rows, of_user};
use super::{NoRelation as Relation, WriteTransaction, corrupt, job, one_of, task};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::{self, NewEvent};
use crate::domain::id::{NotificationId, TaskId, UserId};
use crate::domain::notification::{
    LoggedNotification, Notification, NotificationCursor, NotificationKind, NotificationPosition,
};
use crate::domain::page::{Cursor, Direction, Key, Page, PageRequest, Sort};
use crate::domain::policy::{Notifications, Permit, ReadNotifications, RemindOfTask, Scope, System};
use crate::domain::task::Task;
use crate::domain::task::workflow::Status;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "notifications")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub user_id: i32,
    /// Id of the event; for a due date, the negated id of the notice.
    pub event_id: i64,
    pub kind: String,
    pub task_id: i32,
    pub task_title: String,
    pub actor_id: Option<i32>,
    pub previous_status: Option<i16>,
    pub status: i16,
    pub read_at: Option<Timestamp>,
    /// Position in the order of notifications: that of the event, or for a due date the one after the newest event at
    /// the time.
    pub log_transaction_id: i64,
    pub log_event_id: i64,
}

impl TryFrom<Model> for Notification {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        let kind = NotificationKind::named(&row.kind);
        Ok(Self {
            id: NotificationId(row.id),
            user_id: UserId(row.user_id),
            kind: kind.ok_or_else(|| corrupt("kind of a notification", &row.kind))?,
            task_id: TaskId(row.task_id),
            task_title: row.task_title,
            actor_id: row.actor_id.map(UserId),
            previous_status: row.previous_status.map(task::status_of).transpose()?,
            status: task::status_of(row.status)?,
            read_at: row.read_at,
            created_at: row.created_at,
        })
    }
}

/// Notifications of an event, without its position in the log.
pub(super) fn notices(event: &NewEvent) -> Vec<ActiveModel> {
    let notice = |notice: &(UserId, NotificationKind)| ActiveModel {
        actor_id: Set(event.actor_id.map(|actor| actor.0)),
        previous_status: Set(event.previous_status.map(Status::rank)),
        ..row(*notice, event.task_id, &event.title, event.status, event.occurred_at)
    };
    event.notices.iter().map(notice).collect()
}

/// Adds the [`notices`] of the event at this position. Must run in its transaction.
pub(super) async fn insert(
    transaction: &WriteTransaction,
    notices: Vec<ActiveModel>,
    event: event::LogPosition,
) -> Result<()> {
    let rows = notices.into_iter().map(|notice| ActiveModel {
        event_id: Set(event.id),
        log_transaction_id: Set(event.transaction_id),
        log_event_id: Set(event.id),
        ..notice
    });
    add(transaction, rows.collect()).await
}

/// Every column except those of the event and its position in the log.
fn row(
    (user, kind): (UserId, NotificationKind),
    task: TaskId,
    title: &str,
    status: Status,
    now: Timestamp,
) -> ActiveModel {
    ActiveModel {
        created_at: Set(now),
        updated_at: Set(now),
        user_id: Set(user.0),
        kind: Set(kind.as_str().to_owned()),
        task_id: Set(task.0),
        task_title: Set(title.to_owned()),
        actor_id: Set(None),
        previous_status: Set(None),
        status: Set(status.rank()),
        read_at: Set(None),
        ..Default::default()
    }
}

/// Adds notifications and enqueues their emails.
async fn add(transaction: &WriteTransaction, rows: Vec<ActiveModel>) -> Result<()> {
    let insert = Entity::insert_many(rows);
    if !transaction.sends_mail {
        insert.exec_without_returning(transaction.connection()).await?;
        return Ok(());
    }
    let added = insert.exec_with_returning(transaction.connection()).await?;
    for row in added {
        job::enqueue_mail(transaction, NotificationId(row.id), row.created_at).await?;
    }
    Ok(())
}

/// Notifies a user of the due date of a task.
pub(super) async fn remind(
    transaction: &WriteTransaction,
    permit: &Permit<RemindOfTask>,
    task: &Task,
    notice: i64,
    user_and_kind: (UserId, NotificationKind),
    now: Timestamp,
) -> Result<()> {
    let position = log::current_position(transaction).await?;
    let row = ActiveModel {
        event_id: Set(-notice),
        log_transaction_id: Set(position.transaction_id),
        log_event_id: Set(position.id),
        ..row(user_and_kind, permit.subject(), &task.title, task.status, now)
    };
    add(transaction, vec![row]).await
}

const NEWEST_FIRST: [Sort<&str>; 1] = [Sort {
    field: "created",
    direction: Direction::Descending,
}];

impl KeyColumns<&'static str> for Entity {
    fn column(_created_at: &'static str) -> KeyColumn {
        (Expr::col((Self, Column::CreatedAt)), KeyType::Moment)
    }

    fn id() -> Expr {
        Expr::col((Self, Column::Id))
    }
}

fn visible(scope: &Scope<Notifications>, unread_only: bool) -> Select<Entity> {
    let query = Entity::find().filter(of_user(scope, Column::UserId));
    if unread_only {
        query.filter(Column::ReadAt.is_null())
    } else {
        query
    }
}

/// Newest first.
pub(in crate::domain) async fn page(
    connection: &impl ConnectionTrait,
    scope: &Scope<Notifications>,
    unread_only: bool,
    page: &PageRequest,
) -> Result<Page<Notification>> {
    let keyset = Keyset::new(&NEWEST_FIRST, page)?;
    if page.is_empty() {
        return Ok(Page::default());
    }
    let rows = keyset
        .apply::<Entity, _>(visible(scope, unread_only))?
        .all(connection)
        .await?;
    let beyond = keyset.is_any_beyond::<Entity, _>(connection, || visible(scope, unread_only), Column::Id);
    let beyond = beyond.await?;
    let notifications: Result<Vec<Notification>> = rows.into_iter().map(Notification::try_from).collect();
    Ok(keyset.finish(notifications?, beyond, |one| Cursor {
        keys: vec![Key::Number(one.created_at.timestamp_micros())],
        id: one.id.0,
    }))
}

pub(in crate::domain) async fn count(
    connection: &impl ConnectionTrait,
    scope: &Scope<Notifications>,
    unread_only: bool,
) -> Result<u64> {
    aggregate(connection, visible(scope, unread_only), "COUNT(*)").await
}

/// Omits notifications out of scope.
pub(in crate::domain) async fn find_many(
    connection: &impl ConnectionTrait,
    scope: &Scope<Notifications>,
    ids: &[NotificationId],
) -> Result<Vec<Notification>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = ids.iter().map(|id| id.0).collect();
    let rows = visible(scope, false)
        .filter(one_of(connection, Column::Id, wanted))
        .all(connection)
        .await?;
    rows.into_iter().map(Notification::try_from).collect()
}

/// For the server, which sends notifications of all users.
pub(in crate::domain) async fn find_to_send(
    connection: &impl ConnectionTrait,
    _system: &System,
    id: NotificationId,
) -> Result<Option<Notification>> {
    let row = Entity::find_by_id(id.0).one(connection).await?;
    row.map(Notification::try_from).transpose()
}

/// A notification with the identity of its log.
#[derive(Debug, FromQueryResult)]
struct Row {
    log: String,
    #[sea_orm(nested)]
    model: Model,
}

fn position(row: &Model) -> NotificationPosition {
    NotificationPosition {
        event: event::LogPosition {
            transaction_id: row.log_transaction_id,
            id: row.log_event_id,
        },
        id: row.id.into(),
    }
}

fn compared(connection: &impl ConnectionTrait, operator: &str, position: NotificationPosition) -> Expr {
    let NotificationPosition { event, id } = position;
    let columns = "log_transaction_id, log_event_id, id";
    compare_rows(connection, columns, operator, [event.transaction_id, event.id, id])
}

/// The first `limit` notifications in scope and range, and the start of the next batch; `None` after the last.
/// Unreadable rows are skipped and logged, so that they do not block later ones.
pub(in crate::domain) async fn read(
    connection: &impl ConnectionTrait,
    scope: &Scope<Notifications>,
    range: Range<NotificationPosition>,
    limit: u64,
) -> Result<(Vec<LoggedNotification>, Option<NotificationPosition>)> {
    let rows: Vec<Row> = visible(scope, false)
        .expr_as(Expr::cust(LOG_IDENTITY), "log")
        .filter(compared(connection, ">=", range.start))
        .filter(compared(connection, "<", range.end))
        .order_by_asc(Column::LogTransactionId)
        .order_by_asc(Column::LogEventId)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_model()
        .all(connection)
        .await?;
    let is_full = u64::try_from(rows.len()).is_ok_and(|length| length >= limit);
    let more_from = rows.last().filter(|_| is_full).map(|row| position(&row.model).next());
    let notifications = rows.into_iter().filter_map(|Row { log, model }| {
        let (id, position) = (model.id, position(&model));
        let notification = Notification::try_from(model);
        let notification = notification
            .inspect_err(|error| tracing::error!("the notification {id} cannot be read: {:?}", error.cause()));
        Some(LoggedNotification {
            cursor: NotificationCursor::new(log, position),
            notification: notification.ok()?,
        })
    });
    Ok((notifications.collect(), more_from))
}

/// Marks unread notifications with these ids as read, or all if `ids` is `None`.
pub(in crate::domain) async fn mark_read(
    transaction: &WriteTransaction,
    permit: &Permit<ReadNotifications>,
    ids: Option<&[NotificationId]>,
    now: Timestamp,
) -> Result<()> {
    let mut update = Entity::update_many()
        .col_expr(Column::ReadAt, Expr::value(now))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::UserId.eq(permit.subject().0))
        .filter(Column::ReadAt.is_null());
    if let Some(ids) = ids {
        let wanted = ids.iter().map(|id| id.0).collect();
        update = update.filter(one_of(transaction.connection(), Column::Id, wanted));
    }
    transaction.execute(update).await
}
