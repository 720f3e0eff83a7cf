//! The event log in the database.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use serde_json::json;

use super::{WriteTransaction, notification};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::event::NewEvent;
use crate::domain::workflow::Status;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "task_events")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// `PostgreSQL`: the transaction that wrote the row, set by the database. `SQLite`: 0.
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
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds an event to the log, and the notifications of it, in the transaction of the write it tells of.
pub(in crate::domain) async fn append(transaction: &WriteTransaction, event: NewEvent) -> Result<()> {
    let Some(notices) = notification::Notices::of(&event) else {
        Entity::insert(columns(event))
            .exec_without_returning(transaction.connection())
            .await?;
        return Ok(());
    };
    let inserted = Entity::insert(columns(event)).exec(transaction.connection()).await?;
    notices.insert(transaction, inserted.last_insert_id).await
}

/// The row of an event.
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
