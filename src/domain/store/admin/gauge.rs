//! What operators watch of the database: how large it is, and when it was backed up.

use std::path::Path;

use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Expr, Query};

use crate::config::Backend;
use crate::domain::attachment::disk_of;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::policy::System;
use crate::domain::store::Store;

/// What operators watch of the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseGauges {
    /// Size of the database, in bytes.
    pub bytes: u64,
    /// Size of SQLite's write-ahead log, in bytes.
    pub wal_bytes: u64,
    /// Free disk for a SQLite file, in bytes; none where that is not known.
    pub free_bytes: Option<u64>,
    /// When the last backup was taken, if one was.
    pub backed_up_at: Option<Timestamp>,
}

impl Store {
    /// What operators watch of the database.
    pub(in crate::domain) async fn gauges(&self) -> Result<DatabaseGauges> {
        let (mut bytes, mut wal_bytes, mut free_bytes) = (0, 0, None);
        if self.backend() == Backend::Postgres {
            let size = self.one::<i64>("SELECT pg_database_size(current_database())").await?;
            bytes = u64::try_from(size).unwrap_or_default();
        } else if let Some(path) = self.config.sqlite_path() {
            let size = |path: &Path| path.metadata().map_or(0, |file| file.len());
            bytes = size(&path);
            wal_bytes = self.config.wal_path().map_or(0, |wal| size(&wal));
            free_bytes = disk_of(&path).ok().and_then(|disk| disk.free_bytes);
        }
        Ok(DatabaseGauges {
            bytes,
            wal_bytes,
            free_bytes,
            backed_up_at: self.one("SELECT backed_up_at FROM event_log").await?,
        })
    }

    /// Notes when a backup was taken.
    pub(in crate::domain) async fn note_backup(&self, _system: &System, at: Timestamp) -> Result<()> {
        if self.migrations().await?.iter().any(|migration| !migration.applied) {
            // A database of an older version, which has no place for it.
            return Ok(());
        }
        let transaction = self.begin().await?;
        let note = Query::update()
            .table("event_log")
            .value("backed_up_at", Expr::value(at))
            .take();
        transaction.connection().execute(&note).await?;
        transaction.commit().await
    }
}
