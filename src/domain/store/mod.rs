//! The store: `SeaORM` entities and queries, with a file or folder for each resource type. It is private to the domain,
//! so an API can use neither an entity nor a connection.
//!
//! | module | contents |
//! |---|---|
//! | `db` | connections, transactions, session checks, heartbeat |
//! | `query` | parts of queries that several resource types share |
//! | `admin` | schema, backups, diagnosis, example data |
//!
//! Reads take a [`Scope`](super::policy::Scope) and turn it into their WHERE clause. Reads of credentials and tokens
//! take a [`System`](super::policy::System). Writes take a [`Permit`](super::policy::Permit); a value that only a
//! permit creates, such as a new event; or a `System`. With a permit they change only the resource that it names, or
//! what belongs to the user that it names.

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

pub use self::admin::diagnosis::{Engine, MissingRight, MissingRights, OpenTransaction, WriteFailure};
pub use self::admin::gauge::DatabaseGauges;
pub use self::admin::schema::MigrationState;
pub(super) use self::db::write::WriteTransaction;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sea_query::Expr;
use sea_orm::sea_query::postgres_array::NotU8;
use sea_orm::sqlx::{self, error::DatabaseError, sqlite::SqliteError};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, DeriveRelation, EnumIter, RuntimeErr,
    Statement, Value,
};

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

/// `Retry-After` when the database is temporarily unavailable.
const DATABASE_BUSY: Duration = Duration::from_secs(2);

/// Prefix of the SQLSTATE codes with which PostgreSQL ends a connection.
const SHUT_DOWN: &str = "57P";

/// The relations of an entity from which no query joins.
#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum NoRelation {}

#[derive(Clone, Debug)]
pub(super) struct Store {
    /// For migrations and administration.
    connection: DatabaseConnection,
    reader: ReadPool,
    writer: Writer,
    durability: Arc<Durability>,
    heartbeat: Arc<Heartbeat>,
    session_checker: SessionChecker,
    user_cache: UserCache,
    meter: Meter,
    bus: Bus,
    config: DatabaseConfig,
    /// Whether notifications are also sent by email.
    sends_mail: bool,
}

impl Store {
    /// For reads of a user, who never holds all connections.
    pub(super) fn reader(&self, actor: &Actor) -> ReadPool {
        match actor.user_id() {
            Some(user) => self.reader.of_user(user),
            None => self.reader.clone(),
        }
    }

    /// For reads of the server itself.
    pub(super) fn system_reader(&self) -> &ReadPool {
        &self.reader
    }

    pub(super) fn session_checker(&self) -> &SessionChecker {
        &self.session_checker
    }

    pub(super) fn backend(&self) -> Backend {
        self.config.backend()
    }

    pub(super) async fn ping(&self) -> Result<()> {
        self.reader
            .query_one_raw(Statement::from_string(self.reader.get_database_backend(), "SELECT 1"))
            .await?;
        Ok(())
    }

    /// Time since the database last answered. It is checked once a second.
    pub(super) fn silence(&self) -> Duration {
        self.heartbeat.silence()
    }

    /// Why the database cannot be used or written, as far as is known. The text is safe to publish.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let outage = self.heartbeat.outage().map(Outage::reason);
        outage.or_else(|| self.durability.obstacle().map(WriteObstacle::reason))
    }

    /// Drops every connection. Running statements fail.
    fn abandon(&self) {
        self.reader.connections().abandon();
        self.writer.connections().abandon();
    }

    fn forget_idle(&self) {
        self.reader.connections().forget_idle();
        self.writer.connections().forget_idle();
    }

    pub(super) fn pools(&self) -> Pools {
        Pools {
            read: self.reader.connections().count(),
            write: self.writer.connections().count(),
        }
    }

    /// Statements since the start, without BEGIN and COMMIT.
    pub(super) fn statements(&self) -> u64 {
        self.meter.statements()
    }

    pub(super) async fn close(self) -> Result<()> {
        self.reader.connections().close().await;
        self.writer.connections().close().await;
        Ok(self.connection.close().await?)
    }
}

/// Connections by purpose. If the database has one pool, both values are equal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pools {
    /// Read-only connections.
    pub read: Pool,
    /// Connections that write.
    pub write: Pool,
}

/// Connection counts of a pool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Connections in use.
    pub used: usize,
    /// Idle connections.
    pub idle: usize,
    /// Maximum number of connections.
    pub max: usize,
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if code_of(&error).is_some_and(|code| code == UNTRANSLATABLE) {
            Self::bad_input("text", "A text contains the character U+0000, which is not allowed")
        } else if is_transient(&error) {
            Self::Unavailable {
                retry_after: DATABASE_BUSY,
                cause: Some(Arc::new(anyhow::Error::new(error))),
            }
        } else {
            Self::internal(error)
        }
    }
}

/// PostgreSQL rejects text with U+0000. Inputs are checked before; this maps one that was missed to an error of the
/// client.
const UNTRANSLATABLE: &str = "22021";

fn code_of(error: &DbErr) -> Option<Cow<'_, str>> {
    driver_error(error)?.as_database_error().and_then(DatabaseError::code)
}

fn driver_error(error: &DbErr) -> Option<&sqlx::Error> {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(cause))
        | DbErr::Exec(RuntimeErr::SqlxError(cause))
        | DbErr::Query(RuntimeErr::SqlxError(cause)) => Some(cause.as_ref()),
        _ => None,
    }
}

/// SQLite's primary error code, which is the low byte: <https://www.sqlite.org/rescode.html>.
fn sqlite_code(error: &dyn DatabaseError) -> Option<i32> {
    error.try_downcast_ref::<SqliteError>()?;
    Some(error.code()?.parse::<i32>().ok()? & 0xff)
}

/// Whether another connection holds a lock on the SQLite file.
fn is_sqlite_lock(error: &dyn DatabaseError) -> bool {
    const BUSY: i32 = 5;

    sqlite_code(error) == Some(BUSY)
}

/// Whether a retry may succeed soon: no connection was free, a transaction conflicted, or the statement timed out. A
/// full disk and a read-only database count too: nothing was written, and the server checks each second whether it can
/// write.
fn is_transient(error: &DbErr) -> bool {
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

/// `column` is one of `ids`. The SQL text varies little with their number, so that it stays prepared.
fn one_of<T>(connection: &impl ConnectionTrait, column: impl ColumnTrait, ids: Vec<T>) -> Expr
where
    T: Copy + Into<Value> + NotU8,
{
    match connection.get_database_backend() {
        DbBackend::Postgres => column.eq_any(ids),
        _ => column.is_in(padded(ids)),
    }
}

/// Repeats the last id up to the next power of two, which limits the number of SQL texts.
fn padded<T: Copy>(mut ids: Vec<T>) -> Vec<T> {
    if let Some(last) = ids.last().copied() {
        ids.resize(ids.len().next_power_of_two(), last);
    }
    ids
}

/// For a stored value that this server cannot interpret.
fn corrupt(what: &str, value: impl std::fmt::Display) -> Error {
    Error::internal(anyhow::anyhow!("the database holds the unknown {what} '{value}'"))
}
