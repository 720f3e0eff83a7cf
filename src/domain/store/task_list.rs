//! Lists of tasks.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, JoinType, PartialModelTrait as _, QuerySelect, QueryTrait as _, RelationDef, Select};

use super::keyset::{Keyset, union};
use super::task::{Column, Entity, Row, visible};
use super::{InOrder, corrupt, task_filter, user};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Reach, Scope, Tasks, Users};
use crate::domain::task::{People, Task, TaskFilter, TaskList, cursor_of};
use crate::domain::user::User;

/// What the owner and the assignee are called in a statement.
const PEOPLE: [(&str, Column); 2] = [("owner", Column::OwnerId), ("assignee", Column::AssigneeId)];

/// What a list is made of.
trait Listed: Sized {
    fn select(query: Select<Entity>) -> Select<Entity>;
    fn read(columns: &mut InOrder<'_>) -> Result<Self>;
    fn task(&self) -> &Task;
}

impl Listed for Task {
    fn select(query: Select<Entity>) -> Select<Entity> {
        Row::select_cols(query)
    }

    fn read(columns: &mut InOrder<'_>) -> Result<Self> {
        Row::read(columns)?.try_into()
    }

    fn task(&self) -> &Task {
        self
    }
}

impl Listed for (Task, People) {
    fn select(query: Select<Entity>) -> Select<Entity> {
        PEOPLE.into_iter().fold(Task::select(query), |query, (name, id)| {
            let relation: RelationDef = Entity::belongs_to(user::Entity).from(id).to(user::Column::Id).into();
            [user::Column::Username, user::Column::FullName]
                .into_iter()
                .fold(query.join_as(JoinType::LeftJoin, relation, name), |query, column| {
                    query.expr_as(Expr::col((name, column)), format!("{name}_{}", column.to_string()))
                })
        })
    }

    fn read(columns: &mut InOrder<'_>) -> Result<Self> {
        let task = Task::read(columns)?;
        let mut person = |id: Option<UserId>| -> Result<Option<User>> {
            let (username, full_name) = (columns.next()?, columns.next()?);
            Ok(id.map(|id| User {
                id,
                username,
                full_name,
                account: None,
            }))
        };
        let owner = person(Some(task.owner_id))?.ok_or_else(|| corrupt("owner", task.owner_id))?;
        let assignee = person(task.assignee_id)?;
        Ok((task, People { owner, assignee }))
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
pub(in crate::domain) async fn page(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<Task>> {
    page_of(connection, scope, list, page, now).await
}

/// The same with those who take part in the tasks.
pub(in crate::domain) async fn page_with_people(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    _names: &Scope<Users>,
    list: &TaskList,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<(Task, People)>> {
    page_of(connection, scope, list, page, now).await
}

/// The task with those who take part in it, in the trash or not.
pub(in crate::domain) async fn find_with_people(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    _names: &Scope<Users>,
    id: TaskId,
) -> Result<Option<(Task, People)>> {
    let query = Entity::find_by_id(id.0).filter(visible(scope)).select_only();
    let query = <(Task, People)>::select(query);
    let row = connection.query_one(&query.into_query()).await?;
    row.map(|row| Listed::read(&mut InOrder::of(&row))).transpose()
}

async fn page_of<T: Listed>(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    page: &PageRequest,
    now: Timestamp,
) -> Result<Page<T>> {
    let keyset = Keyset::new(&list.order, page)?;
    let queries = parts(scope, list, now, connection).into_iter().map(T::select).collect();
    let rows = connection.query_all(&keyset.merge::<Entity>(queries)?).await?;
    let tasks = rows.iter().map(|row| T::read(&mut InOrder::of(row)));
    let tasks = tasks.collect::<Result<Vec<T>>>()?;
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
