//! Position of each notification in the order of the event log, from which subscriptions resume.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// Positions of existing notifications: that of the event, or for a due date that of the newest event at the time.
const PLACES: [&str; 2] = [
    "UPDATE notifications SET log_event_id = event_id, \
       log_transaction_id = COALESCE((SELECT transaction_id FROM task_events WHERE task_events.id = event_id), 0) \
     WHERE event_id > 0",
    "UPDATE notifications SET log_event_id = COALESCE( \
         (SELECT id FROM task_events WHERE occurred_at <= created_at ORDER BY occurred_at DESC LIMIT 1), 0), \
       log_transaction_id = COALESCE((SELECT transaction_id FROM due_notices WHERE due_notices.id = -event_id), 0) \
     WHERE event_id < 0",
];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut statements = vec![
            "ALTER TABLE notifications ADD COLUMN log_transaction_id bigint NOT NULL DEFAULT 0",
            "ALTER TABLE notifications ADD COLUMN log_event_id bigint NOT NULL DEFAULT 0",
        ];
        statements.extend(PLACES);
        if manager.get_database_backend() == DbBackend::Postgres {
            // For servers of the previous version, which do not set it.
            statements.push(
                "ALTER TABLE notifications ALTER COLUMN log_transaction_id SET DEFAULT GREATEST( \
                 pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint)",
            );
        }
        statements.extend([
            "CREATE INDEX notifications_order ON notifications (log_transaction_id, log_event_id, id)",
            "CREATE INDEX notifications_user_order ON notifications (user_id, log_transaction_id, log_event_id, id)",
            "DROP INDEX notifications_event",
            "DROP INDEX due_notices_commit_order",
        ]);
        for statement in statements {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for statement in [
            "CREATE INDEX due_notices_commit_order ON due_notices (transaction_id, id)",
            "CREATE INDEX notifications_event ON notifications (event_id)",
            "DROP INDEX notifications_user_order",
            "DROP INDEX notifications_order",
            "ALTER TABLE notifications DROP COLUMN log_event_id",
            "ALTER TABLE notifications DROP COLUMN log_transaction_id",
        ] {
            manager.get_connection().execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
