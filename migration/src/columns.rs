//! What several migrations share: the columns every table has, the one that orders a log, and foreign keys in one
//! line.

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

/// What orders a log by its commits, together with the id. Readers stay below the oldest transaction that
/// is still open; so the number may not be less than that of the transaction that writes. Where several
/// tasks are written in one transaction its number can be less than that of one that wrote to the same
/// task and committed meanwhile; the greatest transaction that was over when the event was written is not.
/// `SQLite` has one writer at a time: there the id is enough.
pub(crate) fn transaction_id(manager: &SchemaManager<'_>) -> Expr {
    match manager.get_database_backend() {
        DbBackend::Postgres => Expr::cust(
            "GREATEST(pg_current_xact_id()::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint)",
        ),
        _ => Expr::val(0),
    }
}
