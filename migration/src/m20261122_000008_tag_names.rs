//! Copies the tag names to the task's row, one in each line, so that lists read them with the tasks.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let lines = match manager.get_database_backend() {
            DbBackend::Postgres => "string_agg(name, chr(10))",
            _ => "group_concat(name, char(10))",
        };
        let fill = format!(
            "UPDATE tasks SET tag_names = tagged.names FROM \
                 (SELECT task_id, {lines} AS names FROM task_tags JOIN tags ON tags.id = tag_id GROUP BY task_id) AS tagged \
             WHERE tagged.task_id = tasks.id"
        );
        let connection = manager.get_connection();
        connection
            .execute_unprepared("ALTER TABLE tasks ADD COLUMN tag_names text NOT NULL DEFAULT ''")
            .await?;
        connection.execute_unprepared(&fill).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        connection
            .execute_unprepared("ALTER TABLE tasks DROP COLUMN tag_names")
            .await?;
        Ok(())
    }
}
