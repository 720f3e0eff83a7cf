//! Positions in the logs that are settled as soon as their transactions have ended.
//!
//! The least position was one past the newest finished transaction. A write during which a newer one ended then had the
//! position of a transaction that did not exist yet, and readers waited for its end: until somebody wrote again. The
//! position of the newest finished transaction is enough, because equal positions are sorted by id.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The columns that order a log.
const COLUMNS: [(&str, &str); 4] = [
    ("task_events", "transaction_id"),
    ("account_changes", "transaction_id"),
    ("due_notices", "transaction_id"),
    ("notifications", "log_transaction_id"),
];

/// One past the newest finished transaction.
const NEXT: &str = "pg_snapshot_xmax(pg_current_snapshot())::text::bigint";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        set_least(manager, &format!("{NEXT} - 1")).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        set_least(manager, NEXT).await
    }
}

/// Sets the least position of a new row. SQLite has one writer at a time, so its position is always 0.
async fn set_least(manager: &SchemaManager<'_>, least: &str) -> Result<(), DbErr> {
    if manager.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    for (table, column) in COLUMNS {
        let default = format!(
            "ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT GREATEST(pg_current_xact_id()::text::bigint, {least})"
        );
        manager.get_connection().execute_unprepared(&default).await?;
    }
    Ok(())
}
