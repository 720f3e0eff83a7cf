//! Task statistics.

use std::collections::BTreeMap;

use axum::http::HeaderName;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Route;
use super::error::Result;
use super::extract::SignedIn;
use crate::domain::statistics::Statistics;
use crate::domain::task::Priority;
use crate::domain::task::workflow::Status;
use crate::http::json::Json;

/// `HIT` for cached counts, `MISS` for new ones.
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Counts of the tasks that the caller can see.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskStatistics)]
pub(super) struct StatisticsBody {
    /// Number of tasks.
    #[schema(example = 4)]
    total: u64,
    /// Number of tasks that are `done`.
    #[schema(example = 1)]
    completed: u64,
    /// Share of tasks that are `done`, from 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.25)]
    completion_rate: f64,
    /// Number of overdue tasks.
    #[schema(example = 1)]
    overdue: u64,
    /// Number of tasks by status.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"todo": 3, "done": 1}))]
    by_status: BTreeMap<&'static str, u64>,
    /// Number of tasks by priority.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"medium": 3, "high": 1}))]
    by_priority: BTreeMap<&'static str, u64>,
    /// Number of tasks by tag, most used first.
    tags: Vec<TagCount>,
    /// Number of tasks by tag.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"work": 2}))]
    by_tag: BTreeMap<String, u64>,
    /// Number of tasks that are not `done`.
    #[schema(example = 3)]
    incomplete: u64,
    /// Same value as `total`, for clients of an older API.
    #[schema(example = 4)]
    total_tasks: u64,
    /// Same value as `completed`.
    #[schema(example = 1)]
    completed_tasks: u64,
    /// Number of tasks that are `todo`.
    #[schema(example = 3)]
    pending_tasks: u64,
    /// Number of tasks that are `in_progress`.
    #[schema(example = 0)]
    in_progress_tasks: u64,
    /// Number of tasks with the priority `high`.
    #[schema(example = 1)]
    high_priority_tasks: u64,
    /// Number of tasks with the priority `urgent`.
    #[schema(example = 0)]
    urgent_tasks: u64,
}

/// Number of tasks with a tag.
#[derive(Serialize, ToSchema)]
struct TagCount {
    /// Tag name.
    #[schema(example = "work")]
    tag: String,
    /// Number of tasks with this tag.
    #[schema(example = 2)]
    count: u64,
}

impl From<Statistics> for StatisticsBody {
    fn from(statistics: Statistics) -> Self {
        let (total, completed) = (statistics.total, statistics.completed());
        let by_status = by_name(&statistics.by_status, Status::as_str);
        let by_priority = by_name(&statistics.by_priority, Priority::as_str);
        let of = |counts: &BTreeMap<&str, u64>, name: &str| counts.get(name).copied().unwrap_or_default();
        let tags = statistics.tags.iter().cloned();
        Self {
            total,
            completed,
            completion_rate: statistics.completion_rate(),
            overdue: statistics.overdue,
            tags: tags.clone().map(|(tag, count)| TagCount { tag, count }).collect(),
            by_tag: tags.collect(),
            incomplete: total - completed,
            total_tasks: total,
            completed_tasks: completed,
            pending_tasks: of(&by_status, Status::Todo.as_str()),
            in_progress_tasks: of(&by_status, Status::InProgress.as_str()),
            high_priority_tasks: of(&by_priority, Priority::High.as_str()),
            urgent_tasks: of(&by_priority, Priority::Urgent.as_str()),
            by_status,
            by_priority,
        }
    }
}

fn by_name<K: Copy>(counts: &[(K, u64)], name: fn(K) -> &'static str) -> BTreeMap<&'static str, u64> {
    counts.iter().map(|(key, count)| (name(*key), *count)).collect()
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(get)),
        Route::of(routes!(get)).at("/tasks/stats", "getTaskStats"),
    ]
}

/// Count tasks
///
/// Counts the tasks that the caller can see. `/tasks/stats` returns the same.
#[utoipa::path(get, path = "/tasks/statistics", operation_id = "getTaskStatistics",
    responses((status = 200, description = "The counts", body = StatisticsBody,
        headers(("X-Cache" = String, description = "`HIT` for cached counts, `MISS` for new ones")))))]
pub(super) async fn get(
    SignedIn(app, actor): SignedIn,
) -> Result<([(HeaderName, &'static str); 1], Json<StatisticsBody>)> {
    let counted = app.domain().tasks().statistics(&actor).await?;
    let source = if counted.is_cached { "HIT" } else { "MISS" };
    Ok(([(CACHE, source)], Json(counted.statistics.into())))
}
