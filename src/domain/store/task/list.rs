//! Lists of tasks.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CommonTableExpression, Expr, Query, SelectStatement, WithClause};
use sea_orm::{Condition, PartialModelTrait as _, QueryResult, QuerySelect as _, QueryTrait as _, Select};

use super::filter::Range;
use super::{Column, Entity, TaskRow, filter, read};
use crate::domain::error::Result;
use crate::domain::local_time::LocalNow;
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Scope, Tasks, Visibility};
use crate::domain::store::query::as_count;
use crate::domain::store::query::keyset::{Keyset, union};
use crate::domain::task::{Task, TaskFilter, TaskList, TaskSort, TaskSortField, cursor_of};

/// Conditions for the tasks in scope as disjoint parts, without parts that the filter leaves empty. Each part is one
/// index range. A combined condition would be none, so finding the first rows would scan all.
fn visible_parts(scope: &Scope<Tasks>, filter: &TaskFilter) -> Vec<Condition> {
    let Visibility::Of(user) = scope.visibility() else {
        return vec![Condition::all()];
    };
    let owned = Column::OwnerId.eq(user.0);
    let assigned = Column::AssigneeId.eq(user.0);
    let only = |part: Expr| vec![Condition::all().add(part)];
    match (filter.owner(), filter.assignee()) {
        (Some(owner), _) if owner == user => only(owned),
        (_, Some(assignee)) if assignee != user => only(owned),
        (Some(_), _) | (_, Some(_)) => only(assigned),
        (None, None) => vec![
            Condition::all().add(owned),
            Condition::all().add(assigned).add(Column::OwnerId.ne(user.0)),
        ],
    }
}

/// Tasks of a list, unsorted.
pub(in crate::domain::store) fn listed(
    visible: Condition,
    range: Range,
    list: &TaskList,
    now: LocalNow,
    connection: &impl ConnectionTrait,
) -> Select<Entity> {
    let query = Entity::find().filter(visible).filter(filter::condition(
        &list.filter,
        range,
        now,
        connection.get_database_backend(),
    ));
    if list.include_deleted {
        query
    } else {
        query.filter(Column::DeletedAt.is_null())
    }
}

/// Tasks of a list as disjoint parts.
fn parts(
    scope: &Scope<Tasks>,
    list: &TaskList,
    now: LocalNow,
    connection: &impl ConnectionTrait,
) -> Vec<Select<Entity>> {
    visible_parts(scope, &list.filter)
        .into_iter()
        .map(|part| listed(part, range_of(scope), list, now, connection).select_only())
        .collect()
}

pub(in crate::domain::store) fn range_of(scope: &Scope<Tasks>) -> Range {
    match scope.visibility() {
        Visibility::Of(_) => Range::Users,
        Visibility::Everything => Range::Everything,
    }
}

pub(in crate::domain) async fn page(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    page: &PageRequest,
    now: LocalNow,
) -> Result<Page<Task>> {
    let order = list.full_order();
    let keyset = Keyset::new(&order, page)?.few_rows(range_of(scope) == Range::Users);
    if page.is_empty() {
        return Ok(Page::default());
    }
    let parts = parts(scope, list, now, connection);
    let queries = parts.iter().cloned().map(TaskRow::select_cols).collect();
    let rows = connection.query_all(&keyset.merge::<Entity>(queries)?).await?;
    finish(connection, &keyset, &order, parts, &rows).await
}

/// A page with the number of tasks on all pages, in one statement. A second one would take about
/// 100 µs of processor time.
pub(in crate::domain) async fn page_with_total(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    page: &PageRequest,
    now: LocalNow,
) -> Result<(Page<Task>, u64)> {
    let order = list.full_order();
    let keyset = Keyset::new(&order, page)?.few_rows(range_of(scope) == Range::Users);
    let parts = parts(scope, list, now, connection);
    let queries = parts.iter().cloned().map(TaskRow::select_cols);
    let queries = queries.map(|query| query.expr_as(Expr::cust("(SELECT total FROM counted)"), TOTAL));
    let mut statement = keyset.merge::<Entity>(queries.collect())?;
    let mut counted = CommonTableExpression::new();
    counted
        .table_name("counted")
        .query(total(parts.clone()))
        .materialized(true);
    statement.with_cte(WithClause::new().cte(counted).to_owned());
    let rows = connection.query_all(&statement).await?;
    let total = match rows.first() {
        Some(row) => as_count(row.try_get("", TOTAL)?),
        None => count(connection, scope, list, now).await?,
    };
    Ok((finish(connection, &keyset, &order, parts, &rows).await?, total))
}

async fn finish(
    connection: &impl ConnectionTrait,
    keyset: &Keyset<'_, TaskSortField>,
    order: &[TaskSort],
    parts: Vec<Select<Entity>>,
    rows: &[QueryResult],
) -> Result<Page<Task>> {
    let tasks = rows.iter().map(read).collect::<Result<_>>()?;
    let beyond = match keyset.far_side::<Entity>()? {
        Some(condition) => is_any(connection, parts, &condition).await?,
        None => false,
    };
    Ok(keyset.finish(tasks, beyond, |task| cursor_of(task, order)))
}

async fn is_any(connection: &impl ConnectionTrait, parts: Vec<Select<Entity>>, condition: &Condition) -> Result<bool> {
    let ids = parts.into_iter().map(|part| {
        let part = part.column(Column::Id).filter(condition.clone());
        part.limit(1).into_query()
    });
    match union(ids.collect()) {
        Some(statement) => Ok(connection.query_one(&statement).await?.is_some()),
        None => Ok(false),
    }
}

pub(in crate::domain) async fn count(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    now: LocalNow,
) -> Result<u64> {
    let row = connection
        .query_one(&total(parts(scope, list, now, connection)))
        .await?;
    Ok(as_count(row.map_or(Ok(0), |row| row.try_get_by_index(0))?))
}

/// Alias of the count.
const TOTAL: &str = "total";

fn total(parts: Vec<Select<Entity>>) -> SelectStatement {
    let counts = parts
        .into_iter()
        .map(|part| part.expr_as(Expr::cust("COUNT(*)"), TOTAL).into_query());
    let mut counts: Vec<SelectStatement> = counts.collect();
    match counts.pop() {
        Some(only) if counts.is_empty() => only,
        last => {
            counts.extend(last);
            Query::select()
                .expr_as(Expr::cust("CAST(SUM(total) AS bigint)"), TOTAL)
                .from_subquery(union(counts).unwrap_or_default(), "counts")
                .take()
        }
    }
}
