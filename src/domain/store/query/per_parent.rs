//! Reads the first rows of several parents in one statement.

use std::collections::HashSet;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Asterisk, Expr, ExprTrait as _, Func, IntoCondition, Query, SelectStatement};
use sea_orm::{Condition, DbBackend, JoinType, QueryResult, QuerySelect, QueryTrait as _, Select, Value};

use crate::domain::error::Result;

/// Alias of the list of parents and of its column.
const PARENT: &str = "parent";
/// Alias of the rows of one parent.
const ROWS: &str = "own";

/// Rows of each parent with the parent's id, unsorted. `own` builds the query for one parent with its order and limit,
/// so that an index on the parent is read only that far. A window function would first number all rows. `select` adds
/// the columns.
pub(in crate::domain::store) async fn rows_of_each<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    id: E::Column,
    parents: Vec<i32>,
    select: impl FnOnce(Select<E>) -> Select<E>,
    own: impl FnOnce(Expr) -> Result<Select<E>>,
) -> Result<Vec<(i32, QueryResult)>> {
    if parents.is_empty() {
        return Ok(Vec::new());
    }
    let statement = match connection.get_database_backend() {
        DbBackend::Postgres => lateral(parents, select, own)?,
        _ => correlated(id, &parents, select, own)?,
    };
    let rows = connection.query_all(&statement).await?;
    rows.into_iter()
        .map(|row| Ok((row.try_get("", PARENT)?, row)))
        .collect()
}

/// The parents for which `own` finds a row that meets the condition; none without a condition.
pub(in crate::domain::store) async fn parents_with<E: EntityTrait>(
    connection: &impl ConnectionTrait,
    id: E::Column,
    parents: Vec<i32>,
    condition: Option<impl IntoCondition>,
    own: impl FnOnce(Expr) -> Select<E>,
) -> Result<HashSet<i32>> {
    let Some(condition) = condition else {
        return Ok(HashSet::new());
    };
    let select = |query: Select<E>| query.column(id);
    let first = |parent| Ok(own(parent).filter(condition).limit(1));
    let found = rows_of_each(connection, id, parents, select, first).await?;
    Ok(found.into_iter().map(|(parent, _)| parent).collect())
}

/// PostgreSQL: a lateral join reads the rows of each parent.
fn lateral<E: EntityTrait>(
    parents: Vec<i32>,
    select: impl FnOnce(Select<E>) -> Select<E>,
    own: impl FnOnce(Expr) -> Result<Select<E>>,
) -> Result<SelectStatement> {
    let parent = Expr::col((PARENT, PARENT));
    let own = select(own(parent.clone())?.select_only()).into_query();
    Ok(Query::select()
        // The row's own columns come first, because they are read by position.
        .column((ROWS, Asterisk))
        .expr_as(parent, PARENT)
        .from_function(Func::cust("unnest").arg(Value::from(parents)), PARENT)
        .join_lateral(JoinType::InnerJoin, own, ROWS, Condition::all().add(Expr::val(true)))
        .take())
}

/// SQLite has no lateral joins; a correlated subquery lists the ids of each parent.
fn correlated<E: EntityTrait>(
    id: E::Column,
    parents: &[i32],
    select: impl FnOnce(Select<E>) -> Select<E>,
    own: impl FnOnce(Expr) -> Result<Select<E>>,
) -> Result<SelectStatement> {
    let parent = Expr::col((PARENT, "value"));
    let ids = own(parent.clone())?.select_only().column(id).into_query();
    let list = serde_json::json!(parents).to_string();
    let mut rows = E::find().select_only();
    QuerySelect::query(&mut rows)
        .from_clear()
        .from_function(Func::cust("json_each").arg(list), PARENT)
        .cross_join(E::default().table_ref());
    let mut statement = select(rows).into_query();
    Ok(statement
        .expr_as(parent, PARENT)
        .and_where(Expr::col(id.as_column_ref()).in_subquery(ids))
        .take())
}
