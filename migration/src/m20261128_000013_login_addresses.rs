//! Networks from which users have signed in. They are not blocked while others guess the password.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{integer, string_len, timestamp_with_time_zone};

use crate::columns::references;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table("login_addresses")
            .col(integer("user_id"))
            // An IPv4 address, or the first 64 bits of an IPv6 address.
            .col(string_len("network", 45))
            .col(timestamp_with_time_zone("last_login_at"))
            .primary_key(Index::create().col("user_id").col("network"))
            .foreign_key(&mut references(
                "login_addresses",
                "user_id",
                "users",
                ForeignKeyAction::Cascade,
            ))
            .take();
        manager.create_table(table).await?;
        let index = Index::create()
            .name("login_addresses_last_login")
            .table("login_addresses")
            .col("last_login_at")
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("login_addresses").take()).await
    }
}
