//! An idempotency key has an owner with a lease, and the transaction of the write records its commit. A repeated
//! request runs again only if nothing was written.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{boolean, string_len, timestamp_with_time_zone_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [
            string_len("owner", 32).default("").take(),
            timestamp_with_time_zone_null("leased_until"),
            // Unfinished requests of older versions may have written.
            boolean("is_written").default(true).take(),
        ] {
            let add = Table::alter().table("idempotency_keys").add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["is_written", "leased_until", "owner"] {
            let statement = format!("ALTER TABLE idempotency_keys DROP COLUMN {column}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
