//! Due days, and the time zones of users, in which the days end.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            [
                "ALTER TABLE tasks ADD COLUMN due_on date",
                "CREATE INDEX tasks_due_on ON tasks (due_on, id) WHERE due_on IS NOT NULL",
                "ALTER TABLE users ADD COLUMN time_zone varchar(64) NOT NULL DEFAULT 'UTC'",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            [
                "ALTER TABLE users DROP COLUMN time_zone",
                "DROP INDEX tasks_due_on",
                "ALTER TABLE tasks DROP COLUMN due_on",
            ],
        )
        .await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: [&str; 3]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
