//! New tasks.

use std::sync::LazyLock;

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::NotSet, DbBackend, Iterable as _, SqlErr, Statement};

use super::task::{ActiveModel, Column, Entity, columns};
use super::{Store, WriteTransaction, event, idempotency, tag};
use crate::config::Backend;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::event::NewEvent;
use crate::domain::id::TaskId;
use crate::domain::policy::{CreateTask, Permit};
use crate::domain::tag::Tags;
use crate::domain::task::{Snapshot, Task};

/// Adds a task, and gives it its id.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<CreateTask>,
    new: Snapshot,
) -> Result<Snapshot> {
    let new = owned(permit, new);
    let inserted = Entity::insert(row(&new)).exec(transaction.connection()).await;
    let inserted = inserted.map_err(|error| refusal(&error).unwrap_or_else(|| error.into()))?;
    let made = with_id(new, inserted.last_insert_id);
    let Snapshot { task, tags, .. } = &made;
    tag::replace(transaction, task.id, &Tags::new(), tags, task.created_at).await?;
    Ok(made)
}

/// Whether [`insert_at_once`] can be used: only `PostgreSQL` takes two inserts as one statement, and a write under an
/// idempotency key notes there that it was committed.
pub(in crate::domain) fn goes_at_once(store: &Store) -> bool {
    store.backend() == Backend::Postgres && idempotency::current().is_none()
}

/// Adds a task that has no tags, and its event, of which nobody is notified, by one statement, and gives the task its
/// id.
pub(in crate::domain) async fn insert_at_once(
    store: &Store,
    permit: &Permit<CreateTask>,
    new: Snapshot,
    event: NewEvent,
) -> Result<Snapshot> {
    let new = owned(permit, new);
    let audience = event.audience.clone();
    let rows = store.write_at_once(with_event(&new, event), &audience).await;
    let rows = rows.map_err(|error| refusal(&error.0).unwrap_or_else(|| error.into()))?;
    let Some(made) = rows.first() else {
        return Err(Error::internal(anyhow::anyhow!("no task was made")));
    };
    Ok(with_id(new, made.try_get_by_index(0)?))
}

/// The task belongs to whom the permit is for.
fn owned(permit: &Permit<CreateTask>, mut new: Snapshot) -> Snapshot {
    new.task.owner_id = permit.subject();
    new
}

fn with_id(new: Snapshot, id: i32) -> Snapshot {
    let task = Task {
        id: TaskId(id),
        ..new.task
    };
    Snapshot { task, ..new }
}

fn row(new: &Snapshot) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        ..columns(new)
    }
}

/// The assignee's row is locked and there, if there is one; so it is the owner who was deleted meanwhile.
fn refusal(error: &DbErr) -> Option<Error> {
    matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_)))
        .then_some(Error::Unauthenticated(SignedOut::Revoked))
}

/// The statement that adds a task and its event, and gives the task's id, which the event is told. It is one text for all
/// tasks: to build it each time takes longer than to send it.
static STATEMENT: LazyLock<String> = LazyLock::new(|| {
    let tasks: Vec<String> = task_columns().map(quoted).collect();
    let events: Vec<String> = event_columns().map(quoted).collect();
    let values = (1..=tasks.len()).map(|number| format!("${number}"));
    let told = event_columns()
        .zip(tasks.len() + 1..)
        .map(|(column, number)| match column {
            event::Column::Task => format!("jsonb_set(${number}, '{{id}}', to_jsonb(id))"),
            _ => format!("${number}"),
        });
    format!(
        "WITH made AS (INSERT INTO tasks ({}) VALUES ({}) RETURNING id) \
         INSERT INTO task_events (task_id, {}) SELECT id, {} FROM made RETURNING task_id",
        tasks.join(", "),
        values.collect::<Vec<_>>().join(", "),
        events.join(", "),
        told.collect::<Vec<_>>().join(", "),
    )
});

/// All but the id, which the database makes.
fn task_columns() -> impl Iterator<Item = Column> {
    Column::iter().filter(|column| !matches!(column, Column::Id))
}

/// All but the place in the log, which the database makes, and the task's id.
fn event_columns() -> impl Iterator<Item = event::Column> {
    use event::Column::{Id, TaskId, TransactionId};

    event::Column::iter().filter(|column| !matches!(column, Id | TransactionId | TaskId))
}

fn quoted(column: impl IdenStatic) -> String {
    format!("\"{}\"", column.as_str())
}

/// The statement with the values of this task and its event.
fn with_event(new: &Snapshot, event: NewEvent) -> Statement {
    let (mut task, mut event) = (row(new), event::columns(event));
    let task = task_columns().filter_map(|column| task.take(column).into_value());
    let event = event_columns().filter_map(|column| event.take(column).into_value());
    Statement::from_sql_and_values(DbBackend::Postgres, STATEMENT.as_str(), task.chain(event))
}
