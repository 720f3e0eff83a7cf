//! Tasks of several users in one statement.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{Condition, PartialModelTrait as _, QuerySelect as _, Select};

use super::filter::Range;
use super::list::listed;
use super::{Column, Entity, TaskRow, is_user, read, visible};
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::local_time::LocalNow;
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Scope, Tasks, Visibility};
use crate::domain::store::one_of;
use crate::domain::store::query::as_count;
use crate::domain::store::query::keyset::Keyset;
use crate::domain::store::query::per_parent::{parents_with, rows_of_each};
use crate::domain::task::{Participation, Task, TasksOf, cursor_of};

fn column(part: Participation) -> Column {
    match part {
        Participation::Owner => Column::OwnerId,
        Participation::Assignee => Column::AssigneeId,
    }
}

/// Condition for tasks in scope, for tasks in which these users have this part. It is as short as possible: PostgreSQL
/// expects that few rows meet it, and with few rows it sorts all of them instead of reading a page in order.
fn visible_of(scope: &Scope<Tasks>, users: &[UserId], part: Participation) -> Condition {
    match scope.visibility() {
        Visibility::Of(viewer) if users == [viewer] => Condition::all(),
        Visibility::Of(viewer) if !users.contains(&viewer) => {
            let other = match part {
                Participation::Owner => Column::AssigneeId,
                Participation::Assignee => Column::OwnerId,
            };
            Condition::all().add(is_user(other, viewer))
        }
        _ => visible(scope),
    }
}

/// Tasks of the list that are in scope, for tasks in which these users have this part.
fn listed_of(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    users: &[UserId],
    of: &TasksOf,
    now: LocalNow,
) -> Select<Entity> {
    let visible = visible_of(scope, users, of.part);
    listed(visible, Range::Users, &of.list, now, connection)
}

/// Reads the same page for each user. Users without tasks are omitted.
pub(in crate::domain) async fn pages(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    users: &[UserId],
    of: &TasksOf,
    page: &PageRequest,
    now: LocalNow,
) -> Result<Vec<(UserId, Page<Task>)>> {
    let order = of.list.full_order();
    let keyset = Keyset::new(&order, page)?.few_rows(true);
    if page.is_empty() {
        return Ok(Vec::new());
    }
    let listed = listed_of(connection, scope, users, of, now);
    let theirs = |user: Expr| listed.clone().filter(Expr::col((Entity, column(of.part))).eq(user));
    let ids: Vec<i32> = users.iter().map(|user| user.0).collect();
    let rows = rows_of_each(connection, Column::Id, ids.clone(), TaskRow::select_cols, |user| {
        keyset.apply::<Entity, _>(theirs(user))
    })
    .await?;
    let beyond = keyset.far_side::<Entity>()?;
    let beyond = parents_with(connection, Column::Id, ids, beyond, theirs).await?;
    let mut tasks: BTreeMap<i32, Vec<Task>> = beyond.iter().map(|user| (*user, Vec::new())).collect();
    for (user, row) in rows {
        tasks.entry(user).or_default().push(read(&row)?);
    }
    Ok(tasks
        .into_iter()
        .map(|(user, tasks)| {
            let page = keyset.sort_and_finish(tasks, beyond.contains(&user), |task| cursor_of(task, &order));
            (UserId(user), page)
        })
        .collect())
}

/// Number of tasks for each user. Users without tasks are omitted.
pub(in crate::domain) async fn counts(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    users: &[UserId],
    of: &TasksOf,
    now: LocalNow,
) -> Result<Vec<(UserId, u64)>> {
    let column = column(of.part);
    let ids = users.iter().map(|user| user.0).collect();
    let rows: Vec<(i32, i64)> = listed_of(connection, scope, users, of, now)
        .select_only()
        .column(column)
        .expr_as(Expr::cust("COUNT(*)"), "tasks")
        .filter(one_of(connection, column, ids))
        .group_by(column)
        .into_tuple()
        .all(connection)
        .await?;
    let counts = rows.into_iter().map(|(user, count)| (UserId(user), as_count(count)));
    Ok(counts.collect())
}
