//! Tasks, tags, and the search index.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{
    integer, integer_null, small_integer, string_len, text, text_null, timestamp_with_time_zone,
    timestamp_with_time_zone_null,
};
use sea_orm_migration::sea_orm::DbBackend;

use crate::columns::{references, table};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        tasks(manager).await?;
        tags(manager).await?;
        search(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() == DbBackend::Sqlite {
            // Its triggers are dropped with the table `tasks`.
            manager
                .get_connection()
                .execute_unprepared("DROP TABLE tasks_search")
                .await?;
        }
        for name in ["task_tags", "tags", "tasks"] {
            manager.drop_table(Table::drop().table(name).take()).await?;
        }
        Ok(())
    }
}

/// Status and priority are numbers in sort order. Nothing cascades from `users`: deleting a user writes an event for
/// every affected task.
async fn tasks(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("tasks")
                .col(string_len("title", 255))
                .col(text_null("description"))
                .col(small_integer("status"))
                .col(small_integer("priority"))
                .col(timestamp_with_time_zone_null("due_date"))
                // The due date for sorting; the end of the year 9999 without one.
                .col(timestamp_with_time_zone("due_key"))
                .col(integer("owner_id"))
                .col(integer_null("assignee_id"))
                .col(integer("version"))
                .col(timestamp_with_time_zone_null("completed_at"))
                .col(timestamp_with_time_zone_null("deleted_at"))
                .col(bytewise(manager, text("title_key")))
                .col(bytewise(manager, text("search_text")))
                .foreign_key(&mut references(
                    "tasks",
                    "owner_id",
                    "users",
                    ForeignKeyAction::Restrict,
                ))
                .foreign_key(&mut references(
                    "tasks",
                    "assignee_id",
                    "users",
                    ForeignKeyAction::Restrict,
                ))
                .take(),
        )
        .await?;
    for statement in [
        "CREATE INDEX tasks_owner_created ON tasks (owner_id, created_at, id)",
        "CREATE INDEX tasks_assignee_created ON tasks (assignee_id, created_at, id) WHERE assignee_id IS NOT NULL",
        "CREATE INDEX tasks_created ON tasks (created_at, id)",
        "CREATE INDEX tasks_updated ON tasks (updated_at, id)",
        "CREATE INDEX tasks_status_created ON tasks (status, created_at, id)",
        "CREATE INDEX tasks_priority_created ON tasks (priority, created_at, id)",
        "CREATE INDEX tasks_title ON tasks (title_key, id)",
        "CREATE INDEX tasks_due ON tasks (due_date, id) WHERE due_date IS NOT NULL",
        "CREATE INDEX tasks_due_key ON tasks (due_key, id)",
        "CREATE INDEX tasks_trash ON tasks (deleted_at) WHERE deleted_at IS NOT NULL",
    ] {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}

async fn tags(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    manager
        .create_table(
            table("tags")
                .col(bytewise(manager, string_len("name", 50)).unique_key())
                .take(),
        )
        .await?;
    manager
        .create_table(
            Table::create()
                .table("task_tags")
                .col(integer("task_id"))
                .col(integer("tag_id"))
                .primary_key(Index::create().col("task_id").col("tag_id"))
                .foreign_key(&mut references(
                    "task_tags",
                    "task_id",
                    "tasks",
                    ForeignKeyAction::Cascade,
                ))
                .foreign_key(&mut references(
                    "task_tags",
                    "tag_id",
                    "tags",
                    ForeignKeyAction::Cascade,
                ))
                .take(),
        )
        .await?;
    manager
        .create_index(
            Index::create()
                .name("task_tags_tag")
                .table("task_tags")
                .col("tag_id")
                .col("task_id")
                .take(),
        )
        .await
}

/// Sorts by bytes, independent of the locale, so that both databases have the same order. SQLite always does.
fn bytewise(manager: &SchemaManager<'_>, mut column: ColumnDef) -> ColumnDef {
    if manager.get_database_backend() == DbBackend::Postgres {
        column.extra("COLLATE \"C\"");
    }
    column
}

/// A search finds substrings of `search_text`, which is in lower case. The indexes need not fold case, and both
/// databases find the same rows.
async fn search(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    let statements: &[&str] = match manager.get_database_backend() {
        DbBackend::Postgres => &[
            "CREATE EXTENSION IF NOT EXISTS pg_trgm",
            "CREATE INDEX tasks_search ON tasks USING gin (search_text gin_trgm_ops)",
        ],
        _ => &[
            "CREATE VIRTUAL TABLE tasks_search USING fts5(\
                search_text, content='tasks', content_rowid='id', columnsize=0, \
                tokenize='trigram case_sensitive 1')",
            "CREATE TRIGGER tasks_search_insert AFTER INSERT ON tasks BEGIN \
                INSERT INTO tasks_search(rowid, search_text) VALUES (new.id, new.search_text); END",
            "CREATE TRIGGER tasks_search_delete AFTER DELETE ON tasks BEGIN \
                INSERT INTO tasks_search(tasks_search, rowid, search_text) \
                VALUES ('delete', old.id, old.search_text); END",
            "CREATE TRIGGER tasks_search_update AFTER UPDATE OF search_text ON tasks \
                WHEN old.search_text <> new.search_text BEGIN \
                INSERT INTO tasks_search(tasks_search, rowid, search_text) \
                VALUES ('delete', old.id, old.search_text); \
                INSERT INTO tasks_search(rowid, search_text) VALUES (new.id, new.search_text); END",
        ],
    };
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
