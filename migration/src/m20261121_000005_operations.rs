//! Background jobs, and idempotency keys with stored responses.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, json_binary, string_len, text_null, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::columns::table;

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
                table("jobs")
                    .col(string_len("kind", 50))
                    .col(json_binary("payload"))
                    .col(timestamp_with_time_zone("run_at"))
                    .col(integer("attempts"))
                    .col(timestamp_with_time_zone_null("locked_until"))
                    .col(text_null("last_error"))
                    .col(timestamp_with_time_zone_null("finished_at"))
                    .take(),
            )
            .await?;
        manager
            .create_table(
                table("idempotency_keys")
                    .col(string_len("actor", 64))
                    .col(string_len("key", 255))
                    .col(string_len("request_hash", 64))
                    .col(text_null("response"))
                    .col(timestamp_with_time_zone("expires_at"))
                    .take(),
            )
            .await?;
        for statement in [
            "CREATE INDEX jobs_pending ON jobs (run_at, id) WHERE finished_at IS NULL",
            "CREATE UNIQUE INDEX idempotency_keys_once ON idempotency_keys (actor, key)",
            "CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at)",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["idempotency_keys", "jobs"] {
            manager.drop_table(Table::drop().table(name).take()).await?;
        }
        Ok(())
    }
}
