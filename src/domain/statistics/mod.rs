//! Counts over tasks, and the cache of them.

mod cache;

pub(crate) use self::cache::Cache;

use super::task::Priority;
use super::task::workflow::Status;

/// Counts, and whether they were cached.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    /// The counts.
    pub statistics: Statistics,
    /// Whether they come from the cache.
    pub is_cached: bool,
}

/// Counts over the tasks that somebody may see, without the trash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Statistics {
    /// How many tasks there are.
    pub total: u64,
    /// How many of each status; every status is listed.
    pub by_status: Vec<(Status, u64)>,
    /// How many of each priority; every priority is listed.
    pub by_priority: Vec<(Priority, u64)>,
    /// How many are past their due date and still open.
    pub overdue: u64,
    /// How many tasks have each tag, the most used first.
    pub tags: Vec<(String, u64)>,
}

impl Statistics {
    /// How many are done.
    #[must_use]
    pub fn completed(&self) -> u64 {
        self.by_status
            .iter()
            .find(|(status, _)| *status == Status::Done)
            .map_or(0, |(_, count)| *count)
    }

    /// Which part of all tasks is done, from 0 to 1; 0 without tasks.
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
