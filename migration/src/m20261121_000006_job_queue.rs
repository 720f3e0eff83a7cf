//! Worker, user and deduplication key of jobs, and reminders of due dates, each of which is sent once.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, boolean, integer, integer_null, string_len, string_len_null, timestamp_with_time_zone,
};

use crate::columns::{references, transaction_id};

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
            string_len_null("dedup_key", 64),
            string_len_null("locked_by", 32),
            integer_null("user_id"),
            boolean("is_dead").default(false).take(),
        ] {
            manager
                .alter_table(Table::alter().table("jobs").add_column(column).take())
                .await?;
        }
        for statement in [
            "CREATE UNIQUE INDEX jobs_once ON jobs (dedup_key) WHERE dedup_key IS NOT NULL",
            "CREATE INDEX jobs_finished ON jobs (finished_at) WHERE finished_at IS NOT NULL",
            "CREATE INDEX jobs_dead ON jobs (id) WHERE is_dead",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        due_notices(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("due_notices").take()).await?;
        for index in ["jobs_dead", "jobs_finished", "jobs_once"] {
            manager
                .get_connection()
                .execute_unprepared(&format!("DROP INDEX {index}"))
                .await?;
        }
        for column in ["is_dead", "user_id", "locked_by", "dedup_key"] {
            manager
                .alter_table(Table::alter().table("jobs").drop_column(column).take())
                .await?;
        }
        Ok(())
    }
}

/// Sent reminders of due dates. They are deleted with the task. They are a log in commit order, which live delivery
/// reads.
async fn due_notices(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("due_notices")
                .col(big_pk_auto("id"))
                .col(big_integer("transaction_id").default(transaction_id(manager)))
                .col(integer("task_id"))
                .col(integer("user_id"))
                .col(string_len("kind", 32))
                .col(timestamp_with_time_zone("due_date"))
                .col(timestamp_with_time_zone("occurred_at"))
                .foreign_key(&mut references(
                    "due_notices",
                    "task_id",
                    "tasks",
                    ForeignKeyAction::Cascade,
                ))
                .foreign_key(&mut references(
                    "due_notices",
                    "user_id",
                    "users",
                    ForeignKeyAction::Cascade,
                ))
                .take(),
        )
        .await?;
    for statement in [
        "CREATE UNIQUE INDEX due_notices_once ON due_notices (task_id, user_id, kind, due_date)",
        "CREATE INDEX due_notices_commit_order ON due_notices (transaction_id, id)",
        "CREATE INDEX due_notices_user ON due_notices (user_id)",
    ] {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
