//! Counts that one server remembers for itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Statistics;
use super::cache::{News, Turn, is_fresh, is_valid};
use crate::domain::clock::Timestamp;
use crate::domain::event::Place;
use crate::domain::local_time::LocalNow;
use crate::domain::policy::Reach;

/// So many counts are remembered at most: some 10 MB with the tags of busy users.
const MAX_SLOTS: usize = 10_000;

/// A place for counts.
#[derive(Debug)]
struct Slot {
    /// Tells this place from an earlier one of the same user.
    number: u64,
    /// The log was settled up to here before what is in it was counted, or before it was opened.
    since: Place,
    opened_at: Timestamp,
    counted: Option<(LocalNow, Statistics)>,
}

#[derive(Debug, Default)]
struct Slots {
    last_number: u64,
    of: HashMap<Reach, Slot>,
}

/// Counts that one server remembers for itself.
#[derive(Debug)]
pub(super) struct Memory {
    life: Duration,
    slots: Mutex<Slots>,
}

impl Memory {
    pub(super) fn new(life: Duration) -> Self {
        Self {
            life,
            slots: Mutex::default(),
        }
    }

    fn slots(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, whose: Reach, now: LocalNow) -> Option<Statistics> {
        let slots = self.slots();
        let (counted_at, statistics) = slots.of.get(&whose)?.counted.as_ref()?;
        is_valid(*counted_at, now, self.life).then(|| statistics.clone())
    }

    /// Opens a place, or finds the one that is open.
    pub(super) fn begin(&self, whose: Reach, since: Place, now: Timestamp) -> String {
        let mut slots = self.slots();
        if slots.of.len() >= MAX_SLOTS && !slots.of.contains_key(&whose) {
            slots.of.retain(|_, slot| is_fresh(slot.opened_at, now, self.life));
            if slots.of.len() >= MAX_SLOTS {
                slots.of.clear();
            }
        }
        slots.last_number += 1;
        let number = slots.last_number;
        let slot = slots.of.entry(whose).or_insert(Slot {
            number,
            since,
            opened_at: now,
            counted: None,
        });
        slot.number.to_string()
    }

    /// Fills a place if it is still the one of the turn, and not filled by a later one.
    pub(super) fn keep(&self, turn: &Turn, statistics: &Statistics, counted_at: LocalNow) {
        if let Some(slot) = self.slots().of.get_mut(&turn.whose)
            && slot.number.to_string() == turn.token
            && slot.since <= turn.since
        {
            slot.since = turn.since;
            slot.opened_at = counted_at.moment;
            slot.counted = Some((counted_at, statistics.clone()));
        }
    }

    pub(super) fn forget(&self, whose: &[Reach]) {
        let mut slots = self.slots();
        for one in whose {
            slots.of.remove(one);
        }
    }

    pub(super) fn hear(&self, news: &News) {
        let mut slots = self.slots();
        for (whose, place) in news {
            if slots.of.get(whose).is_some_and(|slot| slot.since <= *place) {
                slots.of.remove(whose);
            }
        }
    }

    pub(super) fn clear(&self) {
        self.slots().of.clear();
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::domain::id::UserId;
    use crate::domain::local_time::DEFAULT_TIME_ZONE;

    const LIFE: Duration = Duration::from_mins(1);
    const ANN: Reach = Reach::Of(UserId(1));

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    fn now(second: i64) -> LocalNow {
        LocalNow::at(at(second), DEFAULT_TIME_ZONE)
    }

    fn place(id: i64) -> Place {
        Place { transaction_id: 0, id }
    }

    fn counts(total: u64) -> Statistics {
        Statistics {
            total,
            ..Statistics::default()
        }
    }

    fn begin(memory: &Memory, since: i64) -> Turn {
        Turn {
            whose: ANN,
            token: memory.begin(ANN, place(since), at(0)),
            since: place(since),
        }
    }

    fn total(memory: &Memory, second: i64) -> Option<u64> {
        memory.find(ANN, now(second)).map(|statistics| statistics.total)
    }

    #[test]
    fn what_was_counted_is_shown_for_its_time() {
        let memory = Memory::new(LIFE);
        let turn = begin(&memory, 5);
        memory.keep(&turn, &counts(3), now(0));
        assert_eq!((total(&memory, 0), total(&memory, 59)), (Some(3), Some(3)));
        assert_eq!((total(&memory, 60), total(&memory, -1)), (None, None));
        // It was the evening of the 14th in UTC, and the 15th in the east.
        let elsewhere = LocalNow::at(at(0), "Pacific/Auckland".parse().unwrap());
        assert_ne!(elsewhere.today, now(0).today);
        assert_eq!(memory.find(ANN, elsewhere), None);
        assert_eq!(memory.find(Reach::Everything, now(0)), None);
    }

    #[test]
    fn what_was_counted_before_a_change_is_not_kept_after_it() {
        let memory = Memory::new(LIFE);
        let early = begin(&memory, 5);
        memory.forget(&[ANN]);
        let late = begin(&memory, 5);
        memory.keep(&early, &counts(1), now(0));
        assert_eq!(total(&memory, 0), None);
        memory.keep(&late, &counts(2), now(0));
        assert_eq!(total(&memory, 0), Some(2));
    }

    #[test]
    fn the_log_takes_away_only_what_may_not_have_seen_its_news() {
        let memory = Memory::new(LIFE);
        let turn = begin(&memory, 5);
        memory.keep(&turn, &counts(3), now(0));
        memory.hear(&News::from([(ANN, place(4))]));
        assert_eq!(total(&memory, 0), Some(3));
        memory.hear(&News::from([(Reach::Everything, place(9))]));
        assert_eq!(total(&memory, 0), Some(3));
        memory.hear(&News::from([(ANN, place(5))]));
        assert_eq!(total(&memory, 0), None);
        // Counting that was under way meanwhile is too late.
        memory.keep(&turn, &counts(3), now(0));
        assert_eq!(total(&memory, 0), None);
    }

    #[test]
    fn what_was_counted_later_is_not_replaced_by_what_was_counted_before() {
        let memory = Memory::new(LIFE);
        let (early, late) = (begin(&memory, 5), begin(&memory, 8));
        memory.keep(&late, &counts(2), now(0));
        memory.keep(&early, &counts(1), now(0));
        assert_eq!(total(&memory, 0), Some(2));
        // It had seen this.
        memory.hear(&News::from([(ANN, place(7))]));
        assert_eq!(total(&memory, 0), Some(2));
    }

    #[test]
    fn room_is_bounded() {
        let memory = Memory::new(LIFE);
        for user in 0..=2 * i32::try_from(MAX_SLOTS).unwrap() {
            memory.begin(Reach::Of(UserId(user)), place(1), at(0));
        }
        assert!(memory.slots().of.len() <= MAX_SLOTS);
    }
}
