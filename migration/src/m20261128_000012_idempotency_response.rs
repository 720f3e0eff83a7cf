//! Why a response is not stored under its idempotency key, and which task was written. The reply to a repeated request
//! contains both.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer_null, string_len_null};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // SQLite adds one column at a time.
        for column in [string_len_null("omitted", 16), integer_null("task_id")] {
            let add = Table::alter().table("idempotency_keys").add_column(column).take();
            manager.alter_table(add).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in ["task_id", "omitted"] {
            let statement = format!("ALTER TABLE idempotency_keys DROP COLUMN {column}");
            manager.get_connection().execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
