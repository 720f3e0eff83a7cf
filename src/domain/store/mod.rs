//! The store: `SeaORM` entities and queries, one file a noun. A private child of the domain, so a
//! face can name neither an entity nor a connection.
//!
//! Reads take a [`Scope`](super::policy::Scope) and turn it into their WHERE clause; writes take a
//! [`Permit`](super::policy::Permit) and touch the one row it is for.

pub(super) mod account_change;
pub(super) mod attachment;
pub(super) mod backup;
mod bearer;
mod diagnosis;
pub(super) mod due_notice;
pub(super) mod event;
mod grouped;
pub(super) mod history;
pub(super) mod idempotency;
pub(super) mod job;
mod keyset;
pub(super) mod log;
pub(super) mod login_attempt;
pub(super) mod notification;
mod open;
mod reader;
mod schema;
pub(super) mod seed;
pub(super) mod session;
pub(super) mod statistics;
pub(super) mod tag;
pub(super) mod task;
mod task_filter;
pub(super) mod task_list;
pub(super) mod task_of_users;
pub(super) mod user;

pub use diagnosis::{Diagnosis, Engine};
pub use schema::MigrationState;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sea_orm::sea_query::Expr;
use sea_orm::sea_query::postgres_array::NotU8;
use sea_orm::sqlx::{self, error::DatabaseError};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, QueryResult, RuntimeErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait as _, TryGetable, Value,
};
use tokio::sync::OwnedMutexGuard;

use self::bearer::Bearers;
use self::open::Meter;
use self::reader::Reader;
use super::error::{Error, Result};
use super::id::UserId;
use super::live::Bus;
use super::statistics::Cache;
use crate::config::{Backend, DatabaseConfig};

/// What those are told to wait whom the database has no connection for.
const DATABASE_BUSY: Duration = Duration::from_secs(2);

/// The database.
#[derive(Clone, Debug)]
pub(super) struct Store {
    connection: DatabaseConnection,
    reader: Reader,
    bearers: Bearers,
    /// `SQLite` has one writer at a time. Writers of this process queue here, in order, instead of
    /// polling for the file's lock; the file's lock still guards against other processes.
    writer: Option<Arc<tokio::sync::Mutex<()>>>,
    meter: Meter,
    /// Hears of it when something was committed that others wait for.
    bus: Bus,
    /// Hears of it when tasks have changed.
    statistics: Arc<Cache>,
    /// What it was opened with.
    config: DatabaseConfig,
    /// Whether each notification is sent by mail as well.
    sends_mail: bool,
}

impl Store {
    /// For reading.
    pub(super) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Who shows a token.
    pub(super) fn bearers(&self) -> &Bearers {
        &self.bearers
    }

    /// Counts that are remembered.
    pub(super) fn statistics(&self) -> &Arc<Cache> {
        &self.statistics
    }

