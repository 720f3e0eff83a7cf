//! Lists of tasks.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CommonTableExpression, Expr, Query, SelectStatement};
use sea_orm::{Condition, QuerySelect, QueryTrait as _, Select};

use super::filter::Range;
use super::row::Listed;
use super::{Column, Entity, filter};
use crate::domain::error::Result;
use crate::domain::local_time::LocalNow;
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Reach, Scope, Tasks, Users};
use crate::domain::store::query::keyset::{Keyset, union};
use crate::domain::store::query::positional_row::PositionalRow;
use crate::domain::task::{FullTask, Task, TaskFilter, TaskList, TaskSortField, WithPeople, cursor_of};

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
    match scope.reach() {
        Reach::Of(_) => Range::Users,
        Reach::Everything => Range::Everything,
    }
}

/// Which page of which list is asked for, by whom, and when.
#[derive(Clone, Copy)]
pub(in crate::domain) struct ListQuery<'a> {
    pub(in crate::domain) scope: &'a Scope<Tasks>,
    pub(in crate::domain) list: &'a TaskList,
    pub(in crate::domain) page: &'a PageRequest,
    pub(in crate::domain) now: LocalNow,
}

impl ListQuery<'_> {
    /// The tasks alone.
    pub(in crate::domain) async fn tasks(self, connection: &impl ConnectionTrait) -> Result<Page<Task>> {
        self.page(connection).await
    }

    /// With those who take part in them.
    pub(in crate::domain) async fn with_people(
        self,
        connection: &impl ConnectionTrait,
        _names: &Scope<Users>,
    ) -> Result<Page<WithPeople>> {
        self.page(connection).await
    }

    /// With their tags too.
    pub(in crate::domain) async fn in_full(
        self,
        connection: &impl ConnectionTrait,
        _names: &Scope<Users>,
    ) -> Result<Page<FullTask>> {
        self.page(connection).await
    }

    /// With the number of tasks that the whole list has as well. Of a page without tasks it is not known.
    pub(in crate::domain) async fn counted(
        self,
        connection: &impl ConnectionTrait,
        _names: &Scope<Users>,
    ) -> Result<(Page<FullTask>, Option<u64>)> {
        const COUNT: &str = "count";

        let keyset = self.keyset()?;
        let parts = self.parts(connection);
        let total = total(parts.clone());
        let (count, shared) = if parts.len() == 1 {
            (total, None)
        } else {
            // However many parts ask for it, it is counted once.
            let mut shared = CommonTableExpression::new();
            shared.table_name(COUNT).query(total).materialized(true);
            (Query::select().column(TOTAL).from(COUNT).take(), Some(shared))
        };
        let count = Expr::SubQuery(None, Box::new(count.into()));
        let queries = parts
            .into_iter()
            .map(|part| FullTask::select(part, self.list.detail).expr_as(count.clone(), TOTAL));
        let mut statement = keyset.merge::<Entity>(queries.collect())?;
        if let Some(shared) = shared {
            statement.with_cte(shared);
        }
        let (mut tasks, mut count) = (Vec::new(), None);
        for row in connection.query_all(&statement).await? {
            let mut columns = PositionalRow::of(&row);
            tasks.push(FullTask::read(&mut columns)?);
            count = u64::try_from(columns.next::<i64>()?).ok();
        }
        Ok((self.finish(connection, &keyset, tasks).await?, count))
    }

    fn keyset(&self) -> Result<Keyset<'_, TaskSortField>> {
        let keyset = Keyset::new(&self.list.order, self.page)?;
        Ok(keyset.of_few(range_of(self.scope) == Range::Users))
    }

    async fn page<T: Listed>(self, connection: &impl ConnectionTrait) -> Result<Page<T>> {
        let keyset = self.keyset()?;
        let parts = self.parts(connection).into_iter();
        let queries = parts.map(|part| T::select(part, self.list.detail)).collect();
        let rows = connection.query_all(&keyset.merge::<Entity>(queries)?).await?;
        let tasks = rows.iter().map(|row| T::read(&mut PositionalRow::of(row)));
        self.finish(connection, &keyset, tasks.collect::<Result<_>>()?).await
    }

    /// The page of these tasks, of which there may be one more than asked for.
    async fn finish<T: Listed>(
        self,
        connection: &impl ConnectionTrait,
        keyset: &Keyset<'_, TaskSortField>,
        tasks: Vec<T>,
    ) -> Result<Page<T>> {
        let beyond = match keyset.far_side::<Entity>()? {
            Some(condition) => is_any(connection, self.parts(connection), &condition).await?,
            None => false,
        };
        Ok(keyset.finish(tasks, beyond, |row| cursor_of(row.task(), &self.list.order)))
    }

    /// The tasks of the list in parts that have none in common.
    fn parts(self, connection: &impl ConnectionTrait) -> Vec<Select<Entity>> {
        parts(self.scope, self.list, self.now, connection)
    }
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
