//! The event log, its identity, notifications, and the log of account changes.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    big_integer, big_pk_auto, integer, integer_null, json_binary, pk_auto, small_integer, small_integer_null,
    string_len, timestamp_with_time_zone, timestamp_with_time_zone_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::{references, table, transaction_id};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        event_log(manager).await?;
        task_events(manager).await?;
        notifications(manager).await?;
        account_changes(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in ["account_changes", "notifications", "task_events", "event_log"] {
            manager.drop_table(Table::drop().table(name).take()).await?;
        }
        Ok(())
    }
}

/// One row: the identity of the log and the last pruned event. Cursors contain the identity, so those from before a
/// restore are detected.
async fn event_log(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("event_log")
                .col(pk_auto("id"))
                .col(string_len("identity", 32))
                .col(big_integer("pruned_transaction_id").default(0))
                .col(big_integer("pruned_id").default(0))
                .take(),
        )
        .await?;
    let random = match manager.get_database_backend() {
        DbBackend::Postgres => "replace(gen_random_uuid()::text, '-', '')",
        _ => "lower(hex(randomblob(16)))",
    };
    manager
        .get_connection()
        .execute_unprepared(&format!("INSERT INTO event_log (identity) VALUES ({random})"))
        .await?;
    Ok(())
}

/// The log outlives tasks and users: no foreign keys.
async fn task_events(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("task_events")
                .col(big_pk_auto("id"))
                .col(big_integer("transaction_id").default(transaction_id(manager)))
                .col(integer("task_id"))
                .col(string_len("type", 16))
                .col(integer_null("actor_id"))
                .col(json_binary("audience"))
                .col(small_integer_null("previous_status"))
                .col(small_integer("status"))
                .col(json_binary("changes"))
                .col(json_binary("task"))
                .col(timestamp_with_time_zone("occurred_at"))
                .take(),
        )
        .await?;
    for statement in [
        "CREATE INDEX task_events_commit_order ON task_events (transaction_id, id)",
        "CREATE INDEX task_events_task ON task_events (task_id, id)",
        "CREATE INDEX task_events_occurred ON task_events (occurred_at)",
    ] {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

/// A notification outlives its event and its task, so it stores all the data that it shows.
async fn notifications(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("notifications")
                .col(integer("user_id"))
                .col(big_integer("event_id"))
                .col(string_len("kind", 32))
                .col(integer("task_id"))
                .col(string_len("task_title", 255))
                .col(integer_null("actor_id"))
                .col(small_integer_null("previous_status"))
                .col(small_integer("status"))
                .col(timestamp_with_time_zone_null("read_at"))
                .foreign_key(&mut references(
                    "notifications",
                    "user_id",
                    "users",
                    ForeignKeyAction::Cascade,
                ))
                .take(),
        )
        .await?;
    for statement in [
        "CREATE UNIQUE INDEX notifications_once ON notifications (user_id, event_id, kind)",
        "CREATE INDEX notifications_newest ON notifications (user_id, created_at, id)",
        "CREATE INDEX notifications_unread ON notifications (user_id, created_at, id) WHERE read_at IS NULL",
        "CREATE INDEX notifications_event ON notifications (event_id)",
    ] {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

/// Account changes that open connections of the user must react to: an ended session, deactivation, a new role. Rows
/// are short-lived and read in commit order.
async fn account_changes(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            Table::create()
                .table("account_changes")
                .col(big_pk_auto("id"))
                .col(big_integer("transaction_id").default(transaction_id(manager)))
                .col(integer("user_id"))
                .col(timestamp_with_time_zone("occurred_at"))
                .take(),
        )
        .await?;
    for statement in [
        "CREATE INDEX account_changes_commit_order ON account_changes (transaction_id, id)",
        "CREATE INDEX account_changes_occurred ON account_changes (occurred_at)",
    ] {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
