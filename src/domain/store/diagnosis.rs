//! What the database says of itself, for `taskwire doctor`.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, FromQueryResult, QueryResult, Statement, TryGetable};

use super::Store;
use crate::config::Backend;
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

/// The oldest transaction that writes in the database's cluster. Events that were committed after it began wait for its
/// end, so that nobody gets them out of order.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct OldestTransaction {
    /// The process of PostgreSQL, for `pg_terminate_backend`; none for a prepared transaction.
    pub process: Option<i32>,
    /// What its client calls itself, or the name of the prepared transaction.
    pub name: String,
    /// For how long it has been open.
    pub seconds: i64,
}

impl Store {
    /// The oldest transaction that writes, where one may keep events back.
    pub(in crate::domain) async fn oldest_transaction(&self) -> Result<Option<OldestTransaction>> {
        const SQL: &str = "SELECT process, name, seconds::bigint FROM ( \
                SELECT pid AS process, COALESCE(application_name, '') AS name, backend_xid AS id, \
                       EXTRACT(EPOCH FROM clock_timestamp() - xact_start) AS seconds \
                FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() \
                UNION ALL \
                SELECT NULL, gid, transaction, EXTRACT(EPOCH FROM clock_timestamp() - prepared) \
                FROM pg_prepared_xacts) AS open ORDER BY age(id) DESC LIMIT 1";

        if self.backend() != Backend::Postgres {
            return Ok(None);
        }
        let found = OldestTransaction::find_by_statement(Statement::from_string(DbBackend::Postgres, SQL));
        Ok(found.one(&self.reader).await?)
    }

    /// Asks the database about itself. Changes nothing.
    pub(in crate::domain) async fn diagnose(&self) -> Result<Diagnosis> {
        let (engine, now) = match self.reader.get_database_backend() {
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
        self.begin().await?.connection().change_nothing().await?;
        Ok(())
    }

    /// The one value that `sql` selects.
    pub(super) async fn one<T: TryGetable>(&self, sql: &str) -> Result<T> {
        let statement = Statement::from_string(self.reader.get_database_backend(), sql);
        let row: Option<QueryResult> = self.reader.query_one_raw(statement).await?;
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
