//! Counts over tasks in GraphQL.

use async_graphql::{Context, Object, SimpleObject};

use super::task::{TaskFilter, task_list};
use crate::domain;
use crate::domain::statistics::Statistics;
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::scalar::{TaskPriority, TaskStatus};

/// How many tasks have one status.
#[derive(Debug, SimpleObject)]
struct StatusCount {
    /// Workflow status that is counted.
    status: TaskStatus,
    /// How many tasks have it.
    count: u64,
}

/// How many tasks have one priority.
#[derive(Debug, SimpleObject)]
struct PriorityCount {
    /// Priority that is counted.
    priority: TaskPriority,
    /// How many tasks have it.
    count: u64,
}

/// How many tasks have one tag.
#[derive(Debug, SimpleObject)]
struct TagCount {
    /// Name of the tag that is counted.
    tag: String,
    /// How many tasks have it.
    count: u64,
}

/// Counts over the tasks that you may see, without the trash.
#[derive(Debug, SimpleObject)]
struct TaskStatistics {
    /// How many tasks there are.
    total: u64,
    /// How many are done.
    completed: u64,
    /// Which part of all tasks is done, from 0 to 1; 0 without tasks.
    completion_rate: f64,
    /// How many are past their due date and still open.
    overdue: u64,
    /// By status; every status is listed.
    by_status: Vec<StatusCount>,
    /// By priority; every priority is listed.
    by_priority: Vec<PriorityCount>,
    /// By tag, the most used first, up to 100.
    tags: Vec<TagCount>,
}

impl From<Statistics> for TaskStatistics {
    fn from(statistics: Statistics) -> Self {
        let status_count = |(status, count): (domain::task::workflow::Status, u64)| StatusCount {
            status: status.into(),
            count,
        };
        let priority_count = |(priority, count): (domain::task::Priority, u64)| PriorityCount {
            priority: priority.into(),
            count,
        };
        Self {
            total: statistics.total,
            completed: statistics.completed(),
            completion_rate: statistics.completion_rate(),
            overdue: statistics.overdue,
            by_status: statistics.by_status.into_iter().map(status_count).collect(),
            by_priority: statistics.by_priority.into_iter().map(priority_count).collect(),
            tags: statistics
                .tags
                .into_iter()
                .map(|(tag, count)| TagCount { tag, count })
                .collect(),
        }
    }
}

/// What can be counted.
#[derive(Debug, Default)]
pub struct StatisticsQuery;

#[Object]
impl StatisticsQuery {
    /// Counts over the tasks that you may see, without the trash. Without a filter `overdue` may be up to
    /// `STATISTICS_CACHE_SECONDS` (60 s) old; the other counts are current.
    #[graphql(guard = "SignedIn")]
    async fn task_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which of them, as in `tasks`; all when left out.")] filter: Option<Box<TaskFilter>>,
    ) -> Option<Result<TaskStatistics>> {
        // On the heap: the library moves a future as large as the largest field of `Query` for each of its fields.
        Some(Box::pin(count(ctx, filter)).await)
    }
}

async fn count(ctx: &Context<'_>, filter: Option<Box<TaskFilter>>) -> Result<TaskStatistics> {
    let tasks = ctx.domain().tasks();
    let Some(filter) = filter else {
        return Ok(tasks.statistics(ctx.actor()).await?.statistics.into());
    };
    let list = task_list(Some(filter), None)?;
    let with_tags = ctx.look_ahead().field("tags").exists();
    Ok(tasks.statistics_of(ctx.actor(), &list, with_tags).await?.into())
}
