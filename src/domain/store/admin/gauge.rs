//! Gauges of the database: its size, and the time of the last backup.

use std::path::Path;

use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Expr, Query};

use super::one;
use crate::config::Backend;
use crate::domain::attachment::disk_of;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::policy::System;
use crate::domain::store::Store;
use crate::domain::store::query::as_count;

/// Gauges of the database for operators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseGauges {
    /// Size of the database, in bytes.
    pub bytes: u64,
    /// Size of SQLite's write-ahead log, in bytes.
    pub wal_bytes: u64,
    /// Free disk space for the SQLite file, in bytes; `None` where unknown.
    pub free_bytes: Option<u64>,
    /// Time of the last backup; `None` before the first.
    pub backed_up_at: Option<Timestamp>,
}

impl Store {
    pub(in crate::domain) async fn gauges(&self) -> Result<DatabaseGauges> {
        let (mut bytes, mut wal_bytes, mut free_bytes) = (0, 0, None);
        if self.backend() == Backend::Postgres {
            let size = one::<i64>(&self.reader, "SELECT pg_database_size(current_database())").await?;
            bytes = as_count(size);
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
            backed_up_at: one(&self.reader, "SELECT backed_up_at FROM event_log").await?,
        })
    }

    pub(in crate::domain) async fn note_backup(&self, _system: &System, at: Timestamp) -> Result<()> {
        if self.pending_migrations().await? > 0 {
            // An older schema may lack the column.
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
