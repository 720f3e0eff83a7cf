//! Lists of tasks: all that are visible, or those of one user.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object};

use super::{Task, TaskFilter};
use crate::domain;
use crate::domain::id::UserId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::task::{NEWEST_FIRST, Participation, TaskList, TaskSort, TasksOf};
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::loader::{Batch, Loaded, LoaderContext, load_by_arguments};
use crate::graphql::scalar::{OrderDirection, TaskOrderField};

/// Sort key of a list of tasks. Equal tasks are sorted by database id; with `STATUS` or `PRIORITY` as the last key, first
/// by `CREATED_AT`.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TaskOrder {
    /// Field to sort by.
    field: TaskOrderField,
    /// Sort direction. Default: `ASC`.
    #[graphql(default_with = "OrderDirection::Ascending")]
    direction: OrderDirection,
}

impl From<TaskOrder> for TaskSort {
    fn from(order: TaskOrder) -> Self {
        Self {
            field: order.field.into(),
            direction: order.direction.into(),
        }
    }
}

/// Totals of a list of tasks.
#[derive(Debug)]
pub struct TaskTotals {
    source: TaskSource,
}

#[derive(Debug)]
enum TaskSource {
    AllVisible(TaskList),
    OfUser(UserId, TasksOf),
}

#[Object]
impl TaskTotals {
    /// Number of tasks on all pages. Counted only if selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = match &self.source {
            TaskSource::AllVisible(list) => ctx.domain().tasks().count(ctx.actor(), list).await?,
            TaskSource::OfUser(user, of) => {
                let key = (*user, of.clone());
                let count = ctx.loaders().load::<TaskCountOfUser>(key).await?;
                count.transpose()?.unwrap_or_default()
            }
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A page of all tasks that the actor may see.
pub(super) async fn all(
    ctx: &Context<'_>,
    page: PageArguments,
    filter: Option<Box<TaskFilter>>,
    order_by: Option<Vec<TaskOrder>>,
) -> Result<Connection<Task, TaskTotals>> {
    let page = page.into_request(ctx)?;
    let list = task_list(filter, order_by)?;
    let found = ctx.domain().tasks().list(ctx.actor(), &list, &page).await?;
    let source = TaskSource::AllVisible(list);
    Ok(connection(found, TaskTotals { source }, Task::from))
}

/// A page of one user's tasks. Requests for the same page of other users share the statement.
pub(in crate::graphql) async fn of_user(
    ctx: &Context<'_>,
    (user, part): (UserId, Participation),
    page: PageArguments,
    filter: Option<Box<TaskFilter>>,
    order_by: Option<Vec<TaskOrder>>,
) -> Result<Connection<Task, TaskTotals>> {
    let page = page.into_request(ctx)?;
    let list = task_list(filter, order_by)?;
    let of = TasksOf { part, list };
    let page = Arc::new((of.clone(), page));
    let found = ctx.loaders().load::<PageOfUser>((user, page)).await?;
    let source = TaskSource::OfUser(user, of);
    let found = found.transpose()?.unwrap_or_default();
    Ok(connection(found, TaskTotals { source }, Task::from))
}

/// Maximum of sort keys: each lengthens the keyset condition of a page.
const MAX_ORDER_STEPS: usize = 5;

pub(in crate::graphql) fn task_list(
    filter: Option<Box<TaskFilter>>,
    order_by: Option<Vec<TaskOrder>>,
) -> domain::error::Result<TaskList> {
    let steps = order_by.unwrap_or_default();
    if steps.len() > MAX_ORDER_STEPS {
        let message = format!(
            "orderBy has {} sort keys; up to {MAX_ORDER_STEPS} are allowed",
            steps.len()
        );
        return Err(domain::error::Error::bad_input("orderBy", message));
    }
    let order = if steps.is_empty() {
        vec![NEWEST_FIRST]
    } else {
        steps.into_iter().map(TaskSort::from).collect()
    };
    let include_deleted = filter.as_ref().is_some_and(|filter| filter.includes_deleted());
    let filter = filter
        .map(|filter| filter.into_domain())
        .transpose()?
        .unwrap_or_default();
    Ok(TaskList {
        filter: filter.try_into()?,
        include_deleted,
        order,
    })
}

struct PageOfUser;

impl Batch for PageOfUser {
    type Key = (UserId, Arc<(TasksOf, PageRequest)>);
    type Value = domain::error::Result<Page<domain::task::Task>>;

    const NAME: &'static str = "tasks_of_users";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[Self::Key]) -> Loaded<Self> {
        let load = |users: Vec<UserId>, page: Arc<(TasksOf, PageRequest)>| async move {
            let (of, page) = &*page;
            domain.tasks().lists_of_users(actor, &users, of, page).await
        };
        Ok(load_by_arguments(keys, load).await)
    }
}

struct TaskCountOfUser;

impl Batch for TaskCountOfUser {
    type Key = (UserId, TasksOf);
    type Value = domain::error::Result<u64>;

    const NAME: &'static str = "task_counts_of_users";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[Self::Key]) -> Loaded<Self> {
        let load = |users: Vec<UserId>, of| async move { domain.tasks().counts_of_users(actor, &users, &of).await };
        Ok(load_by_arguments(keys, load).await)
    }
}
