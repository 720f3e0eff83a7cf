//! The event log in the database.

pub(in crate::domain) mod history;
pub(in crate::domain) mod log;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::QueryTrait as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Query};
use serde_json::json;

use super::db::by_position::by_position;
use super::{WriteTransaction, corrupt, notification, task};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::{
    EventCursor, EventType, LogPosition, LoggedEvent, NewEvent, TaskEvent, changes_of, task_of,
};
use crate::domain::id::{TaskId, UserId};
use crate::domain::task::workflow::Status;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "task_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Id of the writing transaction on PostgreSQL, set by the database; 0 on SQLite.
    pub transaction_id: i64,
    pub task_id: i32,
    #[sea_orm(column_name = "type")]
    pub kind: String,
    pub actor_id: Option<i32>,
    pub audience: Json,
    pub previous_status: Option<i16>,
    pub status: i16,
    pub changes: Json,
    pub task: Json,
    pub occurred_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::task::Entity",
        from = "Column::TaskId",
        to = "super::task::Column::Id"
    )]
    Task,
}

impl Related<task::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Task.def()
    }
}

by_position! {
    /// An event with the identity of its log.
    pub(super) struct Row {
        #[sea_orm(from_expr = "Expr::cust(LOG_IDENTITY)")]
        log: String,
        id: i64,
        transaction_id: i64,
        task_id: i32,
        kind: String,
        actor_id: Option<i32>,
        previous_status: Option<i16>,
        status: i16,
        changes: Json,
        task: Json,
        audience: Json,
        occurred_at: Timestamp,
    }
}

impl Row {
    pub(super) fn position(&self) -> LogPosition {
        LogPosition {
            transaction_id: self.transaction_id,
            id: self.id,
        }
    }
}

impl TryFrom<Row> for LoggedEvent {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        let kind = EventType::named(&row.kind);
        let event = TaskEvent {
            cursor: EventCursor {
                log: row.log,
                transaction_id: row.transaction_id,
                id: row.id,
            },
            kind: kind.ok_or_else(|| corrupt("type of an event", &row.kind))?,
            task_id: TaskId(row.task_id),
            actor_id: row.actor_id.map(UserId),
            previous_status: row.previous_status.map(task::status_of).transpose()?,
            status: task::status_of(row.status)?,
            changes: changes_of(row.changes),
            task: task_of(row.task)?,
            occurred_at: row.occurred_at,
        };
        Ok(Self {
            event,
            audience: serde_json::from_value(row.audience).map_err(Error::internal)?,
            users: None,
        })
    }
}

/// Identity of the log as a subquery.
pub(super) const LOG_IDENTITY: &str = "(SELECT identity FROM event_log)";

/// Appends an event and its notifications in the transaction of the write. Returns its position in the log.
pub(in crate::domain) async fn append(transaction: &WriteTransaction, event: NewEvent) -> Result<EventCursor> {
    transaction.announce_change(event.task_id);
    let notices = notification::notices(&event);
    let mut insert = Entity::insert(columns(event)).into_query();
    insert.returning(Query::returning().exprs([
        Expr::cust(LOG_IDENTITY),
        Expr::col(Column::TransactionId),
        Expr::col(Column::Id),
    ]));
    let row = transaction.connection().query_one(&insert).await?;
    let row = row.ok_or_else(|| Error::internal(anyhow::anyhow!("no event was added to the log")))?;
    let cursor = cursor_of(row.try_get_many_by_index()?);
    if !notices.is_empty() {
        // Boxed: most events have none, and the future would enlarge that of every write.
        Box::pin(notification::insert(transaction, notices, cursor.place())).await?;
    }
    Ok(cursor)
}

/// From the identity of the log, the transaction id and the event id.
pub(super) fn cursor_of((log, transaction_id, id): (String, i64, i64)) -> EventCursor {
    EventCursor {
        log,
        transaction_id,
        id,
    }
}

pub(super) fn columns(event: NewEvent) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        transaction_id: NotSet,
        task_id: Set(event.task_id.0),
        kind: Set(event.kind.as_str().to_owned()),
        actor_id: Set(event.actor_id.map(|actor| actor.0)),
        audience: Set(json!(event.audience)),
        previous_status: Set(event.previous_status.map(Status::rank)),
        status: Set(event.status.rank()),
        changes: Set(event.changes),
        task: Set(event.task),
        occurred_at: Set(event.occurred_at),
    }
}
