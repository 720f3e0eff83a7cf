//! Lists of tasks in GraphQL: their order, their totals, and whose they are.

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

/// One step of a task list's order; ties go by number.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct TaskOrder {
    /// What is compared.
    field: TaskOrderField,
    /// Which way.
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

/// What a connection of tasks knows beside its page.
#[derive(Debug)]
pub struct TaskTotals {
    whose: Whose,
}

/// Whose tasks a connection shows.
#[derive(Debug)]
enum Whose {
    /// Everybody's.
    All(TaskList),
    /// One user's.
    User(UserId, TasksOf),
}

#[Object]
impl TaskTotals {
    /// How many tasks there are on all pages together; counted only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let count = match &self.whose {
            Whose::All(list) => ctx.domain().tasks().count(ctx.actor(), list).await?,
            Whose::User(user, of) => {
                let key = (*user, of.clone());
                let count = ctx.loaders().load::<TaskCountOfUser>(key).await?;
                count.transpose()?.unwrap_or_default()
            }
        };
        Ok(i32::try_from(count).unwrap_or(i32::MAX))
    }
}

/// A page of all tasks that the asker may see.
pub(super) async fn all(
    ctx: &Context<'_>,
    page: PageArguments,
    filter: Option<Box<TaskFilter>>,
    order_by: Option<Vec<TaskOrder>>,
) -> Result<Connection<Task, TaskTotals>> {
    let page = page.into_request(ctx)?;
    let list = task_list(filter, order_by)?;
    let found = ctx.domain().tasks().list(ctx.actor(), &list, &page).await?;
    let whose = Whose::All(list);
    Ok(connection(found, TaskTotals { whose }, Task::from))
}

/// A page of one user's tasks. The same page of other users is read in the same statement.
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
    let asked = PageOfTasks { of: of.clone(), page };
    let found = ctx.loaders().load::<PageOfUser>((user, Arc::new(asked))).await?;
    let whose = Whose::User(user, of);
    let found = found.transpose()?.unwrap_or_default();
    Ok(connection(found, TaskTotals { whose }, Task::from))
}

/// The most steps of an order: more would make the condition of a page long for nothing.
const MAX_ORDER_STEPS: usize = 5;

/// The list of these arguments.
pub(in crate::graphql) fn task_list(
    filter: Option<Box<TaskFilter>>,
    order_by: Option<Vec<TaskOrder>>,
) -> domain::error::Result<TaskList> {
    let steps = order_by.unwrap_or_default();
    if steps.len() > MAX_ORDER_STEPS {
        return Err(domain::error::Error::BadInput {
            field: "orderBy",
            message: format!("orderBy has {} steps; up to {MAX_ORDER_STEPS} are allowed", steps.len()),
        });
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

/// Which page of which of a user's tasks.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PageOfTasks {
    of: TasksOf,
    page: PageRequest,
}

/// Pages of tasks by user, as far as the actor sees them.
struct PageOfUser;

impl Batch for PageOfUser {
    type Key = (UserId, Arc<PageOfTasks>);
    type Value = domain::error::Result<Page<domain::task::Task>>;

    const NAME: &'static str = "tasks_of_users";

    async fn load(LoaderContext { domain, actor }: &LoaderContext, keys: &[Self::Key]) -> Loaded<Self> {
        let load = |users: Vec<UserId>, asked: Arc<PageOfTasks>| async move {
            let tasks = domain.tasks();
            tasks.lists_of_users(actor, &users, &asked.of, &asked.page).await
        };
        Ok(load_by_arguments(keys, load).await)
    }
}

/// Numbers of tasks by user, as far as the actor sees them.
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
