//! Statistics of tasks.

use async_graphql::{Context, Object, SimpleObject};

use super::task::{TaskFilter, task_list};
use crate::domain;
use crate::domain::statistics::Statistics;
use crate::graphql::context::ContextExt as _;
use crate::graphql::error::Result;
use crate::graphql::guard::SignedIn;
use crate::graphql::scalar::{TaskPriority, TaskStatus};

/// Number of tasks with one status.
#[derive(Debug, SimpleObject)]
struct StatusCount {
    /// Workflow status of the counted tasks.
    status: TaskStatus,
    /// Number of tasks with this status.
    count: u64,
}

/// Number of tasks with one priority.
#[derive(Debug, SimpleObject)]
struct PriorityCount {
    /// Priority of the counted tasks.
    priority: TaskPriority,
    /// Number of tasks with this priority.
    count: u64,
}

/// Number of tasks with one tag.
#[derive(Debug, SimpleObject)]
struct TagCount {
    /// Name of the tag, in lower case.
    tag: String,
    /// Number of tasks with this tag.
    count: u64,
}

/// Statistics of the tasks that are visible to you and match the filter.
#[derive(Debug, SimpleObject)]
struct TaskStatistics {
    /// Number of all tasks.
    total: u64,
    /// Number of tasks that are `DONE`.
    completed: u64,
    /// `completed` divided by `total`, from 0 to 1. 0 if there are no tasks.
    completion_rate: f64,
    /// Number of tasks that are `TODO` or `IN_PROGRESS` and past their due date or due day.
    overdue: u64,
    /// Number of tasks by status, for every status in workflow order.
    by_status: Vec<StatusCount>,
    /// Number of tasks by priority, for every priority from `LOW` to `URGENT`.
    by_priority: Vec<PriorityCount>,
    /// Number of tasks by tag, most used first, up to 100 tags.
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

/// Queries for statistics.
#[derive(Debug, Default)]
pub struct StatisticsQuery;

#[Object]
impl StatisticsQuery {
    /// Statistics of the tasks that are visible to you, without the trash unless `filter` includes it. Without a
    /// filter, `overdue` may be up to `STATISTICS_CACHE_SECONDS` (60 s) old; the other counts are current.
    #[graphql(guard = "SignedIn")]
    async fn task_statistics(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Conditions that the tasks must meet, as in `tasks`. Default: all tasks outside the trash.")]
        filter: Option<Box<TaskFilter>>,
    ) -> Option<Result<TaskStatistics>> {
        // Boxed: for each field, the library moves a future as large as that of the largest field of `Query`.
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
