//! Lists of tasks.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{
    Condition, DbBackend, FromQueryResult as _, PartialModelTrait as _, QueryResult, QuerySelect, QueryTrait as _,
    Select,
};

use super::keyset::{Keyset, union};
use super::task::{Column, Entity, Row};
use super::task_filter;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Reach, Scope, Tasks};
use crate::domain::tag::Tags;
use crate::domain::task::{Task, TaskFilter, TaskList, cursor_of};

/// The tags of a task as JSON, read with the task: that takes less than a statement of their own.
const TAGS: &str = "task_tags INNER JOIN tags ON tags.id = task_tags.tag_id WHERE task_tags.task_id = tasks.id";

/// What a list is made of.
pub(in crate::domain) trait Listed: Sized {
    fn select(query: Select<Entity>, backend: DbBackend) -> Select<Entity>;
    fn read(row: &QueryResult) -> Result<Self>;
    fn task(&self) -> &Task;
}

impl Listed for Task {
    fn select(query: Select<Entity>, _backend: DbBackend) -> Select<Entity> {
        Row::select_cols(query)
    }

    fn read(row: &QueryResult) -> Result<Self> {
        Row::from_query_result(row, "")?.try_into()
    }

    fn task(&self) -> &Task {
        self
    }
}

impl Listed for (Task, Tags) {
    fn select(query: Select<Entity>, backend: DbBackend) -> Select<Entity> {
        let names = match backend {
            DbBackend::Postgres => "json_agg(tags.name)::text",
            _ => "json_group_array(tags.name)",
        };
        let tags = Expr::cust(format!("(SELECT {names} FROM {TAGS})"));
        Row::select_cols(query).expr_as(tags, "tags")
    }

    fn read(row: &QueryResult) -> Result<Self> {
        let tags: Option<String> = row.try_get("", "tags")?;
        let tags = tags.map(|tags| serde_json::from_str(&tags).map_err(Error::internal));
        Ok((Task::read(row)?, tags.transpose()?.unwrap_or_default()))
    }

    fn task(&self) -> &Task {
        &self.0
    }
}

/// The condition that a task is in scope, in parts that have no task in common, without those that the filter leaves
/// empty. Each is one range of an index; both at once are none, so that the first rows of everything would be looked
/// for in all of it.
fn visible_parts(scope: &Scope<Tasks>, filter: &TaskFilter) -> Vec<Condition> {
    let Reach::Of(user) = scope.reach() else {
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
pub(super) fn listed(
    visible: Condition,
    list: &TaskList,
    now: Timestamp,
    connection: &impl ConnectionTrait,
) -> Select<Entity> {
    let query = Entity::find().filter(visible).filter(task_filter::condition(
        &list.filter,
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
    now: Timestamp,
    connection: &impl ConnectionTrait,
) -> Vec<Select<Entity>> {
    visible_parts(scope, &list.filter)
        .into_iter()
        .map(|part| listed(part, list, now, connection).select_only())
        .collect()
}

/// One page of a list.
pub(in crate::domain) async fn page<T: Listed>(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<T>> {
    let keyset = Keyset::new(&list.order, page)?;
    let backend = connection.get_database_backend();
    let queries = parts(scope, list, now, connection).into_iter();
    let queries = queries.map(|query| T::select(query, backend)).collect();
    let rows = connection.query_all(&keyset.merge::<Entity>(queries)?).await?;
    let tasks = rows.iter().map(T::read).collect::<Result<Vec<T>>>()?;
    let beyond = match keyset.far_side::<Entity>()? {
        Some(condition) => is_any(connection, parts(scope, list, now, connection), &condition).await?,
        None => false,
    };
    Ok(keyset.finish(tasks, beyond, |row| cursor_of(row.task(), &list.order)))
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
    now: Timestamp,
) -> Result<u64> {
    let counts = parts(scope, list, now, connection)
        .into_iter()
        .map(|part| part.expr_as(Expr::cust("COUNT(*)"), "tasks").into_query());
    let Some(statement) = union(counts.collect()) else {
        return Ok(0);
    };
    let mut count = 0;
    for row in connection.query_all(&statement).await? {
        count += u64::try_from(row.try_get_by_index::<i64>(0)?).unwrap_or_default();
    }
    Ok(count)
}
