//! Parts of queries that several resource types share.

pub(super) mod keyset;
pub(super) mod per_parent;

use sea_orm::entity::prelude::*;
use sea_orm::{Condition, DbBackend, QuerySelect as _, TryGetable};

use crate::domain::error::Result;
use crate::domain::policy::{ResourceType, Scope, Visibility};

/// One column of the rows that `query` finds.
pub(super) async fn values<E: EntityTrait, T: TryGetable>(
    connection: &impl ConnectionTrait,
    query: Select<E>,
    column: impl ColumnTrait,
) -> Result<Vec<T>> {
    let query = query.select_only().column(column).into_tuple();
    Ok(query.all(connection).await?)
}

/// One column of the first row that `query` finds.
pub(super) async fn first_value<E: EntityTrait, T: TryGetable>(
    connection: &impl ConnectionTrait,
    query: Select<E>,
    column: impl ColumnTrait,
) -> Result<Option<T>> {
    let query = query.select_only().column(column).into_tuple();
    Ok(query.one(connection).await?)
}

/// Whether `query` finds a row.
pub(super) async fn is_any<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    query: Select<E>,
    id: impl ColumnTrait,
) -> Result<bool> {
    Ok(first_value::<_, i32>(connection, query, id).await?.is_some())
}

/// An aggregate over the rows that `query` finds, such as `COUNT(*)`.
pub(super) async fn aggregate<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    query: Select<E>,
    expression: &'static str,
) -> Result<u64> {
    let query = query.select_only().expr(Expr::cust(expression)).into_tuple::<i64>();
    Ok(as_count(query.one(connection).await?.unwrap_or_default()))
}

/// A count as the database returns it.
pub(super) fn as_count(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// Condition for rows of the user in scope; empty if the scope includes all users.
pub(super) fn of_user<R: ResourceType>(scope: &Scope<R>, user: impl ColumnTrait) -> Condition {
    match scope.visibility() {
        Visibility::Everything => Condition::all(),
        Visibility::Of(id) => Condition::all().add(user.eq(id.0)),
    }
}

/// Compares columns with values as rows. `columns` is SQL.
pub(super) fn compare_rows<const N: usize>(
    connection: &impl ConnectionTrait,
    columns: &str,
    operator: &str,
    values: [i64; N],
) -> Expr {
    let placeholders = placeholders::<N>(connection.get_database_backend()).join(", ");
    Expr::cust_with_values(format!("({columns}) {operator} ({placeholders})"), values)
}

/// Placeholders of the values of an SQL expression.
pub(super) fn placeholders<const N: usize>(backend: DbBackend) -> [String; N] {
    std::array::from_fn(|index| match backend {
        DbBackend::Postgres => format!("${}", index + 1),
        _ => "?".to_owned(),
    })
}
