//! Client keys of tasks, unique for each owner.

use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in [
            "ALTER TABLE tasks ADD COLUMN client_key varchar(255)",
            "CREATE UNIQUE INDEX tasks_client_key ON tasks (owner_id, client_key) WHERE client_key IS NOT NULL",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in [
            "DROP INDEX tasks_client_key",
            "ALTER TABLE tasks DROP COLUMN client_key",
        ] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
