//! Helpers of migrations: common columns, the column that orders a log, and foreign keys.

use sea_orm_migration::prelude::{
    Expr, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::schema::{pk_auto, timestamp_with_time_zone};
use sea_orm_migration::sea_orm::DbBackend;

/// A new table that starts with `id`, `created_at` and `updated_at`.
pub(crate) fn table(name: &'static str) -> TableCreateStatement {
    Table::create()
        .table(name)
        .col(pk_auto("id"))
        .col(timestamp_with_time_zone("created_at"))
        .col(timestamp_with_time_zone("updated_at"))
        .take()
}

/// `from_table.column` refers to the `id` of `to_table`.
pub(crate) fn references(
    from_table: &'static str,
    column: &'static str,
    to_table: &'static str,
    on_delete: ForeignKeyAction,
) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(from_table, column)
        .to(to_table, "id")
        .on_delete(on_delete)
        .to_owned()
}

/// Orders a log by commits, together with the id. Readers stop at the oldest open transaction, so the value must not be
/// less than the id of the writing transaction. A transaction that writes several tables may have a lower id than one
/// that wrote to the same task and committed meanwhile. `pg_snapshot_xmax` is one past the newest finished transaction
/// at the time of the write, so it is greater than the id of that one. SQLite has one writer at a time, so the id is
/// sufficient. The migration `settled_positions` lowers the second value by one.
pub(crate) fn transaction_id(manager: &SchemaManager<'_>) -> Expr {
    match manager.get_database_backend() {
        DbBackend::Postgres => Expr::cust(
            "GREATEST(pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint)",
        ),
        _ => Expr::val(0),
    }
}
