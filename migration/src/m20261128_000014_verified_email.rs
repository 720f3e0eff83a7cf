//! Email verification, token digests, and the number of emails to each address in an hour. Notifications are emailed to
//! verified addresses only.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{big_integer, integer, string_len, string_len_null, timestamp_with_time_zone_null};

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
            timestamp_with_time_zone_null("email_verified_at"),
            string_len_null("verification_token_hash", 64),
            timestamp_with_time_zone_null("verification_expires_at"),
            timestamp_with_time_zone_null("verification_mail_at"),
        ] {
            let add = Table::alter().table("users").add_column(column).take();
            manager.alter_table(add).await?;
        }
        for statement in [
            "CREATE UNIQUE INDEX users_verification_token ON users (verification_token_hash) \
             WHERE verification_token_hash IS NOT NULL",
            // Existing accounts received email before the upgrade and must not lose it.
            "UPDATE users SET email_verified_at = created_at",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        manager
            .create_table(
                Table::create()
                    .table("mail_counts")
                    .col(string_len("recipient", 64).primary_key())
                    .col(big_integer("hour"))
                    .col(integer("mails"))
                    .take(),
            )
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("mail_counts").take()).await?;
        // SQLite cannot drop a column that an index uses.
        let connection = manager.get_connection();
        connection
            .execute_unprepared("DROP INDEX users_verification_token")
            .await?;
        for column in [
            "verification_mail_at",
            "verification_expires_at",
            "verification_token_hash",
            "email_verified_at",
        ] {
            let statement = format!("ALTER TABLE users DROP COLUMN {column}");
            connection.execute_unprepared(&statement).await?;
        }
        Ok(())
    }
}
