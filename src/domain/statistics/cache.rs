//! Counts that are remembered while they are true.
//!
//! Nobody may read counts from before a change that they know of. So a place for counts is opened before the tasks
//! are counted, and a change takes it away; counts that come too late find their place gone. Whoever changes tasks
//! does so after the commit and before they answer. Where that fails, because they died or Redis was away, every
//! server hears of the change from the event log, a poll (1 s) later at most, and takes away what was opened before
//! the log had reached the change.
//!
//! A server that cannot tell Redis of a change leaves it alone until everything in it is out of date.
//!
//! Without a Redis each server remembers for itself, and a change on another one is heard from the log.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::Statistics;
use super::memory::Memory;
use super::shared::Shared;
use crate::domain::clock::Timestamp;
use crate::domain::event::{LoggedEvent, Place};
use crate::domain::id::UserId;
use crate::domain::local_time::LocalNow;
use crate::domain::policy::Reach;
use crate::meter::LookUps;
use crate::redis::Redis;

/// Counts that are remembered, by whose tasks they are about.
#[derive(Debug)]
pub(crate) struct Cache {
    /// For how long; zero for never.
    life: Duration,
    memory: Memory,
    shared: OnceLock<Shared>,
    /// Whether anybody has asked for counts here. Until then the log tells nothing that matters.
    is_used: AtomicBool,
    look_ups: LookUps,
}

/// The right to fill a place, until something changes.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(super) whose: Reach,
    pub(super) token: String,
    /// The log was settled up to here when it began.
    pub(super) since: Place,
}

/// Whose tasks have changed, and where in the log they did last.
pub(crate) type News = HashMap<Reach, Place>;

impl Cache {
    /// Remembers for so long; not at all if that is zero.
    pub(crate) fn new(life: Duration) -> Self {
        Self {
            life,
            memory: Memory::new(life),
            shared: OnceLock::new(),
            is_used: AtomicBool::new(false),
            look_ups: LookUps::of("statistics"),
        }
    }

    /// From now on in Redis.
    pub(crate) fn share(&self, redis: Redis) {
        // A server has one Redis, for good.
        let _ = self.shared.set(Shared::new(redis, self.life));
    }

    /// Whether anything is remembered.
    pub(crate) fn is_on(&self) -> bool {
        !self.life.is_zero()
    }

    /// What is remembered and not older than it may be. What is overdue depends on the day, which is not the same in all
    /// time zones.
    pub(crate) async fn find(&self, whose: Reach, now: LocalNow) -> Option<Statistics> {
        if !self.is_on() {
            return None;
        }
        let found = match self.shared.get() {
            Some(shared) => shared.find(whose, now).await,
            None => self.memory.find(whose, now),
        };
        self.look_ups.count(found.is_some());
        found
    }

    /// Opens a place for what will be counted from now on. The log was settled up to `since` before.
    pub(crate) async fn begin(&self, whose: Reach, since: Place, now: Timestamp) -> Option<Turn> {
        self.is_used.store(true, Ordering::Relaxed);
        let token = match self.shared.get() {
            Some(shared) => shared.begin(whose, since).await?,
            None => self.memory.begin(whose, since, now),
        };
        Some(Turn { whose, token, since })
    }

    /// Remembers what was counted, unless something has changed since the turn began.
    pub(crate) async fn keep(&self, turn: &Turn, statistics: &Statistics, counted_at: LocalNow) {
        match self.shared.get() {
            Some(shared) => shared.keep(turn, statistics, counted_at).await,
            None => self.memory.keep(turn, statistics, counted_at),
        }
    }

    /// Tasks of these users have changed.
    pub(crate) async fn forget(&self, users: &BTreeSet<UserId>) {
        if users.is_empty() || !self.is_on() {
            return;
        }
        let whose: Vec<Reach> = concerned(users).collect();
        match self.shared.get() {
            Some(shared) => shared.forget(&whose).await,
            None => self.memory.forget(&whose),
        }
    }

    /// What events of the log say of tasks that have changed.
    pub(crate) fn news_in(&self, events: &[LoggedEvent]) -> News {
        let mut news = News::new();
        if self.is_used.load(Ordering::Relaxed) {
            for event in events {
                // The log is read in order: the last place wins.
                let place = event.event.cursor.place();
                news.extend(concerned(&event.audience).map(|whose| (whose, place)));
            }
        }
        news
    }

    /// Takes away what may not have seen the news. Whoever delivers events does not wait for Redis.
    pub(crate) fn hear(self: &Arc<Self>, news: News) {
        if news.is_empty() {
            return;
        }
        if self.shared.get().is_none() {
            self.memory.hear(&news);
            return;
        }
        let cache = Arc::clone(self);
        tokio::spawn(async move {
            if let Some(shared) = cache.shared.get() {
                shared.hear(&news).await;
            }
        });
    }

    /// The log is another one, and so are the tasks.
    pub(crate) fn forget_all(&self) {
        match self.shared.get() {
            Some(shared) => shared.suspend(),
            None => self.memory.clear(),
        }
    }
}

/// Whose counts tell of a task with this audience: administrators' of every one.
fn concerned(audience: &BTreeSet<UserId>) -> impl Iterator<Item = Reach> {
    let users = audience.iter().map(|user| Reach::Of(*user));
    users.chain([Reach::Everything])
}

/// Whether counts of this moment may still be shown. A clock that was set back makes them too old as well.
pub(super) fn is_valid(counted_at: LocalNow, now: LocalNow, life: Duration) -> bool {
    counted_at.today == now.today && is_fresh(counted_at.moment, now.moment, life)
}

/// Whether a moment is not longer ago than this. One that is to come is too old as well.
pub(super) fn is_fresh(counted_at: Timestamp, now: Timestamp, life: Duration) -> bool {
    (now - counted_at).to_std().is_ok_and(|age| age < life)
}
