//! Search texts have one form of the small Greek sigma, as searches have.

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
        for (table, column) in [("tasks", "search_text"), ("users", "name_key")] {
            let update = format!("UPDATE {table} SET {column} = replace({column}, 'ς', 'σ') WHERE {column} LIKE '%ς%'");
            connection.execute_unprepared(&update).await?;
        }
        Ok(())
    }

    /// The older form is not known any more. An older server reads both, but its searches miss words that end in a
    /// sigma.
    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Ok(())
    }
}
