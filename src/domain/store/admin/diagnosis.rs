//! Facts about the database for `taskwire doctor`.

use std::io::ErrorKind;

use sea_orm::sqlx;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, TryGetable};

use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::store::db::durability::{WriteObstacle, obstacle_in};
use crate::domain::store::{Store, driver_error, is_sqlite_lock};

/// On PostgreSQL a test write waits this long for locks.
const LOCK_WAIT: &str = "SET LOCAL lock_timeout = '3s'; SET LOCAL statement_timeout = 0";

/// The database engine and its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// SQLite, in a file or in memory.
    Sqlite {
        /// Such as `3.50.2`.
        version: String,
        /// `wal`, or `memory` for a database in memory.
        journal_mode: String,
        /// Whether foreign keys are enforced.
        foreign_keys: bool,
    },
    /// PostgreSQL.
    Postgres {
        /// Such as `15.8`.
        version: String,
        /// The version as a number, such as 150008.
        version_number: i32,
    },
}

/// Why a write fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFailure {
    /// Another process or transaction holds a lock for longer than a write waits.
    Locked,
    /// The database, its file or its role is read-only.
    ReadOnly,
    /// The disk is full.
    DiskFull,
    /// Another error, as the database reports it.
    Other(String),
}

impl WriteFailure {
    fn of(error: &DbErr) -> Self {
        if is_locked(error) {
            return Self::Locked;
        }
        match obstacle_in(error) {
            Some(WriteObstacle::ReadOnly) => Self::ReadOnly,
            Some(WriteObstacle::DiskFull) => Self::DiskFull,
            _ => Self::Other(plain(error)),
        }
    }
}

fn is_locked(error: &DbErr) -> bool {
    match driver_error(error) {
        Some(sqlx::Error::Database(cause)) => {
            is_sqlite_lock(cause.as_ref()) || cause.code().is_some_and(|code| code == "55P03")
        }
        // SQLite may wait for a lock longer than the statement timeout.
        Some(sqlx::Error::Io(cause)) => cause.kind() == ErrorKind::TimedOut,
        _ => false,
    }
}

/// The database's own message, without the text that the libraries add.
fn plain(error: &DbErr) -> String {
    match driver_error(error) {
        Some(sqlx::Error::Database(cause)) => cause.message().to_owned(),
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

impl Store {
    pub(in crate::domain) async fn engine(&self) -> Result<Engine> {
        match self.reader.get_database_backend() {
            DbBackend::Postgres => self.postgres().await,
            _ => self.sqlite().await,
        }
    }

    async fn postgres(&self) -> Result<Engine> {
        Ok(Engine::Postgres {
            version: self.one("SELECT current_setting('server_version')").await?,
            version_number: self.one("SELECT current_setting('server_version_num')::int4").await?,
        })
    }

    async fn sqlite(&self) -> Result<Engine> {
        Ok(Engine::Sqlite {
            version: self.one("SELECT sqlite_version()").await?,
            journal_mode: self.one("PRAGMA journal_mode").await?,
            foreign_keys: self.one("PRAGMA foreign_keys").await?,
        })
    }

    /// The time of the database's clock.
    pub(in crate::domain) async fn now(&self) -> Result<Timestamp> {
        let now = match self.reader.get_database_backend() {
            DbBackend::Postgres => "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            _ => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        };
        let now = self.one::<i64>(now).await?;
        Timestamp::from_timestamp_millis(now).ok_or_else(|| crate::domain::store::corrupt("time", now))
    }

    /// By the clock of the server that wrote the event.
    pub(in crate::domain) async fn newest_event(&self) -> Result<Option<Timestamp>> {
        self.one("SELECT (SELECT occurred_at FROM task_events ORDER BY id DESC LIMIT 1)")
            .await
    }

    /// Updates a row without changing it, then rolls back. Returns why that fails.
    pub(in crate::domain) async fn try_to_write(&self) -> Option<WriteFailure> {
        let written = async {
            let transaction = self.writer.begin().await?;
            if transaction.get_database_backend() == DbBackend::Postgres {
                transaction.execute_unprepared(LOCK_WAIT).await?;
            }
            transaction.change_nothing().await
        };
        written.await.err().map(|error| WriteFailure::of(&error))
    }

    pub(in crate::domain::store) async fn one<T: TryGetable>(&self, sql: &str) -> Result<T> {
        let statement = Statement::from_string(self.reader.get_database_backend(), sql);
        let row: Option<QueryResult> = self.reader.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
        Ok(row.try_get_by_index(0)?)
    }
}
