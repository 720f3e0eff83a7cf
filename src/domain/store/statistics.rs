//! Counts over tasks, in two statements.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Expr, Func, Order};
use sea_orm::{Condition, JoinType, QueryOrder, QuerySelect};

use super::query::as_count;
use super::tag::{self, task_tags};
use super::task::list::range_of;
use super::task::{Column, Entity, all_visible, filter, priority_of, status_of};
use crate::domain::error::Result;
use crate::domain::local_time::LocalNow;
use crate::domain::policy::{Scope, Tasks};
use crate::domain::statistics::Statistics;
use crate::domain::task::workflow::Status;
use crate::domain::task::{Priority, TaskList};

/// Maximum number of counted tags.
const MAX_TAGS: u64 = 100;

/// Counts the tasks of a list. Counts of tags only `with_tags`.
pub(in crate::domain) async fn of_list(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    list: &TaskList,
    with_tags: bool,
    now: LocalNow,
) -> Result<Statistics> {
    let counted = counted(connection, scope, list, now);
    let mut statistics = Statistics {
        by_status: Status::ALL.map(|status| (status, 0)).to_vec(),
        by_priority: Priority::ALL.map(|priority| (priority, 0)).to_vec(),
        ..Statistics::default()
    };
    for (status, priority, count, overdue) in by_status_and_priority(connection, counted.clone(), now).await? {
        let (status, priority) = (status_of(status)?, priority_of(priority)?);
        let count = as_count(count);
        statistics.total += count;
        statistics.overdue += as_count(overdue);
        add(&mut statistics.by_status, &status, count);
        add(&mut statistics.by_priority, &priority, count);
    }
    if with_tags {
        statistics.tags = by_tag(connection, counted).await?;
    }
    Ok(statistics)
}

fn add<K: PartialEq>(counts: &mut [(K, u64)], key: &K, count: u64) {
    if let Some(entry) = counts.iter_mut().find(|(known, _)| known == key) {
        entry.1 += count;
    }
}

fn counted(connection: &impl ConnectionTrait, scope: &Scope<Tasks>, list: &TaskList, now: LocalNow) -> Condition {
    let backend = connection.get_database_backend();
    let passes = filter::condition(&list.filter, range_of(scope), now, backend);
    let counted = Condition::all().add(all_visible(scope)).add(passes);
    if list.include_deleted {
        counted
    } else {
        counted.add(Column::DeletedAt.is_null())
    }
}

async fn by_status_and_priority(
    connection: &impl ConnectionTrait,
    counted: Condition,
    now: LocalNow,
) -> Result<Vec<(i16, i16, i64, i64)>> {
    let overdue = CaseStatement::new().case(filter::overdue(now), 1).finally(Expr::val(0));
    Ok(Entity::find()
        .select_only()
        .column(Column::Status)
        .column(Column::Priority)
        .expr_as(Expr::cust("COUNT(*)"), "tasks")
        .expr_as(Func::sum(overdue), "overdue")
        .filter(counted)
        .group_by(Column::Status)
        .group_by(Column::Priority)
        .into_tuple()
        .all(connection)
        .await?)
}

async fn by_tag(connection: &impl ConnectionTrait, counted: Condition) -> Result<Vec<(String, u64)>> {
    let rows: Vec<(String, i64)> = task_tags::Entity::find()
        .select_only()
        .column(tag::Column::Name)
        .expr_as(Expr::cust("COUNT(*)"), "tasks")
        .join(JoinType::InnerJoin, task_tags::Relation::Tag.def())
        .join(JoinType::InnerJoin, task_tags::Relation::Task.def())
        .filter(counted)
        .group_by(tag::Column::Name)
        .order_by(Expr::cust("COUNT(*)"), Order::Desc)
        .order_by(Expr::col((tag::Entity, tag::Column::Name)), Order::Asc)
        .limit(MAX_TAGS)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|(name, count)| (name, as_count(count))).collect())
}
