//! Counts as Redis holds them.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Statistics;
use crate::domain::clock::Timestamp;
use crate::domain::local_time::LocalNow;
use crate::domain::task::Priority;
use crate::domain::workflow::Status;

/// Counts with the moment at which they were made.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    counted_at: Timestamp,
    /// The day of who counted.
    today: NaiveDate,
    total: u64,
    by_status: Vec<(String, u64)>,
    by_priority: Vec<(String, u64)>,
    overdue: u64,
    tags: Vec<(String, u64)>,
}

impl Record {
    pub(super) fn new(statistics: &Statistics, counted_at: LocalNow) -> Self {
        let (by_status, by_priority) = (&statistics.by_status, &statistics.by_priority);
        Self {
            counted_at: counted_at.moment,
            today: counted_at.today,
            total: statistics.total,
            by_status: named(by_status, Status::as_str),
            by_priority: named(by_priority, Priority::as_str),
            overdue: statistics.overdue,
            tags: statistics.tags.clone(),
        }
    }

    /// When they were counted.
    pub(super) fn counted_at(&self) -> LocalNow {
        LocalNow {
            moment: self.counted_at,
            today: self.today,
        }
    }

    /// The counts; none where a server of another version has written what this one does not know.
    pub(super) fn into_statistics(self) -> Option<Statistics> {
        Some(Statistics {
            total: self.total,
            by_status: known(self.by_status, &Status::ALL, Status::as_str)?,
            by_priority: known(self.by_priority, &Priority::ALL, Priority::as_str)?,
            overdue: self.overdue,
            tags: self.tags,
        })
    }
}

fn named<T: Copy>(counts: &[(T, u64)], name: fn(T) -> &'static str) -> Vec<(String, u64)> {
    counts
        .iter()
        .map(|(one, count)| (name(*one).to_owned(), *count))
        .collect()
}

fn known<T: Copy>(counts: Vec<(String, u64)>, all: &[T], name: fn(T) -> &'static str) -> Option<Vec<(T, u64)>> {
    counts
        .into_iter()
        .map(|(text, count)| Some((*all.iter().find(|one| name(**one) == text)?, count)))
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::local_time::DEFAULT_TIME_ZONE;

    #[test]
    fn counts_come_back_as_they_were() {
        let statistics = Statistics {
            total: 3,
            by_status: vec![(Status::Done, 2), (Status::Todo, 1)],
            by_priority: vec![(Priority::High, 3)],
            overdue: 1,
            tags: vec![("x".to_owned(), 2)],
        };
        let counted_at = LocalNow::at(
            DateTime::from_timestamp(1_700_000_000, 5_000).unwrap(),
            DEFAULT_TIME_ZONE,
        );
        let text = serde_json::to_string(&Record::new(&statistics, counted_at)).unwrap();
        let record: Record = serde_json::from_str(&text).unwrap();
        assert_eq!(record.counted_at(), counted_at);
        assert_eq!(record.into_statistics(), Some(statistics));
        let unknown: Record = serde_json::from_str(&text.replace("done", "blocked")).unwrap();
        assert_eq!(unknown.into_statistics(), None);
    }
}
