//! Counts over tasks.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderName;
use serde::Serialize;

use super::error::Result;
use super::extract::Asker;
use crate::app::App;
use crate::domain::statistics::Statistics;

/// Whether counts were remembered (`HIT`) or counted now (`MISS`).
pub(crate) const CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Counts over the tasks that the asker may see.
#[derive(Serialize)]
pub(super) struct StatisticsBody {
    total: u64,
    completed: u64,
    /// From 0 to 1.
    completion_rate: f64,
    overdue: u64,
    by_status: BTreeMap<&'static str, u64>,
    by_priority: BTreeMap<&'static str, u64>,
    /// The most used first.
    tags: Vec<TagCount>,
}

/// How many tasks have a tag.
#[derive(Serialize)]
struct TagCount {
    tag: String,
    count: u64,
}

impl From<Statistics> for StatisticsBody {
    fn from(statistics: Statistics) -> Self {
        Self {
            total: statistics.total,
            completed: statistics.completed(),
            completion_rate: statistics.completion_rate(),
            overdue: statistics.overdue,
            by_status: statistics
                .by_status
                .into_iter()
                .map(|(status, count)| (status.as_str(), count))
                .collect(),
            by_priority: statistics
                .by_priority
                .into_iter()
                .map(|(name, count)| (name.as_str(), count))
                .collect(),
            tags: statistics
                .tags
                .into_iter()
                .map(|(tag, count)| TagCount { tag, count })
                .collect(),
        }
    }
}

pub(super) async fn get(
    State(app): State<App>,
    Asker(actor): Asker,
) -> Result<([(HeaderName, &'static str); 1], Json<StatisticsBody>)> {
    let counted = app.domain().tasks().statistics(&actor).await?;
    let source = if counted.was_remembered { "HIT" } else { "MISS" };
    Ok(([(CACHE, source)], Json(counted.statistics.into())))
}
