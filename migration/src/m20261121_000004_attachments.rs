//! Metadata of attachments. The storage has the content under `storage_key`.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, integer_null, string_len};

use crate::columns::{references, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .create_table(
                table("attachments")
                    .col(integer_null("task_id"))
                    .col(integer("owner_id"))
                    .col(string_len("filename", 255))
                    .col(string_len("content_type", 127))
                    .col(big_integer("size"))
                    .col(string_len("sha256", 64))
                    .col(string_len("storage_key", 255).unique_key())
                    .foreign_key(&mut references(
                        "attachments",
                        "task_id",
                        "tasks",
                        ForeignKeyAction::Cascade,
                    ))
                    .foreign_key(&mut references(
                        "attachments",
                        "owner_id",
                        "users",
                        ForeignKeyAction::Cascade,
                    ))
                    .take(),
            )
            .await?;
        for statement in [
            "CREATE INDEX attachments_task ON attachments (task_id, id) WHERE task_id IS NOT NULL",
            "CREATE INDEX attachments_owner ON attachments (owner_id, id)",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("attachments").take()).await
    }
}
