//! Counts over tasks.

use std::collections::BTreeMap;

use axum::http::HeaderName;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::Route;
use super::error::Result;
use super::extract::Asker;
use crate::domain::statistics::Statistics;
use crate::domain::task::Priority;
use crate::domain::task::workflow::Status;
use crate::http::json::Json;

/// Whether counts were remembered (`HIT`) or counted now (`MISS`).
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Counts over the tasks that the asker may see.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskStatistics)]
pub(super) struct StatisticsBody {
    /// All of them.
    #[schema(example = 4)]
    total: u64,
    /// Those that are `done`.
    #[schema(example = 1)]
    completed: u64,
    /// From 0 to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.25)]
    completion_rate: f64,
    /// Those that should have been done by now.
    #[schema(example = 1)]
    overdue: u64,
    /// How many there are of each status.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"todo": 3, "done": 1}))]
    by_status: BTreeMap<&'static str, u64>,
    /// How many there are of each priority.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"medium": 3, "high": 1}))]
    by_priority: BTreeMap<&'static str, u64>,
    /// The most used first.
    tags: Vec<TagCount>,
    /// How many there are of each tag.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"work": 2}))]
    by_tag: BTreeMap<String, u64>,
    /// Those that are not `done`.
    #[schema(example = 3)]
    incomplete: u64,
    /// As `total`: the names of one of the older APIs begin here.
    #[schema(example = 4)]
    total_tasks: u64,
    /// As `completed`.
    #[schema(example = 1)]
    completed_tasks: u64,
    /// Those that are `todo`.
    #[schema(example = 3)]
    pending_tasks: u64,
    /// Those that are `in_progress`.
    #[schema(example = 0)]
    in_progress_tasks: u64,
    /// Those of the priority `high`.
    #[schema(example = 1)]
    high_priority_tasks: u64,
    /// Those of the priority `urgent`.
    #[schema(example = 0)]
    urgent_tasks: u64,
}

/// How many tasks have a tag.
#[derive(Serialize, ToSchema)]
struct TagCount {
    /// The tag.
    #[schema(example = "work")]
    tag: String,
    /// How many tasks have it.
    #[schema(example = 2)]
    count: u64,
}

impl From<Statistics> for StatisticsBody {
    fn from(statistics: Statistics) -> Self {
        let completed = statistics.completed();
        let by_status = statistics
            .by_status
            .iter()
            .map(|(status, count)| (status.as_str(), *count));
        let by_priority = statistics
            .by_priority
            .iter()
            .map(|(name, count)| (name.as_str(), *count));
        let (by_status, by_priority): (BTreeMap<_, _>, BTreeMap<_, _>) = (by_status.collect(), by_priority.collect());
        let of = |status: Status| by_status.get(status.as_str()).copied().unwrap_or_default();
        let of_priority = |priority: Priority| by_priority.get(priority.as_str()).copied().unwrap_or_default();
        let tags = statistics.tags.iter().cloned();
        Self {
            total: statistics.total,
            completed,
            completion_rate: statistics.completion_rate(),
            overdue: statistics.overdue,
            tags: tags.clone().map(|(tag, count)| TagCount { tag, count }).collect(),
            by_tag: tags.collect(),
            incomplete: statistics.total - completed,
            total_tasks: statistics.total,
            completed_tasks: completed,
            pending_tasks: of(Status::Todo),
            in_progress_tasks: of(Status::InProgress),
            high_priority_tasks: of_priority(Priority::High),
            urgent_tasks: of_priority(Priority::Urgent),
            by_status,
            by_priority,
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(get)),
        Route::of(routes!(get)).at("/tasks/stats", "getTaskStats"),
    ]
}

/// Count tasks
///
/// Those that the asker may see. `/tasks/stats` answers the same.
#[utoipa::path(get, path = "/tasks/statistics", tag = "tasks", operation_id = "getTaskStatistics",
    responses((status = 200, description = "The counts", body = StatisticsBody,
        headers(("X-Cache" = String, description = "`HIT` if they were remembered, `MISS` if they were counted now")))))]
pub(super) async fn get(Asker(app, actor): Asker) -> Result<([(HeaderName, &'static str); 1], Json<StatisticsBody>)> {
    let counted = app.domain().tasks().statistics(&actor).await?;
    let source = if counted.is_cached { "HIT" } else { "MISS" };
    Ok(([(CACHE, source)], Json(counted.statistics.into())))
}
