//! Facts about the database for `taskwire doctor`.

use std::io::ErrorKind;

use sea_orm::sqlx;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, FromQueryResult, Statement};

use super::one;
use crate::config::Backend;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::store::db::durability::{WriteObstacle, obstacle_in};
use crate::domain::store::{Store, corrupt, driver_error, is_sqlite_lock};

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

/// An open transaction in the database cluster.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct OpenTransaction {
    /// Unique id of the transaction.
    pub id: String,
    /// Server process for `pg_terminate_backend`; `None` for a prepared transaction.
    pub process: Option<i32>,
    /// The database user.
    pub user: String,
    /// Application name of the client, or name of the prepared transaction.
    pub name: String,
    /// Such as `idle in transaction`; empty if the server may not see it.
    pub state: String,
    /// Age in seconds; `None` if the server may not see it, because the transaction belongs to another user.
    pub seconds: Option<i64>,
}

/// A table, sequence, schema or database on which the server lacks privileges.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct MissingRight {
    /// `TABLE`, `SEQUENCE`, `SCHEMA` or `DATABASE`.
    pub kind: String,
    /// The name, quoted for SQL where necessary.
    pub object: String,
    /// The missing privileges, such as `INSERT, UPDATE`.
    pub rights: String,
}

/// Privileges that the server needs and its PostgreSQL user lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRights {
    /// The user, quoted for SQL where necessary.
    pub user: String,
    /// Sorted by kind, rights and object.
    pub missing: Vec<MissingRight>,
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
        let reader = &self.reader;
        Ok(match self.backend() {
            Backend::Postgres => Engine::Postgres {
                version: one(reader, "SELECT current_setting('server_version')").await?,
                version_number: one(reader, "SELECT current_setting('server_version_num')::int4").await?,
            },
            Backend::Sqlite => Engine::Sqlite {
                version: one(reader, "SELECT sqlite_version()").await?,
                journal_mode: one(reader, "PRAGMA journal_mode").await?,
                foreign_keys: one(reader, "PRAGMA foreign_keys").await?,
            },
        })
    }

    /// The time of the database's clock.
    pub(in crate::domain) async fn now(&self) -> Result<Timestamp> {
        let now = match self.backend() {
            Backend::Postgres => "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            Backend::Sqlite => "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
        };
        let now = one::<i64>(&self.reader, now).await?;
        Timestamp::from_timestamp_millis(now).ok_or_else(|| corrupt("time", now))
    }

    /// By the clock of the server that wrote the event.
    pub(in crate::domain) async fn newest_event(&self) -> Result<Option<Timestamp>> {
        let newest = "SELECT (SELECT occurred_at FROM task_events ORDER BY id DESC LIMIT 1)";
        one(&self.reader, newest).await
    }

    /// Updates a row without changing it, then rolls back. Returns why that fails.
    pub(in crate::domain) async fn try_to_write(&self) -> Option<WriteFailure> {
        let written = async {
            let transaction = self.writer.begin().await?;
            if self.backend() == Backend::Postgres {
                transaction.execute_unprepared(LOCK_WAIT).await?;
            }
            transaction.change_nothing().await
        };
        written.await.err().map(|error| WriteFailure::of(&error))
    }

    /// The oldest transaction that writes. Delivery of events waits for its end, which keeps them in order. `None` on
    /// SQLite, where delivery does not wait.
    pub(in crate::domain) async fn oldest_transaction(&self) -> Result<Option<OpenTransaction>> {
        self.open_transaction(
            "SELECT id::text, process, \"user\", name, state, seconds::bigint FROM ( \
                SELECT backend_xid AS id, pid AS process, COALESCE(usename, '')::text AS \"user\", \
                       COALESCE(application_name, '') AS name, COALESCE(state, '') AS state, \
                       EXTRACT(EPOCH FROM clock_timestamp() - xact_start) AS seconds \
                FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() \
                UNION ALL \
                SELECT transaction, NULL, owner::text, gid, 'prepared', EXTRACT(EPOCH FROM clock_timestamp() - prepared) \
                FROM pg_prepared_xacts) AS open ORDER BY age(id) DESC LIMIT 1",
        )
        .await
    }

    /// The oldest transaction that may block writes to the event log. `None` on SQLite.
    pub(in crate::domain) async fn lock_holder(&self) -> Result<Option<OpenTransaction>> {
        self.open_transaction(
            "SELECT COALESCE(backend_xid::text, '') AS id, activity.pid AS process, COALESCE(usename, '')::text AS \"user\", \
                    COALESCE(application_name, '') AS name, COALESCE(state, '') AS state, \
                    EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::bigint AS seconds \
             FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid \
             WHERE held.relation = to_regclass('event_log') AND held.granted AND held.mode <> 'AccessShareLock' \
                   AND held.pid <> pg_backend_pid() \
             ORDER BY xact_start NULLS FIRST LIMIT 1",
        )
        .await
    }

    async fn open_transaction(&self, sql: &str) -> Result<Option<OpenTransaction>> {
        if self.backend() != Backend::Postgres {
            return Ok(None);
        }
        let found = OpenTransaction::find_by_statement(Statement::from_string(DbBackend::Postgres, sql));
        Ok(found.one(&self.reader).await?)
    }

    /// `None` on SQLite, which has file permissions instead.
    pub(in crate::domain) async fn missing_rights(&self) -> Result<Option<MissingRights>> {
        if self.backend() != Backend::Postgres {
            return Ok(None);
        }
        let found = MissingRight::find_by_statement(Statement::from_string(DbBackend::Postgres, missing()));
        Ok(Some(MissingRights {
            user: one(&self.reader, "SELECT quote_ident(current_user)").await?,
            missing: found.all(&self.reader).await?,
        }))
    }
}

