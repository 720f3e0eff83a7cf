//! Accounts, sessions, and failed sign-ins.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    boolean, integer, string_len, string_len_null, text, timestamp_with_time_zone, timestamp_with_time_zone_null,
};

use crate::columns::{references, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        users(manager).await?;
        sessions(manager).await?;
        login_attempts(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["login_attempts", "sessions", "users"] {
            manager.drop_table(Table::drop().table(name).take()).await?;
        }
        Ok(())
    }
}

async fn users(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("users")
                // Stored in lower case, so the plain index below ignores case.
                .col(string_len("email", 254))
                .col(string_len_null("username", 50))
                .col(string_len_null("full_name", 255))
                .col(text("password_hash"))
                .col(string_len("role", 16))
                .col(boolean("is_active"))
                .take(),
        )
        .await?;
    let connection = manager.get_connection();
    connection
        .execute_unprepared("CREATE UNIQUE INDEX users_email_unique ON users (email)")
        .await?;
    // Usernames keep their case. They are ASCII, which both databases fold alike.
    connection
        .execute_unprepared("CREATE UNIQUE INDEX users_username_unique ON users (lower(username))")
        .await?;
    // Serves the check for other active admins before every demotion.
    connection
        .execute_unprepared("CREATE INDEX users_active_admins ON users (id) WHERE role = 'admin' AND is_active")
        .await?;
    Ok(())
}

/// One row for each refresh token. Rotation adds a row to the same `family`; reuse revokes the family.
async fn sessions(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("sessions")
                .col(integer("user_id"))
                .col(string_len("family", 32))
                .col(string_len("refresh_token_hash", 64).unique_key())
                .col(string_len_null("user_agent", 255))
                .col(string_len_null("ip", 45))
                .col(timestamp_with_time_zone("last_used_at"))
                .col(timestamp_with_time_zone("expires_at"))
                .col(timestamp_with_time_zone_null("rotated_at"))
                .col(timestamp_with_time_zone_null("revoked_at"))
                .foreign_key(&mut references(
                    "sessions",
                    "user_id",
                    "users",
                    ForeignKeyAction::Cascade,
                ))
                .take(),
        )
        .await?;
    for (name, column) in [
        ("sessions_user", "user_id"),
        ("sessions_family", "family"),
        ("sessions_expiry", "expires_at"),
    ] {
        manager
            .create_index(Index::create().name(name).table("sessions").col(column).take())
            .await?;
    }
    Ok(())
}

/// Consecutive failed sign-ins. `subject` is a digest, so mistyped names are not stored.
async fn login_attempts(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("login_attempts")
                .col(string_len("subject", 64).primary_key())
                .col(integer("failures"))
                .col(timestamp_with_time_zone("last_failed_at"))
                .take(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("login_attempts_last_failed")
                .table("login_attempts")
                .col("last_failed_at")
                .take(),
        )
        .await
}
