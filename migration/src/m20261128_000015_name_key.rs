//! Search text of users: display name and username in lower case, each after a line break.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let backend = manager.get_database_backend();
        // Sorts by bytes, so that both databases have the same order. SQLite always does.
        let (collation, key) = match backend {
            DbBackend::Postgres => ("COLLATE \"C\"", "$1"),
            _ => ("", "?1"),
        };
        let connection = manager.get_connection();
        connection
            .execute_unprepared(&format!(
                "ALTER TABLE users ADD COLUMN name_key text {collation} NOT NULL DEFAULT ''"
            ))
            .await?;
        // Neither database folds all letters like the server.
        let names = "SELECT id, username, full_name FROM users";
        for row in connection.query_all_raw(Statement::from_string(backend, names)).await? {
            let id: i32 = row.try_get("", "id")?;
            let username: Option<String> = row.try_get("", "username")?;
            let full_name: Option<String> = row.try_get("", "full_name")?;
            let display = full_name.as_deref().or(username.as_deref()).unwrap_or("user");
            let text = format!("\n{display}\n{}", username.as_deref().unwrap_or_default()).to_lowercase();
            let update = format!("UPDATE users SET name_key = {key} WHERE id = {id}");
            connection
                .execute_raw(Statement::from_sql_and_values(backend, update, [text.into()]))
                .await?;
        }
        connection
            .execute_unprepared("CREATE INDEX users_name_key ON users (name_key, id)")
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        for statement in ["DROP INDEX users_name_key", "ALTER TABLE users DROP COLUMN name_key"] {
            connection.execute_unprepared(statement).await?;
        }
        Ok(())
    }
}