/// Reads only the catalog, which every user may do.
///
/// Ids come from identity columns, which need no privilege, or from an older `serial` column, which needs `USAGE` of
/// its sequence. Without `USAGE` of the schema, tables seem not to exist. Creating them needs `CREATE` on the schema;
/// creating the search extension needs `CREATE` on the database.
fn missing() -> String {
    const MIGRATIONS: &str = "seaql_migrations";

    let tables: Vec<String> = migration::TABLES.iter().map(|table| format!("('{table}')")).collect();
    format!(
        "WITH ours (id, rights) AS ( \
             SELECT to_regclass(name), ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] FROM (VALUES {}) AS tables (name) \
             UNION ALL SELECT to_regclass('{MIGRATIONS}'), ARRAY['SELECT']) \
         SELECT 'TABLE' AS kind, id::text AS object, string_agg(wanted, ', ' ORDER BY rank) AS rights \
         FROM ours CROSS JOIN unnest(rights) WITH ORDINALITY AS each (wanted, rank) \
         WHERE id IS NOT NULL AND NOT has_table_privilege(id, wanted) GROUP BY id \
         UNION ALL \
         SELECT 'SEQUENCE', sequence.oid::regclass::text, 'USAGE' \
         FROM ours JOIN pg_depend ON refobjid = id AND refclassid = 'pg_class'::regclass \
                   JOIN pg_class AS sequence ON sequence.oid = objid \
         WHERE classid = 'pg_class'::regclass AND deptype = 'a' \
               AND CASE WHEN sequence.relkind = 'S' THEN NOT has_sequence_privilege(sequence.oid, 'USAGE') END \
         UNION ALL \
         SELECT 'SCHEMA', quote_ident(nspname), 'USAGE' FROM pg_namespace \
         WHERE to_regclass('{MIGRATIONS}') IS NULL AND NOT has_schema_privilege(pg_namespace.oid, 'USAGE') \
               AND EXISTS (SELECT 1 FROM pg_class WHERE relnamespace = pg_namespace.oid AND relname = '{MIGRATIONS}') \
         UNION ALL \
         SELECT 'SCHEMA', quote_ident(current_schema()), 'CREATE' \
         WHERE to_regclass('{MIGRATIONS}') IS NULL AND NOT has_schema_privilege(current_schema(), 'CREATE') \
         UNION ALL \
         SELECT 'DATABASE', quote_ident(current_database()), 'CREATE' \
         WHERE to_regclass('{MIGRATIONS}') IS NULL AND NOT has_database_privilege(current_database(), 'CREATE') \
               AND NOT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm') \
               AND NOT EXISTS (SELECT 1 FROM pg_class WHERE relname = '{MIGRATIONS}') \
         ORDER BY kind, rights, object",
        tables.join(", ")
    )
}
