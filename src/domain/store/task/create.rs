//! New tasks.

use std::sync::LazyLock;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{LockType, OnConflict};
use sea_orm::{DbBackend, Iterable as _, QuerySelect as _, SqlErr, Statement, TryInsertResult};

use super::{Column, Entity, columns};
use crate::config::Backend;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result, SignedOut};
use crate::domain::event::NewEvent;
use crate::domain::id::TaskId;
use crate::domain::policy::{CreateTask, Permit};
use crate::domain::store::event::LOG_IDENTITY;
use crate::domain::store::query::is_any;
use crate::domain::store::{Store, WriteTransaction, event, idempotency, tag, user};
use crate::domain::tag::{MAX_TAGS, Tags};
use crate::domain::task::{Snapshot, WrittenTask};

/// Columns of the unique index on client keys.
const CLIENT_KEY: [Column; 2] = [Column::OwnerId, Column::ClientKey];

/// Inserts a task and sets its id. `None` if its owner has another task with its client key.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<CreateTask>,
    new: Snapshot,
) -> Result<Option<Snapshot>> {
    let new = owned(permit, new);
    // Before the task, as in a bulk write: a request with the same tag and client key would deadlock with it.
    let names: Vec<&String> = new.task.tags.iter().collect();
    let tags = tag::ensure(transaction, &names, new.task.created_at).await?;
    let key = OnConflict::columns(CLIENT_KEY)
        .target_and_where(Column::ClientKey.is_not_null())
        .do_nothing()
        .to_owned();
    let insert = Entity::insert(columns(&new.task)).on_conflict(key).try_insert();
    // Boxed, because the enclosing futures are moved several times.
    let inserted = Box::pin(insert.exec(transaction.connection())).await;
    let inserted = inserted.map_err(|error| refusal(&error).unwrap_or_else(|| error.into()))?;
    let TryInsertResult::Inserted(inserted) = inserted else {
        return Ok(None);
    };
    let created = with_id(new, inserted.last_insert_id);
    tag::assign(transaction, created.task.id, tags).await?;
    Ok(Some(created))
}

/// Locks the owner of new tasks until the transaction ends. Others may still reference the row.
pub(in crate::domain) async fn lock_owner(transaction: &WriteTransaction, permit: &Permit<CreateTask>) -> Result<()> {
    let owner = user::Entity::find_by_id(permit.subject().0).lock(LockType::NoKeyUpdate);
    is_any(transaction.connection(), owner, user::Column::Id).await?;
    Ok(())
}

/// Creates missing tags of new tasks before any of the tasks. Tags are unique, so a concurrent insert of the same tag
/// waits. In one order for all tasks, requests wait for each other instead of deadlocking.
pub(in crate::domain) async fn ensure_tags(
    transaction: &WriteTransaction,
    _permit: &Permit<CreateTask>,
    tags: &Tags,
    now: Timestamp,
) -> Result<()> {
    let names: Vec<&String> = tags.iter().collect();
    // Each number of tags is another statement, and PostgreSQL prepares each statement.
    for some in names.chunks(MAX_TAGS) {
        tag::ensure(transaction, some, now).await?;
    }
    Ok(())
}

/// Whether [`insert_at_once`] can be used. Only PostgreSQL takes two inserts as one statement, and an idempotency key
/// needs a transaction to record the commit.
pub(in crate::domain) fn goes_at_once(store: &Store) -> bool {
    store.backend() == Backend::Postgres && idempotency::current().is_none()
}

/// Inserts a task without tags and its event, which notifies nobody, in one statement, and sets the id. `None` if its
/// owner has another task with its client key.
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
    let (id, log, transaction_id, event_id) = row.try_get_many_by_index()?;
    let cursor = event::cursor_of((log, transaction_id, event_id));
    Ok(Some(WrittenTask::changed(with_id(new, id), cursor)))
}

fn owned(permit: &Permit<CreateTask>, mut new: Snapshot) -> Snapshot {
    new.task.owner_id = permit.subject();
    new
}

fn with_id(mut new: Snapshot, id: i32) -> Snapshot {
    new.task.id = TaskId(id);
    new
}

/// The assignee's row is locked, so a foreign key violation means that the owner was deleted.
fn refusal(error: &DbErr) -> Option<Error> {
    matches!(error.sql_err(), Some(SqlErr::ForeignKeyConstraintViolation(_)))
        .then_some(Error::Unauthenticated(SignedOut::Revoked))
}

/// Inserts a task and its event, which contains the task's id; returns the id and the event's position in the log. The
/// text is the same for all tasks: building it takes longer than sending it.
static STATEMENT: LazyLock<String> = LazyLock::new(|| statement(""));

/// Variant for tasks with a client key. It inserts nothing if their owner has another task with the key.
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
    let event_values = event_columns()
        .zip(tasks.len() + 1..)
        .map(|(column, number)| match column {
            event::Column::Task => format!("jsonb_set(${number}, '{{id}}', to_jsonb(id))"),
            _ => format!("${number}"),
        });
    format!(
        "WITH new_task AS (INSERT INTO tasks ({}) VALUES ({}) {on_conflict} RETURNING id) \
         INSERT INTO task_events (task_id, {}) SELECT id, {} FROM new_task \
         RETURNING task_id, {LOG_IDENTITY}, transaction_id, id",
        tasks.join(", "),
        values.collect::<Vec<_>>().join(", "),
        events.join(", "),
        event_values.collect::<Vec<_>>().join(", "),
    )
}

/// All but the id, which the database assigns.
fn task_columns() -> impl Iterator<Item = Column> {
    Column::iter().filter(|column| !matches!(column, Column::Id))
}

/// All but the position in the log, which the database assigns, and the task's id.
fn event_columns() -> impl Iterator<Item = event::Column> {
    use event::Column::{Id, TaskId, TransactionId};

    event::Column::iter().filter(|column| !matches!(column, Id | TransactionId | TaskId))
}

fn quoted(column: impl IdenStatic) -> String {
    format!("\"{}\"", column.as_str())
}

fn with_event(new: &Snapshot, event: NewEvent) -> Statement {
    let (mut task, mut event) = (columns(&new.task), event::columns(event));
    let task = task_columns().filter_map(|column| task.take(column).into_value());
    let event = event_columns().filter_map(|column| event.take(column).into_value());
    let text = if new.task.client_key.is_some() {
        &STATEMENT_WITH_KEY
    } else {
        &STATEMENT
    };
    Statement::from_sql_and_values(DbBackend::Postgres, text.as_str(), task.chain(event))
}
