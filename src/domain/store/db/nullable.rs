//! Columns that may be NULL.

use std::sync::Arc;

use sea_orm::sqlx::{self, Decode, Postgres, Row as _, Sqlite, Type};
use sea_orm::{ColIdx, DbErr, QueryResult, RuntimeErr, TryGetError, TryGetable};

/// A nullable column. `SeaORM` formats an error for every NULL of an [`Option`], a tenth of the instructions of a list
/// of 50 tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain::store) struct Nullable<T>(pub(in crate::domain::store) Option<T>);

impl<T> TryGetable for Nullable<T>
where
    T: for<'row> Decode<'row, Postgres> + for<'row> Decode<'row, Sqlite> + Type<Postgres> + Type<Sqlite>,
{
    fn try_get_by<I: ColIdx>(row: &QueryResult, column: I) -> Result<Self, TryGetError> {
        let value = match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
            (Some(row), _) => row.try_get(column.as_sqlx_postgres_index()),
            (None, Some(row)) => row.try_get(column.as_sqlx_sqlite_index()),
            (None, None) => Err(sqlx::Error::RowNotFound),
        };
        let value = value.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(Arc::new(error))))?;
        Ok(Self(value))
    }
}
