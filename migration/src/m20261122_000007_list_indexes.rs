//! Lists exclude the trash: with `deleted_at` in the index, an index-only scan counts them.

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
                "CREATE INDEX tasks_of_owner ON tasks (owner_id, created_at, id, deleted_at)",
                "CREATE INDEX tasks_of_assignee ON tasks (assignee_id, created_at, id, deleted_at) WHERE assignee_id IS NOT NULL",
                "DROP INDEX tasks_owner_created",
                "DROP INDEX tasks_assignee_created",
            ],
        )
        .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(
            manager,
            [
                "CREATE INDEX tasks_owner_created ON tasks (owner_id, created_at, id)",
                "CREATE INDEX tasks_assignee_created ON tasks (assignee_id, created_at, id) WHERE assignee_id IS NOT NULL",
                "DROP INDEX tasks_of_owner",
                "DROP INDEX tasks_of_assignee",
            ],
        )
        .await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: [&str; 4]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
