//! The database as a backup holds it: copied out of a snapshot while others write, and put back in one step.
//!
//! | module | what lives there |
//! |---|---|
//! | `sqlite` | a copy of the file |
//! | `postgres` | what `pg_dump` makes |
//! | `program` | PostgreSQL's client programs |
//! | `script` | what `pg_restore` makes of a dump, line by line |
//!
//! Restoring prepares everything beside the tables that are in use: in a file of its own, or in a schema of its own.
//! One transaction then puts it in their place.

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

/// The numbers of sessions go on so much further after a restore: an access token that was handed out after the
/// backup bears a number that nobody else's session is to get.
const SESSIONS_SKIPPED: i32 = 1_000_000;

/// What the copy of a database holds, beside its rows.
#[derive(Debug)]
pub(in crate::domain) struct Contents {
    /// The newest migration that it has.
    pub(in crate::domain) migration: String,
    /// The identity of its event log.
    pub(in crate::domain) log: String,
    /// The files that its rows name.
    pub(in crate::domain) files: Vec<NamedFile>,
    /// The major version of the `pg_dump` that made it, if one did.
    pub(in crate::domain) pg_dump: Option<u32>,
}

/// A file as its row names it.
#[derive(Clone, Debug, FromQueryResult)]
pub(in crate::domain) struct NamedFile {
    pub(in crate::domain) storage_key: String,
    pub(in crate::domain) filename: String,
    /// In bytes.
    pub(in crate::domain) size: i64,
    pub(in crate::domain) sha256: String,
}

/// What is to become of a copy when it is restored.
#[derive(Debug)]
pub(in crate::domain) struct Renewal<'a> {
    /// How many migrations the copy has.
    pub(in crate::domain) migrations: u32,
    /// The major version of the `pg_dump` that made it, if one did.
    pub(in crate::domain) pg_dump: Option<u32>,
    /// The identity that its event log gets.
    pub(in crate::domain) log: &'a str,
    /// Names of files that it has rows of and that are gone: the rows go too.
    pub(in crate::domain) missing: &'a [String],
}

/// A database that is ready to take the place of the one in use.
#[derive(Debug)]
pub(in crate::domain) enum Staged {
    /// It is in a file.
    File(PathBuf),
    /// It is in a schema; the connection holds the lock that keeps other restores away.
    Schema(PgConnection),
}

impl Store {
    /// Copies the database as it is at one moment after the call to a file that does not exist yet.
    pub(in crate::domain) async fn dump(&self, _system: &System, file: &Path) -> Result<Contents> {
        match self.config.backend() {
            Backend::Sqlite => sqlite::dump(self, file).await,
            Backend::Postgres => postgres::dump(self, file).await,
        }
    }

    /// Whether the database holds nothing that a restore would destroy.
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

    /// Makes a database of a copy, as it is to be after the restore. What is in use stays as it is.
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

    /// Puts it in the place of what is in use, all of it or nothing.
    pub(in crate::domain) async fn replace(&self, _system: &System, staged: Staged) -> Result<()> {
        match staged {
            Staged::File(file) => sqlite::replace(self, &file).await?,
            Staged::Schema(lock) => postgres::replace(self, lock).await?,
        }
        self.bus.announce();
        Ok(())
    }

    /// Whether the event log is the one with this identity.
    pub(in crate::domain) async fn has_log(&self, _system: &System, identity: &str) -> Result<bool> {
        Ok(log::identity(&self.connection).await? == identity)
    }

    /// Forgets it.
    pub(in crate::domain) async fn discard(&self, staged: Staged) {
        if let Staged::Schema(lock) = staged {
            postgres::discard(self, lock).await;
        }
    }
}

/// What a database holds, read in one snapshot with its rows.
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

/// Makes a copy the beginning of something new: another event log, whose order does not hang on transactions of
/// another cluster.
async fn renew(store: &Store, renewal: &Renewal<'_>) -> Result<()> {
    let transaction = store.begin().await?;
    let connection = transaction.connection();
    let log = Query::update()
        .table("event_log")
        .value("identity", renewal.log)
        .value("pruned_transaction_id", 0)
        .take();
    connection.execute(&log).await?;
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
        _ => format!("UPDATE sqlite_sequence SET seq = seq + {SESSIONS_SKIPPED} WHERE name = 'sessions'"),
    };
    connection.execute_unprepared(&skip).await?;
    transaction.commit().await
}
