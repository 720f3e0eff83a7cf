//! Counts that servers remember together, in Redis. A place is a hash with a `token`, the place in the log `since`
//! which it was opened or filled, and the `counts` once there are any. Whatever Redis forgets is counted anew.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::{AsyncCommands as _, Script};

use super::Statistics;
use super::cache::{News, Turn, is_valid};
use super::record::Record;
use crate::domain::event::Place;
use crate::domain::local_time::LocalNow;
use crate::domain::policy::Reach;
use crate::domain::random::{Randomness as _, SystemRandomness};
use crate::redis::{Redis, key};

/// Opens a place, or finds the one that is open, and gives its token.
static BEGIN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('HSETNX', KEYS[1], 'token', ARGV[1]) == 1 then
             redis.call('HSET', KEYS[1], 'since', ARGV[2])
         end
         redis.call('PEXPIRE', KEYS[1], ARGV[3])
         return redis.call('HGET', KEYS[1], 'token')",
    )
});
/// Fills a place if it is still the one of the token, and not filled by somebody who began later.
static KEEP: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local place = redis.call('HMGET', KEYS[1], 'token', 'since')
         if place[1] == ARGV[1] and place[2] <= ARGV[2] then
             redis.call('HSET', KEYS[1], 'since', ARGV[2], 'counts', ARGV[3])
             redis.call('PEXPIRE', KEYS[1], ARGV[4])
         end",
    )
});
/// Takes away the places that were opened before the log had passed the news of each.
static HEAR: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "for i, key in ipairs(KEYS) do
             local since = redis.call('HGET', key, 'since')
             if since and since <= ARGV[i] then redis.call('DEL', key) end
         end",
    )
});
/// Random bytes of a token.
const TOKEN_BYTES: usize = 8;

/// Counts that servers remember together.
pub(super) struct Shared {
    redis: Redis,
    life: Duration,
    /// Until then Redis may hold what is not true any more.
    suspended_until: Mutex<Option<Instant>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("life", &self.life)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(redis: Redis, life: Duration) -> Self {
        Self {
            redis,
            life,
            suspended_until: Mutex::default(),
        }
    }

    pub(super) async fn find(&self, whose: Reach, now: LocalNow) -> Option<Statistics> {
        if self.is_suspended() {
            return None;
        }
        let key = key_of(whose);
        let found: Option<String> = self
            .redis
            .attempt(async |mut connection| connection.hget(&key, "counts").await)
            .await?;
        let record: Record = serde_json::from_str(&found?).ok()?;
        // It may have failed to hear of a change while this was asked for.
        if self.is_suspended() || !is_valid(record.counted_at(), now, self.life) {
            return None;
        }
        record.into_statistics()
    }

    pub(super) async fn begin(&self, whose: Reach, since: Place) -> Option<String> {
        if self.is_suspended() {
            return None;
        }
        let mut begin = BEGIN.key(key_of(whose));
        begin.arg(token()).arg(ordered(since)).arg(self.milliseconds());
        self.redis
            .attempt(async |mut connection| begin.invoke_async(&mut connection).await)
            .await
    }

    pub(super) async fn keep(&self, turn: &Turn, statistics: &Statistics, counted_at: LocalNow) {
        let Ok(record) = serde_json::to_string(&Record::new(statistics, counted_at)) else {
            return;
        };
        let mut keep = KEEP.key(key_of(turn.whose));
        keep.arg(&turn.token)
            .arg(ordered(turn.since))
            .arg(record)
            .arg(self.milliseconds());
        // What is not kept is counted anew.
        self.redis
            .attempt(async |mut connection| keep.invoke_async::<()>(&mut connection).await)
            .await;
    }

    pub(super) async fn forget(&self, whose: &[Reach]) {
        let keys: Vec<String> = whose.iter().copied().map(key_of).collect();
        let forgotten: Option<()> = self
            .redis
            .attempt(async |mut connection| connection.del(&keys).await)
            .await;
        if forgotten.is_none() {
            self.suspend();
        }
    }

    pub(super) async fn hear(&self, news: &News) {
        let mut hear = HEAR.prepare_invoke();
        for (whose, place) in news {
            hear.key(key_of(*whose)).arg(ordered(*place));
        }
        let heard: Option<()> = self
            .redis
            .attempt(async |mut connection| hear.invoke_async(&mut connection).await)
            .await;
        if heard.is_none() {
            self.suspend();
        }
    }

    /// Leaves Redis alone until all that is in it now is out of date. Twice the time, because what is under way may
    /// still be written, and clocks differ.
    pub(super) fn suspend(&self) {
        let until = Instant::now() + 2 * self.life;
        *self.suspended_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
    }

    fn is_suspended(&self) -> bool {
        let until = *self.suspended_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn milliseconds(&self) -> u64 {
        u64::try_from(self.life.as_millis()).unwrap_or(u64::MAX)
    }
}

fn key_of(whose: Reach) -> String {
    match whose {
        Reach::Everything => key(&["statistics", "all"]),
        Reach::Of(user) => key(&["statistics", "user", &user.to_string()]),
    }
}

/// A place as text of one length, so that texts compare as places do.
fn ordered(place: Place) -> String {
    format!("{:020}:{:020}", place.transaction_id, place.id)
}

fn token() -> String {
    let mut bytes = [0; TOKEN_BYTES];
    SystemRandomness.fill(&mut bytes);
    hex::encode(bytes)
}
