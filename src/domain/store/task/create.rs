//! New tasks.

use std::sync::LazyLock;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{ActiveValue::NotSet, DbBackend, Iterable as _, QuerySelect as _, SqlErr, Statement, TryInsertResult};

use super::{ActiveModel, Column, Entity, columns};
use crate::config::Backend;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::event::NewEvent;
use crate::domain::id::TaskId;
use crate::domain::policy::{CreateTask, Permit};
use crate::domain::store::event::LOG_IDENTITY;
use crate::domain::store::query::positional_row::PositionalRow;
use crate::domain::store::{Store, WriteTransaction, event, idempotency, tag, user};
use crate::domain::tag::Tags;
use crate::domain::task::{Snapshot, Task, WrittenTask};

/// The columns that no two tasks have in common, if they have a client key.
const CLIENT_KEY: [Column; 2] = [Column::OwnerId, Column::ClientKey];

/// Adds a task, and gives it its id. `None` if its owner has another task with its client key.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<CreateTask>,
    new: Snapshot,
) -> Result<Option<Snapshot>> {
    let new = owned(permit, new);
    let key = OnConflict::columns(CLIENT_KEY)
        .target_and_where(Column::ClientKey.is_not_null())
        .do_nothing()
        .to_owned();
    let insert = Entity::insert(row(&new)).on_conflict(key).try_insert();
    // On the heap, like the update of a task: the futures around it are moved several times.
    let inserted = Box::pin(insert.exec(transaction.connection())).await;
    let inserted = inserted.map_err(|error| refusal(&error).unwrap_or_else(|| error.into()))?;
    let TryInsertResult::Inserted(inserted) = inserted else {
        return Ok(None);
    };
    let made = with_id(new, inserted.last_insert_id);
    let Snapshot { task, tags, .. } = &made;
    tag::replace(transaction, task.id, &Tags::new(), tags, task.created_at).await?;
    Ok(Some(made))
}

/// Locks the account that new tasks belong to, until the transaction ends: others may still refer to it.
pub(in crate::domain) async fn lock_owner(transaction: &WriteTransaction, permit: &Permit<CreateTask>) -> Result<()> {
    user::Entity::find_by_id(permit.subject().0)
        .select_only()
        .column(user::Column::Id)
        .lock(LockType::NoKeyUpdate)
        .into_tuple::<i32>()
        .one(transaction.connection())
        .await?;
    Ok(())
}

/// Whether [`insert_at_once`] can be used: only `PostgreSQL` takes two inserts as one statement, and a write under an
/// idempotency key notes there that it was committed.
pub(in crate::domain) fn goes_at_once(store: &Store) -> bool {
    store.backend() == Backend::Postgres && idempotency::current().is_none()
}

/// Adds a task that has no tags, and its event, of which nobody is notified, by one statement, and gives the task its
/// id. `None` if its owner has another task with its client key.
pub(in crate::domain) async fn insert_at_once(
    store: &Store,
    permit: &Permit<CreateTask>,
    new: Snapshot,
    event: NewEvent,
) -> Result<Option<WrittenTask>> {
    let new = owned(permit, new);
    let rows = store.write_at_once(with_event(&new, event)).await;
    let rows = rows.map_err(|error| refusal(&error.0).unwrap_or_else(|| error.into()))?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let mut columns = PositionalRow::of(row);
    let made = with_id(new, columns.next()?);
    Ok(Some(WrittenTask::changed(made, event::cursor_in(&mut columns)?)))
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

/// The statement that adds a task and its event, and returns the task's id, which the event holds too, and the event's
/// place in the log. It is one text for all tasks: to build it each time takes longer than to send it.
static STATEMENT: LazyLock<String> = LazyLock::new(|| statement(""));

/// The same for tasks with a client key. It adds nothing if their owner has another task with the key.
static STATEMENT_WITH_KEY: LazyLock<String> = LazyLock::new(|| {
    let key = CLIENT_KEY.map(quoted).join(", ");
    statement(&format!(
        "ON CONFLICT ({key}) WHERE {} IS NOT NULL DO NOTHING",
        quoted(Column::ClientKey)
    ))
});

fn statement(on_conflict: &str) -> String {
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
        "WITH made AS (INSERT INTO tasks ({}) VALUES ({}) {on_conflict} RETURNING id) \
         INSERT INTO task_events (task_id, {}) SELECT id, {} FROM made \
         RETURNING task_id, {LOG_IDENTITY}, transaction_id, id",
        tasks.join(", "),
        values.collect::<Vec<_>>().join(", "),
        events.join(", "),
        told.collect::<Vec<_>>().join(", "),
    )
}

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
    let text = if new.task.client_key.is_some() {
        &STATEMENT_WITH_KEY
    } else {
        &STATEMENT
    };
    Statement::from_sql_and_values(DbBackend::Postgres, text.as_str(), task.chain(event))
}
