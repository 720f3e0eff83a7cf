//! Dumps and restores of the database: a dump is one snapshot, taken while others write; a restore is one transaction.
//!
//! | module | contents |
//! |---|---|
//! | `sqlite` | dumps by `VACUUM INTO`, and restores |
//! | `postgres` | dumps by `pg_dump`, and restores |
//! | `program` | PostgreSQL's client programs |
//! | `script` | parser of the output of `pg_restore` |
//!
//! A restore first stages the data apart from the live tables: in a separate file (SQLite) or schema (PostgreSQL).
//! One transaction then replaces the live data.

mod postgres;
mod program;
mod script;
mod sqlite;

use std::path::{Path, PathBuf};

use sea_orm::sea_query::Query;
use sea_orm::sqlx::PgConnection;
use sea_orm::{ConnectionTrait, DbBackend, ExprTrait as _, FromQueryResult};

use super::schema;
use crate::config::Backend;
use crate::domain::error::{Error, Result};
use crate::domain::policy::System;
use crate::domain::store::Store;
use crate::domain::store::event::log;
use crate::domain::store::user;

/// A restore advances the ids of sessions by this much. An access token issued after the backup holds an id that no
/// other session may get. If the replaced database has higher ids, [`Store::replace`] continues after those.
const SESSIONS_SKIPPED: i32 = 1_000_000;

/// Metadata of a dump.
#[derive(Debug)]
pub(in crate::domain) struct Contents {
    pub(in crate::domain) migration: String,
    pub(in crate::domain) log: String,
    pub(in crate::domain) files: Vec<NamedFile>,
    /// Major version of the `pg_dump` that wrote it; `None` for SQLite.
    pub(in crate::domain) pg_dump: Option<u32>,
}

/// An attachment's file, as its row describes it.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::domain) struct NamedFile {
    pub(in crate::domain) storage_key: String,
    pub(in crate::domain) filename: String,
    /// In bytes.
    pub(in crate::domain) size: i64,
    pub(in crate::domain) sha256: String,
}

/// What a restore changes in the staged data.
#[derive(Debug)]
pub(in crate::domain) struct Renewal<'a> {
    /// Number of migrations in the dump.
    pub(in crate::domain) migrations: u32,
    /// Major version of the `pg_dump` that wrote it; `None` for SQLite.
    pub(in crate::domain) pg_dump: Option<u32>,
    /// The new identity of the event log.
    pub(in crate::domain) log: &'a str,
    /// Storage keys of files that no longer exist: their rows are deleted.
    pub(in crate::domain) missing: &'a [String],
}

/// Data that is ready to replace the live data.
#[derive(Debug)]
pub(in crate::domain) enum Staged {
    File(PathBuf),
    /// The connection holds the lock that prevents other restores.
    Schema(PgConnection),
}

impl Store {
    /// Writes a consistent snapshot of the database to `file`, which must not exist yet.
    pub(in crate::domain) async fn dump(&self, _system: &System, file: &Path) -> Result<Contents> {
        match self.config.backend() {
            Backend::Sqlite => sqlite::dump(self, file).await,
            Backend::Postgres => postgres::dump(self, file).await,
        }
    }

    /// Whether a restore would destroy nothing.
    pub(in crate::domain) async fn is_empty(&self, _system: &System) -> Result<bool> {
        if !self.migrations().await?.iter().any(|migration| migration.applied) {
            return Ok(true);
        }
        let connection = &self.connection;
        for table in ["users", "task_events"] {
            let any = Query::select().column("id").from(table).limit(1).take();
            if connection.query_one(&any).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Prepares the data of a dump for [`replace`](Self::replace). The live data does not change.
    pub(in crate::domain) async fn stage(
        &self,
        _system: &System,
        file: &Path,
        renewal: &Renewal<'_>,
    ) -> Result<Staged> {
        match self.config.backend() {
            Backend::Sqlite => sqlite::stage(self, file, renewal).await,
            Backend::Postgres => postgres::stage(self, file, renewal).await,
        }
    }

    /// Replaces the live data with the staged data in one transaction.
    pub(in crate::domain) async fn replace(&self, _system: &System, staged: Staged) -> Result<()> {
        match staged {
            Staged::File(file) => sqlite::replace(self, &file).await?,
            Staged::Schema(lock) => postgres::replace(self, lock).await?,
        }
        self.bus.announce();
        Ok(())
    }

    pub(in crate::domain) async fn has_log(&self, _system: &System, identity: &str) -> Result<bool> {
        Ok(log::identity(&self.connection).await? == identity)
    }

    pub(in crate::domain) async fn discard(&self, staged: Staged) {
        if let Staged::Schema(lock) = staged {
            postgres::discard(self, lock).await;
        }
    }
}

/// Must run in the snapshot that the dump is taken from.
async fn contents(connection: &impl ConnectionTrait) -> Result<Contents> {
    let migrations = schema::states(connection).await?;
    let Some(newest) = migrations.into_iter().rev().find(|migration| migration.applied) else {
        return Err(Error::invalid(
            "database",
            "the database of DATABASE_URL has no tables: there is nothing to back up",
        ));
    };
    let files = Query::select()
        .columns(["storage_key", "filename", "size", "sha256"])
        .from("attachments")
        .order_by("id", sea_orm::Order::Asc)
        .take();
    let files = connection.query_all(&files).await?;
    Ok(Contents {
        migration: newest.name,
        log: log::identity(connection).await?,
        files: files
            .iter()
            .map(|row| NamedFile::from_query_result(row, ""))
            .collect::<Result<_, _>>()?,
        pg_dump: None,
    })
}

/// Gives the staged data a new event log identity. Transaction ids become 0, because those of another cluster do not
/// define an order here. Servers may have cached accounts that are younger than the backup, so the stamp changes too.
async fn renew(store: &Store, renewal: &Renewal<'_>) -> Result<()> {
    let transaction = store.begin().await?;
    let connection = transaction.connection();
    let log = Query::update()
        .table("event_log")
        .value("identity", renewal.log)
        .value("pruned_transaction_id", 0)
        .take();
    connection.execute(&log).await?;
    user::cache::change_stamp(&transaction).await?;
    for (table, column) in [
        ("task_events", "transaction_id"),
        ("account_changes", "transaction_id"),
        ("due_notices", "transaction_id"),
        ("notifications", "log_transaction_id"),
    ] {
        let order = format!("UPDATE {table} SET {column} = 0 WHERE {column} <> 0");
        connection.execute_unprepared(&order).await?;
    }
    for missing in renewal.missing.chunks(1_000) {
        let rows = Query::delete()
            .from_table("attachments")
            .and_where(sea_orm::sea_query::Expr::col("storage_key").is_in(missing))
            .take();
        connection.execute(&rows).await?;
    }
    let skip = match connection.get_database_backend() {
        DbBackend::Postgres => format!(
            "SELECT setval(name, LEAST(nextval(name) + {SESSIONS_SKIPPED}, {})) \
             FROM (SELECT pg_get_serial_sequence('sessions', 'id')::regclass AS name) AS sequence",
            i32::MAX
        ),
        // The sequence has no row until the first session.
        _ => format!(
            "INSERT INTO sqlite_sequence (name, seq) SELECT 'sessions', 0 \
             WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'sessions'); \
             UPDATE sqlite_sequence SET seq = MIN(seq + {SESSIONS_SKIPPED}, {}) WHERE name = 'sessions'",
            i32::MAX
        ),
    };
    connection.execute_unprepared(&skip).await?;
    transaction.commit().await
}
