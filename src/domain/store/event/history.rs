//! Event history of single tasks.

use std::collections::BTreeMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{
    Condition, FromQueryResult as _, Order, PartialModelTrait as _, QueryOrder as _, QuerySelect as _, QueryTrait as _,
    Select,
};

use super::{Column, Entity, Row, log};
use crate::domain::error::Result;
use crate::domain::event::{EventCursor, LoggedEvent, TaskEvent};
use crate::domain::id::TaskId;
use crate::domain::page::{Page, PageRequest, RowPosition, Take};
use crate::domain::policy::{Scope, Tasks};
use crate::domain::store::query::as_count;
use crate::domain::store::query::per_parent::{parents_with, rows_of_each};
use crate::domain::store::{one_of, task};

/// Event ids between which a page lies.
#[derive(Default)]
struct Bounds {
    after: Option<i64>,
    before: Option<i64>,
}

impl Bounds {
    /// Fails when a cursor is malformed or belongs to another log.
    async fn of(connection: &impl ConnectionTrait, page: &PageRequest) -> Result<Self> {
        let decode = |field, text: &Option<String>| {
            let cursor = text.as_deref().map(|text| EventCursor::decode(field, text));
            cursor.transpose()
        };
        let (after, before) = (decode("after", &page.after)?, decode("before", &page.before)?);
        if after.is_none() && before.is_none() {
            return Ok(Self::default());
        }
        let log = log::identity(connection).await?;
        let id = |field, cursor: Option<EventCursor>| {
            let cursor = cursor.map(|cursor| cursor.of_log(field, &log));
            cursor.transpose().map(|cursor| cursor.map(|cursor| cursor.id))
        };
        Ok(Self {
            after: id("after", after)?,
            before: id("before", before)?,
        })
    }

    fn condition(&self) -> Condition {
        Condition::all()
            .add_option(self.after.map(|id| Column::Id.gt(id)))
            .add_option(self.before.map(|id| Column::Id.lt(id)))
    }

    /// The condition for events beyond the cursor. `None` if it was not requested or the answer is already known.
    fn far_side(&self, page: &PageRequest) -> Option<Expr> {
        match page.take {
            _ if !page.probe => None,
            Take::First(_) => self.after.map(|id| Column::Id.lte(id)),
            Take::Last(_) => self.before.map(|id| Column::Id.gte(id)),
        }
    }
}

/// Events of a task in scope. The lock on the task's row serializes its events, so their ids are in commit order.
fn events_of(scope: &Scope<Tasks>, task: Expr) -> Select<Entity> {
    Entity::find()
        .filter(Expr::col((Entity, Column::TaskId)).eq(task))
        .filter(in_scope(scope))
}

fn in_scope(scope: &Scope<Tasks>) -> Expr {
    let visible = task::Entity::find()
        .select_only()
        .column(task::Column::Id)
        .filter(Expr::col((task::Entity, task::Column::Id)).equals((Entity, Column::TaskId)))
        .filter(task::visible(scope))
        .into_query();
    Expr::exists(visible)
}

/// Reads the same page for each task, oldest events first. Tasks without events are omitted.
pub(in crate::domain) async fn pages(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    tasks: &[TaskId],
    page: &PageRequest,
) -> Result<Vec<(TaskId, Page<TaskEvent>)>> {
    let bounds = Bounds::of(connection, page).await?;
    if page.is_empty() {
        return Ok(Vec::new());
    }
    let backward = matches!(page.take, Take::Last(_));
    let order = if backward { Order::Desc } else { Order::Asc };
    let ids: Vec<i32> = tasks.iter().map(|task| task.0).collect();
    let rows = rows_of_each(connection, Column::Id, ids.clone(), Row::select_cols, |task| {
        Ok(events_of(scope, task)
            .filter(bounds.condition())
            .order_by(Column::Id, order)
            .limit(u64::from(page.take.limit()) + 1))
    })
    .await?;
    let beyond = bounds.far_side(page);
    let beyond = parents_with(connection, Column::Id, ids, beyond, |task| events_of(scope, task)).await?;
    let mut pages: BTreeMap<i32, Vec<TaskEvent>> = beyond.iter().map(|task| (*task, Vec::new())).collect();
    for (task, row) in rows {
        pages
            .entry(task)
            .or_default()
            .push(LoggedEvent::try_from(Row::from_query_result(&row, "")?)?.event);
    }
    Ok(pages
        .into_iter()
        .map(|(task, mut events)| {
            events.sort_by_key(|event| event.cursor.id);
            if backward {
                events.reverse();
            }
            let cut = Page::cut(page, events, beyond.contains(&task), |event| {
                (RowPosition::Written(event.cursor.encode()), event)
            });
            (TaskId(task), cut)
        })
        .collect())
}

pub(in crate::domain) async fn counts(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    tasks: &[TaskId],
) -> Result<Vec<(TaskId, u64)>> {
    let ids = tasks.iter().map(|task| task.0).collect();
    let rows: Vec<(i32, i64)> = Entity::find()
        .select_only()
        .column(Column::TaskId)
        .expr_as(Expr::cust("COUNT(*)"), "events")
        .filter(one_of(connection, Column::TaskId, ids))
        .filter(in_scope(scope))
        .group_by(Column::TaskId)
        .into_tuple()
        .all(connection)
        .await?;
    let counts = rows.into_iter().map(|(task, count)| (TaskId(task), as_count(count)));
    Ok(counts.collect())
}
