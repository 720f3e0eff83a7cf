//! How much a client may do within a minute.
//!
//! The window slides by the second: what was spent counts for a minute, and what is refused does not
//! count at all. It is kept in memory, for as many clients as were seen lately.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::TimeDelta;
use moka::sync::Cache;

use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::http::caller::Caller;

/// The length of the window.
const SECONDS: usize = 60;
/// So many clients are remembered at most; those who were not seen for the longest are forgotten first.
const MAX_CLIENTS: u64 = 100_000;

/// Who spends: the user, or the address of somebody who is not signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// Somebody who is signed in.
    User(UserId),
    /// An address; none where it is not known.
    Address(Option<IpAddr>),
}

impl Client {
    /// Who sent a request.
    #[must_use]
    pub fn of(caller: &Caller) -> Self {
        match caller.actor.user_id() {
            Some(user) => Self::User(user),
            None => Self::Address(caller.device.ip.as_ref().and_then(|ip| ip.parse().ok())),
        }
    }
}

/// What is left to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How much there is for a minute.
    pub limit: u32,
    /// How much of it is left.
    pub remaining: u32,
    /// When all of it is there again, if nothing more is spent.
    pub reset_at: Timestamp,
}

/// A client has spent all it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// What is left, which is too little.
    pub allowance: Allowance,
    /// After this time there is enough; whole seconds.
    pub retry_after: Duration,
}

/// A limit by the minute, for each client.
pub struct RateLimiter {
    limit: u32,
    clients: Cache<Client, Arc<Mutex<Window>>>,
}

impl RateLimiter {
    /// Every client may spend `limit` within a minute.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        let clients = Cache::builder()
            .max_capacity(MAX_CLIENTS)
            // By the machine's own clock: a client is forgotten later than its window ends, never earlier.
            .time_to_idle(Duration::from_secs(2 * SECONDS as u64))
            .build();
        Self { limit, clients }
    }

    /// Spends `amount`, or nothing if that is more than is left.
    pub fn spend(&self, client: Client, amount: u32, now: Timestamp) -> Result<Allowance, Exhausted> {
        let window = self.clients.get_with(client, Arc::default);
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        window.advance(now.timestamp());
        let left = self.limit.saturating_sub(window.used());
        if amount > left {
            return Err(Exhausted {
                allowance: window.allowance(self.limit, now),
                retry_after: window.time_until(amount, self.limit),
            });
        }
        window.spent[0] += amount;
        Ok(window.allowance(self.limit, now))
    }
}

/// What one client has spent: in the present second, and in each of those before.
struct Window {
    second: i64,
    spent: [u32; SECONDS],
}

impl Default for Window {
    fn default() -> Self {
        Self {
            second: 0,
            spent: [0; SECONDS],
        }
    }
}

impl Window {
    /// Moves to the present second. A clock that goes back is waited for.
    fn advance(&mut self, second: i64) {
        let passed = usize::try_from(second.saturating_sub(self.second)).unwrap_or_default();
        self.spent.rotate_right(passed.min(SECONDS) % SECONDS);
        self.spent[..passed.min(SECONDS)].fill(0);
        self.second = self.second.max(second);
    }

    fn used(&self) -> u32 {
        self.spent.iter().copied().fold(0, u32::saturating_add)
    }

    fn allowance(&self, limit: u32, now: Timestamp) -> Allowance {
        let newest = self.spent.iter().position(|spent| *spent > 0);
        let wait = newest.map_or(0, |age| SECONDS - age);
        Allowance {
            limit,
            remaining: limit.saturating_sub(self.used()),
            reset_at: now + TimeDelta::seconds(i64::try_from(wait).unwrap_or_default()),
        }
    }

    /// After how long `amount` is left; a whole minute if it is more than the limit.
    fn time_until(&self, amount: u32, limit: u32) -> Duration {
        let mut used = self.used();
        for (age, spent) in self.spent.iter().enumerate().rev() {
            if limit.saturating_sub(used) >= amount {
                break;
            }
            used -= spent;
            if limit.saturating_sub(used) >= amount {
                return Duration::from_secs((SECONDS - age) as u64);
            }
        }
        Duration::from_secs(SECONDS as u64)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    const ANN: Client = Client::User(UserId(1));

    fn at(second: i64) -> Timestamp {
        DateTime::from_timestamp(1_700_000_000 + second, 0).unwrap()
    }

    #[test]
    fn what_was_spent_counts_for_a_minute() {
        let limiter = RateLimiter::new(10);
        assert_eq!(limiter.spend(ANN, 4, at(0)).unwrap().remaining, 6);
        let left = limiter.spend(ANN, 6, at(30)).unwrap();
        assert_eq!((left.remaining, left.reset_at), (0, at(90)));
        let refused = limiter.spend(ANN, 1, at(31)).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_secs(29));
        assert_eq!(
            limiter.spend(ANN, 5, at(31)).unwrap_err().retry_after,
            Duration::from_secs(59)
        );
        assert!(limiter.spend(ANN, 1, at(59)).is_err());
        assert_eq!(limiter.spend(ANN, 4, at(60)).unwrap().remaining, 0);
        assert_eq!(limiter.spend(ANN, 10, at(200)).unwrap().remaining, 0);
    }

    #[test]
    fn a_refusal_costs_nothing_and_says_what_is_left() {
        let limiter = RateLimiter::new(10);
        limiter.spend(ANN, 8, at(0)).unwrap();
        let refused = limiter.spend(ANN, 3, at(1)).unwrap_err();
        assert_eq!(refused.allowance.remaining, 2);
        assert_eq!(limiter.spend(ANN, 2, at(1)).unwrap().remaining, 0);
        assert_eq!(
            limiter.spend(ANN, 11, at(100)).unwrap_err().retry_after,
            Duration::from_mins(1)
        );
    }

    #[test]
    fn each_client_has_its_own() {
        let limiter = RateLimiter::new(1);
        let address = Client::Address("192.0.2.1".parse().ok());
        for client in [ANN, Client::User(UserId(2)), address, Client::Address(None)] {
            assert!(limiter.spend(client, 1, at(0)).is_ok(), "{client:?}");
            assert!(limiter.spend(client, 1, at(0)).is_err(), "{client:?}");
        }
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing() {
        let limiter = RateLimiter::new(1);
        limiter.spend(ANN, 1, at(100)).unwrap();
        assert!(limiter.spend(ANN, 1, at(10)).is_err());
        assert!(limiter.spend(ANN, 1, at(159)).is_err());
        assert!(limiter.spend(ANN, 1, at(160)).is_ok());
    }
}
