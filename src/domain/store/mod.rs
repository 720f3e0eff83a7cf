//! The store: `SeaORM` entities and queries, a file or folder for each noun. A private child of the domain, so an
//! API can name neither an entity nor a connection.
//!
//! | module | what lives there |
//! |---|---|
//! | `db` | connections, transactions, session checks, heartbeat |
//! | `query` | parts of queries that several nouns share |
//! | `admin` | schema, backup, diagnosis, example data |
//!
//! Reads take a [`Scope`](super::policy::Scope) and turn it into their WHERE clause; writes take a
//! [`Permit`](super::policy::Permit) and touch the one row it is for.

pub(super) mod admin;
pub(super) mod attachment;
mod db;
pub(super) mod event;
pub(super) mod idempotency;
pub(super) mod job;
pub(super) mod notification;
mod query;
pub(super) mod session;
pub(super) mod statistics;
pub(super) mod tag;
pub(super) mod task;
pub(super) mod user;

pub use self::admin::diagnosis::{Engine, WriteFailure};
pub use self::admin::gauge::DatabaseGauges;
pub use self::admin::missing_right::{MissingRight, MissingRights};
pub use self::admin::open_transaction::OpenTransaction;
pub use self::admin::schema::MigrationState;
pub(super) use self::db::write::WriteTransaction;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::Expr;
use sea_orm::sea_query::postgres_array::NotU8;
use sea_orm::sqlx::{self, error::DatabaseError, sqlite::SqliteError};
use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, RuntimeErr, Statement, Value};

use self::db::durability::{Durability, WriteObstacle, obstacle_in};
use self::db::heartbeat::{Heartbeat, Outage};
use self::db::read_pool::ReadPool;
use self::db::session_check::SessionChecker;
use self::db::statement_meter::Meter;
use self::db::writer::Writer;
use self::user::cache::UserCache;
use super::actor::Actor;
use super::error::{Error, Result};
use super::live::Bus;
use crate::config::{Backend, DatabaseConfig};

/// What those are told to wait whom the database has no connection for.
const DATABASE_BUSY: Duration = Duration::from_secs(2);

/// How the codes begin with which `PostgreSQL` says that it ends a connection.
const SHUT_DOWN: &str = "57P";

/// The database.
#[derive(Clone, Debug)]
pub(super) struct Store {
    /// For the schema and for administration.
    connection: DatabaseConnection,
    reader: ReadPool,
    writer: Writer,
    durability: Arc<Durability>,
    heartbeat: Arc<Heartbeat>,
    session_checker: SessionChecker,
    user_cache: UserCache,
    meter: Meter,
    /// Hears of it when something was committed that others wait for.
    bus: Bus,
    /// What it was opened with.
    config: DatabaseConfig,
    /// Whether each notification is sent by mail as well.
    sends_mail: bool,
}

impl Store {
    fn user_cache(&self) -> &UserCache {
        &self.user_cache
    }

    /// For reading on behalf of somebody. One user never holds all connections.
    pub(super) fn reader(&self, actor: &Actor) -> ReadPool {
        match actor.user_id() {
            Some(user) => self.reader.of_user(user),
            None => self.reader.clone(),
        }
    }

    /// For reading on behalf of the server itself.
    pub(super) fn system_reader(&self) -> &ReadPool {
        &self.reader
    }

    /// For looking at sessions: it never waits for the statements of others.
    pub(super) fn session_reader(&self) -> ReadPool {
        self.reader.reserved()
    }

    /// Who shows a token.
    pub(super) fn session_checker(&self) -> &SessionChecker {
        &self.session_checker
    }

    /// Which kind of database it is.
    pub(super) fn backend(&self) -> Backend {
        self.config.backend()
    }

    /// Whether the database answers.
    pub(super) async fn ping(&self) -> Result<()> {
        self.reader
            .query_one_raw(Statement::from_string(self.reader.get_database_backend(), "SELECT 1"))
            .await?;
        Ok(())
    }

