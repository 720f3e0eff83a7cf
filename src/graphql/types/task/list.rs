//! Lists of tasks in GraphQL: their order, their totals, and whose they are.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Lookahead, Object, SelectionField};

use super::{Task, TaskFilter};
use crate::domain;
use crate::domain::id::UserId;
use crate::domain::task::{Detail, NEWEST_FIRST, Participation, TaskList, TaskSort, TasksOf};
use crate::graphql::connection::{Connection, PageArguments, connection};
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::loader::PageOfTasks;
use crate::graphql::row::FieldByField;
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
                let count = ctx
                    .loaders()
                    .task_counts_of_users()
                    .load_one((*user, of.clone()))
                    .await?;
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
    let (tasks, selected) = (ctx.domain().tasks(), rows_of(ctx));
    let list = task_list(filter, order_by, detail_of(ctx, &selected))?;
    let found = if !names_suffice(&selected) {
        tasks.list(ctx.actor(), &list, &page).await?.map(Task::from)
    } else if selected.iter().any(|task| task.field("tags").exists()) {
        tasks.list_in_full(ctx.actor(), &list, &page).await?.map(Task::from)
    } else {
        let found = tasks.list_with_people(ctx.actor(), &list, &page).await?;
        found.map(Task::from)
    };
    let whose = Whose::All(list);
    Ok(connection(found, TaskTotals { whose }, Task::from))
}

/// What is selected of the rows of a connection.
fn rows_of<'a>(ctx: &'a Context<'_>) -> [Lookahead<'a>; 2] {
    let look = ctx.look_ahead();
    [look.field("nodes"), look.field("edges").field("node")]
}

/// How much of these tasks has to be read. What the ways of rows are compared with reads all of it, to see that nothing
/// is missed.
fn detail_of(ctx: &Context<'_>, tasks: &[Lookahead<'_>]) -> Detail {
    let is_described = tasks.iter().any(|task| task.field("description").exists());
    if is_described || ctx.data_opt::<FieldByField>().is_some() {
        Detail::Whole
    } else {
        Detail::Brief
    }
}

/// Whether owners or assignees are selected of these tasks, and nothing of them but their names, which can be read
/// with the tasks.
pub(super) fn names_suffice(tasks: &[Lookahead<'_>]) -> bool {
    const NAMES: [&str; 6] = ["id", "databaseId", "username", "fullName", "displayName", "__typename"];
    let people = tasks
        .iter()
        .flat_map(|tasks| ["owner", "assignee"].map(|field| tasks.field(field)));
    let people: Vec<_> = people.flat_map(|people| people.selection_fields()).collect();
    let mut selected = people.iter().flat_map(SelectionField::selection_set);
    !people.is_empty() && selected.all(|field| NAMES.contains(&field.name()))
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
    let selected = rows_of(ctx);
    let list = task_list(filter, order_by, detail_of(ctx, &selected))?;
    let of = TasksOf { part, list };
    let asked = PageOfTasks {
        of: of.clone(),
        page,
        with_people: names_suffice(&selected),
    };
    let found = ctx.loaders().tasks_of_users().load_one((user, Arc::new(asked))).await?;
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
    detail: Detail,
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
        detail,
    })
}
