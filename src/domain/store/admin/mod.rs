//! Queries for operators: the schema, backups, diagnosis, example data.

pub(in crate::domain) mod backup;
pub(super) mod diagnosis;
pub(super) mod gauge;
pub(super) mod schema;
pub(in crate::domain) mod seed;

use sea_orm::{ConnectionTrait, DbErr, Statement, TryGetable};

use crate::domain::error::Result;

/// The first value of the row that a statement returns.
async fn one<T: TryGetable>(connection: &impl ConnectionTrait, sql: &str) -> Result<T> {
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
    Ok(row.try_get_by_index(0)?)
}