    /// For how long the database has not answered. It is asked once a second.
    pub(super) fn silence(&self) -> Duration {
        self.heartbeat.silence()
    }

    /// Why the database cannot be used or written, as far as is known, in words that may be shown to anybody.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let outage = self.heartbeat.outage().map(Outage::reason);
        outage.or_else(|| self.durability.obstacle().map(WriteObstacle::reason))
    }

    /// Gives up every connection. Statements that run fail.
    fn abandon(&self) {
        self.reader.connections().abandon();
        self.writer.connections().abandon();
    }

    /// Closes every connection that is idle.
    fn forget_idle(&self) {
        self.reader.connections().forget_idle();
        self.writer.connections().forget_idle();
    }

    /// The connections that read, and those that write.
    pub(super) fn pools(&self) -> Pools {
        Pools {
            read: self.reader.connections().count(),
            write: self.writer.connections().count(),
        }
    }

    /// How many statements were sent since the start, without BEGIN and COMMIT.
    pub(super) fn statements(&self) -> u64 {
        self.meter.statements()
    }

    /// Closes every connection.
    pub(super) async fn close(self) -> Result<()> {
        self.reader.connections().close().await;
        self.writer.connections().close().await;
        Ok(self.connection.close().await?)
    }
}

/// The connections to the database, by what they are for. With one connection both are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// Those that only read.
    pub read: Pool,
    /// Those that write.
    pub write: Pool,
}

/// Connections of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Those at work.
    pub used: usize,
    /// Those that wait for work.
    pub idle: usize,
    /// How many there may be.
    pub max: usize,
}

impl Pool {
    /// As the driver counts.
    fn of<DB: sqlx::Database>(pool: &sqlx::Pool<DB>) -> Self {
        let idle = pool.num_idle();
        Self {
            used: (pool.size() as usize).saturating_sub(idle),
            idle,
            max: pool.options().get_max_connections() as usize,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if code_of(&error).is_some_and(|code| code == UNTRANSLATABLE) {
            Self::BadInput {
                field: "text",
                message: "A text contains the character U+0000, which no value here can contain".to_owned(),
            }
        } else if is_passing(&error) {
            Self::Unavailable {
                retry_after: DATABASE_BUSY,
                cause: Some(Arc::new(anyhow::Error::new(error))),
            }
        } else {
            Self::internal(error)
        }
    }
}

/// PostgreSQL takes no text with U+0000. Inputs are checked before; this keeps one that is not from being a fault of ours.
const UNTRANSLATABLE: &str = "22021";

/// The database's code for a statement that failed.
fn code_of(error: &DbErr) -> Option<Cow<'_, str>> {
    driver_error(error)?.as_database_error().and_then(DatabaseError::code)
}

/// What the driver said, if the error came from it.
fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause.as_ref()),
        _ => None,
    }
}

/// SQLite's primary code of an error, which is the low byte; <https://www.sqlite.org/rescode.html> lists them.
fn sqlite_code(error: &dyn DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<SqliteError>()?;
    Some(error.code()?.parse::<i32>().ok()? & 0xff)
}

/// Whether another connection to the SQLite file holds a lock.
fn is_sqlite_lock(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;

    sqlite_code(error) == Some(BUSY)
}

/// Whether the same request may well succeed in a moment: no connection was free, another
/// transaction was in the way, or the time for a statement ran out. While the disk is full or the database is read-only
/// nothing was written either, and the server looks each second whether that has ended.
fn is_passing(error: &DbErr) -> bool {
    const POSTGRES: [&str; 5] = ["40001", "40P01", "55P03", "57014", "57P01"];
    const SQLITE: [&str; 5] = ["5", "6", "9", "261", "517"];

    if matches!(
        obstacle_in(error),
        Some(WriteObstacle::DiskFull | WriteObstacle::ReadOnly)
    ) {
        return true;
    }
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

/// A value in the database that no version of this server writes.
fn corrupt(what: &str, value: impl std::fmt::Display) -> Error {
    Error::internal(anyhow::anyhow!("the database holds the unknown {what} '{value}'"))
}
