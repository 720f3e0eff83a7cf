//! What the database says of itself, for `taskwire doctor`.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, QueryResult, Statement, TryGetable};

use super::Store;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};

/// What the database says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Which database it is.
    pub engine: Engine,
    /// Why nothing can be written, if so.
    pub write_failure: Option<String>,
    /// The time by its clock.
    pub now: Timestamp,
}

/// A kind of database, and what matters of its set-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file, or memory.
    Sqlite {
        /// Such as `3.50.2`.
        version: String,
        /// `wal`, or `memory` for one in memory.
        journal_mode: String,
        /// Whether it minds foreign keys.
        foreign_keys: bool,
    },
    /// A server.
    Postgres {
        /// Such as `15.8`.
        version: String,
        /// The same as a number, such as 150008.
        version_number: i32,
    },
}

impl Store {
    /// Asks the database about itself. Changes nothing.
    pub(in crate::domain) async fn diagnose(&self) -> Result<Diagnosis> {
        let (engine, now) = match self.connection.get_database_backend() {
            DbBackend::Postgres => (
                self.postgres().await?,
                "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            ),
            _ => (
                self.sqlite().await?,
                "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
            ),
        };
        let now = self.one::<i64>(&format!("SELECT {now}")).await?;
        let now = Timestamp::from_timestamp_millis(now).ok_or_else(|| super::corrupt("time", now))?;
        let write_failure = self.try_to_write().await.err().map(cause);
        Ok(Diagnosis {
            engine,
            write_failure,
            now,
        })
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

    /// Writes to a table of ours what it holds already, and takes it back.
    async fn try_to_write(&self) -> Result<()> {
        let transaction = self.begin().await?;
        transaction
            .connection()
            .execute_unprepared("UPDATE event_log SET identity = identity")
            .await?;
        Ok(())
    }

    /// The one value that `sql` selects.
    async fn one<T: TryGetable>(&self, sql: &str) -> Result<T> {
        let statement = Statement::from_string(self.connection.get_database_backend(), sql);
        let row: Option<QueryResult> = self.connection.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
        Ok(row.try_get_by_index(0)?)
    }
}

/// What went wrong, for the person who runs the server.
fn cause(error: Error) -> String {
    match error {
        Error::Internal(cause) => format!("{cause:#}"),
        other => other.to_string(),
    }
}
