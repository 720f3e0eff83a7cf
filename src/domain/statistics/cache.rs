//! Cache of statistics, valid until the event log changes.
//!
//! Every change of a task appends to the log in the same transaction. Statistics are valid while the log is in the
//! state that was read before counting, so no server has to invalidate entries.

use std::sync::Arc;
use std::time::Duration;

use moka::sync;

use super::Statistics;
use crate::domain::clock::Timestamp;
use crate::domain::event::LogState;
use crate::domain::local_time::LocalNow;
use crate::domain::policy::Visibility;
use crate::telemetry::metric::LookUps;

/// Maximum number of entries: about 10 MB with the tags of busy users.
const MAX_ENTRIES: u64 = 10_000;

/// Statistics by the visibility of the actor.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Maximum age; zero disables the cache.
    life: Duration,
    entries: sync::Cache<Visibility, Arc<Entry>>,
    look_ups: LookUps,
}

#[derive(Debug)]
struct Entry {
    /// Read before the tasks were counted.
    log: LogState,
    counted_at: LocalNow,
    statistics: Statistics,
}

impl Cache {
    pub(crate) fn new(life: Duration) -> Self {
        Self {
            life,
            entries: sync::Cache::new(MAX_ENTRIES),
            look_ups: LookUps::of("statistics"),
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        !self.life.is_zero()
    }

    /// The statistics, if the log is unchanged and they are fresh. Overdue tasks depend on the day, which differs
    /// between time zones.
    pub(crate) fn find(&self, whose: Visibility, log: &LogState, now: LocalNow) -> Option<Statistics> {
        let entry = self.entries.get(&whose).filter(|entry| {
            let is_today = entry.counted_at.today == now.today;
            entry.log == *log && is_today && is_fresh(entry.counted_at.moment, now.moment, self.life)
        });
        self.look_ups.count(entry.is_some());
        entry.map(|entry| entry.statistics.clone())
    }

    /// Stores statistics that were counted after the log was in this state.
    pub(crate) fn keep(&self, whose: Visibility, log: LogState, counted_at: LocalNow, statistics: &Statistics) {
        let entry = Entry {
            log,
            counted_at,
            statistics: statistics.clone(),
        };
        self.entries.insert(whose, Arc::new(entry));
    }
}

/// Whether the moment is less than `life` ago. A moment in the future is not: the clock was set back.
fn is_fresh(counted_at: Timestamp, now: Timestamp, life: Duration) -> bool {
    (now - counted_at).to_std().is_ok_and(|age| age < life)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::event::EventCursor;
    use crate::domain::id::UserId;
    use crate::domain::local_time::DEFAULT_TIME_ZONE;

    const ANN: Visibility = Visibility::Of(UserId(1));

    fn now(second: i64) -> LocalNow {
        let moment = DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap();
        LocalNow::at(moment, DEFAULT_TIME_ZONE)
    }

    fn log(id: i64, unsettled: i64) -> LogState {
        let cursor = EventCursor {
            log: "log".to_owned(),
            transaction_id: 0,
            id,
        };
        LogState {
            head: cursor,
            unsettled,
        }
    }

    fn cache() -> Cache {
        let cache = Cache::new(Duration::from_mins(1));
        let statistics = Statistics {
            total: 3,
            ..Statistics::default()
        };
        cache.keep(ANN, log(5, 0), now(0), &statistics);
        cache
    }

    fn total(cache: &Cache, log: &LogState, now: LocalNow) -> Option<u64> {
        cache.find(ANN, log, now).map(|statistics| statistics.total)
    }

    #[test]
    fn statistics_are_found_for_their_time_and_day() {
        let cache = cache();
        for (second, found) in [(0, Some(3)), (59, Some(3)), (60, None), (-1, None)] {
            assert_eq!(total(&cache, &log(5, 0), now(second)), found, "{second}");
        }
        // It was the evening of the 14th in UTC, and the 15th in Auckland.
        let elsewhere = LocalNow::at(now(0).moment, "Pacific/Auckland".parse().unwrap());
        assert_ne!(elsewhere.today, now(0).today);
        assert_eq!(total(&cache, &log(5, 0), elsewhere), None);
        assert_eq!(cache.find(Visibility::Everything, &log(5, 0), now(0)), None);
    }

    #[test]
    fn statistics_are_not_found_after_the_log_changed() {
        let cache = cache();
        assert_eq!(total(&cache, &log(6, 0), now(0)), None);
        assert_eq!(total(&cache, &log(5, 1), now(0)), None);
        let mut restored = log(5, 0);
        restored.head.log = "another".to_owned();
        assert_eq!(total(&cache, &restored, now(0)), None);
    }
}
