//! Lists of somebody's tasks leave out the trash: with `deleted_at` in the index, they are counted from it alone.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, "created_at, id, deleted_at").await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        replace(manager, "created_at, id").await
    }
}

/// Makes the indexes of owners and assignees anew, with these columns behind the person.
async fn replace(manager: &SchemaManager<'_>, columns: &str) -> Result<(), DbErr> {
    for statement in [
        "DROP INDEX tasks_owner_created",
        "DROP INDEX tasks_assignee_created",
        &format!("CREATE INDEX tasks_owner_created ON tasks (owner_id, {columns})"),
        &format!("CREATE INDEX tasks_assignee_created ON tasks (assignee_id, {columns}) WHERE assignee_id IS NOT NULL"),
    ] {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
