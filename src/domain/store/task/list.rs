//! Lists of tasks.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{Condition, PartialModelTrait as _, QuerySelect as _, QueryTrait as _, Select};

use super::filter::Range;
use super::{Column, Entity, TaskRow, filter, read};
use crate::domain::error::Result;
use crate::domain::local_time::LocalNow;
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Scope, Tasks, Visibility};
use crate::domain::store::query::keyset::{Keyset, union};
use crate::domain::task::{Task, TaskFilter, TaskList, cursor_of};

/// The condition that a task is in scope, in parts that have no task in common, without those that the filter leaves
/// empty. Each is one range of an index; both at once are none, so that the first rows of everything would be looked
/// for in all of it.
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

/// The tasks of a list, in no order.
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

/// The tasks of a list in parts that have none in common.
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

/// Among whose tasks those in scope are.
pub(in crate::domain::store) fn range_of(scope: &Scope<Tasks>) -> Range {
    match scope.visibility() {
        Visibility::Of(_) => Range::Users,
        Visibility::Everything => Range::Everything,
    }
}

/// One page of the tasks of a list.
pub(in crate::domain) async fn page(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    page: &PageRequest,
    now: LocalNow,
) -> Result<Page<Task>> {
    let keyset = Keyset::new(&list.order, page)?.of_few(range_of(scope) == Range::Users);
    let parts = parts(scope, list, now, connection);
    let queries = parts.iter().cloned().map(TaskRow::select_cols).collect();
    let rows = connection.query_all(&keyset.merge::<Entity>(queries)?).await?;
    let tasks = rows.iter().map(read).collect::<Result<_>>()?;
    let beyond = match keyset.far_side::<Entity>()? {
        Some(condition) => is_any(connection, parts, &condition).await?,
        None => false,
    };
    Ok(keyset.finish(tasks, beyond, |task| cursor_of(task, &list.order)))
}

/// Whether there is a task of these parts for which the condition holds.
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

/// How many tasks a list has.
pub(in crate::domain) async fn count(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    now: LocalNow,
) -> Result<u64> {
    let row = connection
        .query_one(&total(parts(scope, list, now, connection)))
        .await?;
    let count = row.map_or(Ok(0), |row| row.try_get_by_index::<i64>(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// What the number of tasks is called in a statement.
const TOTAL: &str = "total";

/// The statement that counts the tasks of these parts.
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
