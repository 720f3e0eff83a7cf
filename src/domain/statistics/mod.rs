//! Statistics of tasks, and their cache.

mod cache;

pub(crate) use self::cache::Cache;

use super::task::Priority;
use super::task::workflow::Status;

/// Statistics, and whether they were cached.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The statistics.
    pub statistics: Statistics,
    /// Whether they come from the cache.
    pub is_cached: bool,
}

/// Statistics of the tasks that an actor sees, without the trash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Number of tasks.
    pub total: u64,
    /// Number of tasks per status; every status is listed.
    pub by_status: Vec<(Status, u64)>,
    /// Number of tasks per priority; every priority is listed.
    pub by_priority: Vec<(Priority, u64)>,
    /// Number of open tasks past their due date.
    pub overdue: u64,
    /// Number of tasks per tag, the most used first.
    pub tags: Vec<(String, u64)>,
}

impl Statistics {
    /// Number of tasks that are done.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.by_status
            .iter()
            .find(|(status, _)| *status == Status::Done)
            .map_or(0, |(_, count)| *count)
    }

    /// Share of tasks that are done, from 0 to 1; 0 without tasks.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 52 bits")]
    pub fn completion_rate(&self) -> f64 {
        if self.total == 0 {
            0.0
        } else {
            self.completed() as f64 / self.total as f64
        }
    }
}