    /// Begins a write. Dropping the transaction undoes it.
    pub(super) async fn begin(&self) -> Result<WriteTransaction> {
        let turn = match &self.writer {
            Some(writer) => Some(Arc::clone(writer).lock_owned().await),
            None => None,
        };
        let options = TransactionOptions {
            sqlite_transaction_mode: turn.is_some().then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let transaction = self.connection.begin_with_options(options).await?;
        Ok(WriteTransaction {
            transaction,
            turn,
            bus: self.bus.clone(),
            is_news: AtomicBool::new(false),
            statistics: Arc::clone(&self.statistics),
            changed: Mutex::default(),
            is_work: AtomicBool::new(false),
            sends_mail: self.sends_mail,
        })
    }

    /// Which kind of database it is.
    pub(super) fn backend(&self) -> Backend {
        self.config.backend()
    }

    /// Whether the database answers.
    pub(super) async fn ping(&self) -> Result<()> {
        self.connection.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// How many connections there are, and how many of them are idle.
    pub(super) fn pool(&self) -> Pool {
        let (size, idle, max) = if self.connection.get_database_backend() == DbBackend::Postgres {
            let pool = self.connection.get_postgres_connection_pool();
            (pool.size(), pool.num_idle(), pool.options().get_max_connections())
        } else {
            let pool = self.connection.get_sqlite_connection_pool();
            (pool.size(), pool.num_idle(), pool.options().get_max_connections())
        };
        let (readers, idle_readers, max_readers) = self.reader.size();
        let idle = idle + idle_readers;
        Pool {
            used: (size as usize + readers).saturating_sub(idle),
            idle,
            max: max as usize + max_readers,
        }
    }

    /// How many statements were sent since the start, without BEGIN and COMMIT.
    pub(super) fn statements(&self) -> u64 {
        self.meter.statements()
    }

    /// Closes every connection.
    pub(super) async fn close(self) -> Result<()> {
        self.reader.close().await;
        Ok(self.connection.close().await?)
    }
}

/// The connections to the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Those at work.
    pub used: usize,
    /// Those that wait for work.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
}

/// A write that has begun.
#[derive(Debug)]
pub(super) struct WriteTransaction {
    // Dropped first: the transaction ends before the next writer has its turn.
    transaction: DatabaseTransaction,
    turn: Option<OwnedMutexGuard<()>>,
    bus: Bus,
    is_news: AtomicBool,
    statistics: Arc<Cache>,
    /// Who sees the tasks that were changed, or saw them before.
    changed: Mutex<BTreeSet<UserId>>,
    is_work: AtomicBool,
    sends_mail: bool,
}

impl WriteTransaction {
    /// For reading what the transaction sees.
    pub(super) fn connection(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// Others wait for what is written: they are woken after the commit.
    fn announce(&self) {
        self.is_news.store(true, Ordering::Relaxed);
    }

    /// A task of theirs was changed: others wait for that, and what is remembered of their tasks is not true any
    /// more after the commit.
    fn announce_change(&self, audience: &BTreeSet<UserId>) {
        self.announce();
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.extend(audience);
    }

    /// A job was queued: whoever runs them here is woken after the commit.
    fn announce_work(&self) {
        self.is_work.store(true, Ordering::Relaxed);
    }

    /// Makes the write last. When that fails, nobody knows whether it does, so the error is never one that
    /// invites to try again.
    pub(super) async fn commit(self) -> Result<()> {
        self.transaction.commit().await.map_err(Error::internal)?;
        // The next writer need not wait for what follows.
        drop(self.turn);
        if self.is_work.into_inner() {
            self.bus.announce_work();
        }
        if self.is_news.into_inner() {
            self.bus.announce();
        }
        let changed = self.changed.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.statistics.forget(&changed).await;
        Ok(())
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_passing(&error) {
            Self::Unavailable {
                retry_after: DATABASE_BUSY,
                cause: Some(Arc::new(anyhow::Error::new(error))),
            }
        } else {
            Self::internal(error)
        }
    }
}

/// Whether the same request may well succeed in a moment: no connection was free, another
/// transaction was in the way, or the time for a statement ran out.
fn is_passing(error: &DbErr) -> bool {
    const POSTGRES: [&str; 5] = ["40001", "40P01", "55P03", "57014", "57P01"];
    const SQLITE: [&str; 4] = ["5", "6", "261", "517"];

    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return matches!(error, DbErr::ConnectionAcquire(_) | DbErr::Conn(_));
    };
    match cause.as_database_error().and_then(DatabaseError::code) {
        Some(code) => POSTGRES.contains(&code.as_ref()) || SQLITE.contains(&code.as_ref()),
        None => matches!(cause.as_ref(), sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut),
    }
}

/// `column` is one of `ids`, as one statement text whatever their number, so that it stays prepared.
fn one_of<T>(connection: &impl ConnectionTrait, column: impl ColumnTrait, ids: Vec<T>) -> Expr
where
    T: Copy + Into<Value> + NotU8,
{
    match connection.get_database_backend() {
        DbBackend::Postgres => column.eq_any(ids),
        _ => column.is_in(padded(ids)),
    }
}

/// Repeats the last of `ids` up to the next power of two: few different lengths, few statement texts.
fn padded<T: Copy>(mut ids: Vec<T>) -> Vec<T> {
    if let Some(last) = ids.last().copied() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    ids
}

/// The columns of a row in the order in which they were selected: finding each by its name takes longer than reading it.
struct InOrder<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> InOrder<'a> {
    fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    /// The value of the next column.
    fn next<T: TryGetable>(&mut self) -> Result<T, DbErr> {
        let column = self.next;
        self.next += 1;
        self.row.try_get_by_index(column)
    }
}

/// A value in the database that no version of this server writes.
fn corrupt(what: &str, value: impl std::fmt::Display) -> Error {
    Error::internal(anyhow::anyhow!("the database holds the unknown {what} '{value}'"))
}
