//! Rate limits per client and minute.
//!
//! The window slides by the second; refused requests do not count. With Redis, all nodes share the windows; otherwise
//! they are in memory, for a limited number of recent clients. While Redis is unavailable, each node counts alone and
//! starts at zero: clients may spend more, but are never locked out.
//!
//! GraphQL counts points, REST requests. Passwords, refreshes and uploads have separate limits, which both APIs share.

mod memory;
mod requests;
mod shared;

use std::net::IpAddr;
use std::time::Duration;

use chrono::TimeDelta;

use self::memory::Memory;
pub use self::requests::{RequestLimits, Tier};
use self::shared::RedisWindows;
use crate::domain::clock::Timestamp;
use crate::domain::id::{SessionId, UserId};
use crate::domain::network::Network;
use crate::redis::Redis;
use crate::telemetry::metric;

/// The length of the window.
const SECONDS: usize = 60;

/// The sender of a request.
#[derive(Clone, Copy, Debug)]
pub struct Requester {
    /// `None` if nobody is signed in.
    pub user: Option<UserId>,
    /// `None` if unknown.
    pub address: Option<IpAddr>,
}

/// Whose requests are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Client {
    /// A signed-in user.
    User(UserId),
    /// A session, by the id of its first refresh token.
    Session(SessionId),
    /// A network; `None` if the address is unknown.
    Network(Option<Network>),
}

impl Client {
    /// The user, or the network if nobody is signed in.
    #[must_use]
    pub fn of(requester: Requester) -> Self {
        match requester.user {
            Some(user) => Self::User(user),
            None => Self::at(requester.address),
        }
    }

    /// Everyone at this address, signed in or not.
    #[must_use]
    pub fn at(address: Option<IpAddr>) -> Self {
        Self::Network(address.map(Network::from))
    }
}

/// The remaining allowance of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// Maximum per minute.
    pub limit: u32,
    /// How much is left.
    pub remaining: u32,
    /// When all of it is available again, if nothing more is spent.
    pub reset_at: Timestamp,
}

/// The client has not enough left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// What is left, which is too little.
    pub allowance: Allowance,
    /// Time until enough is available, in whole seconds.
    pub retry_after: Duration,
}

struct Spent {
    is_accepted: bool,
    /// Including what was just spent.
    used: u32,
    /// Seconds until nothing counts any more.
    until_all: u32,
    /// Seconds until enough is available; 0 if accepted.
    until_enough: u32,
}

/// A limit per client and minute.
pub struct RateLimiter {
    limit: u32,
    refusals: metrics::Counter,
    memory: Memory,
    shared: Option<RedisWindows>,
}

impl RateLimiter {
    /// `limit` is per client and minute. Limiters with the same name share their windows in Redis.
    #[must_use]
    pub fn new(name: &str, limit: u32, redis: Option<&Redis>) -> Self {
        Self {
            limit,
            refusals: metrics::counter!(metric::REFUSALS, "tier" => name.to_owned()),
            memory: Memory::new(),
            shared: redis.map(|redis| RedisWindows::new(redis.clone(), name)),
        }
    }

    /// Spends `amount`, or nothing if less is left.
    pub async fn spend(&self, client: Client, amount: u32, now: Timestamp) -> Result<Allowance, Exhausted> {
        let second = now.timestamp();
        let shared = match &self.shared {
            Some(shared) => shared.spend(client, amount, self.limit, second).await,
            None => None,
        };
        let spent = shared.unwrap_or_else(|| self.memory.spend(client, amount, self.limit, second));
        let allowance = Allowance {
            limit: self.limit,
            remaining: self.limit.saturating_sub(spent.used),
            reset_at: now + TimeDelta::seconds(spent.until_all.into()),
        };
        if spent.is_accepted {
            Ok(allowance)
        } else {
            self.refusals.increment(1);
            Err(Exhausted {
                allowance,
                retry_after: Duration::from_secs(spent.until_enough.into()),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: Client = Client::User(UserId(1));

    // `tests/it/security/rate_limits.rs` tests the arithmetic over time, in memory and in Redis.
    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[tokio::test]
    async fn each_client_has_a_separate_limit() {
        let limiter = RateLimiter::new("test", 1, None);
        let address = Client::at("192.0.2.1".parse().ok());
        let session = Client::Session(SessionId(1));
        for client in [ANN, Client::User(UserId(2)), session, address, Client::at(None)] {
            assert!(limiter.spend(client, 1, NOW).await.is_ok(), "{client:?}");
            assert!(limiter.spend(client, 1, NOW).await.is_err(), "{client:?}");
        }
    }

    #[tokio::test]
    async fn new_clients_are_counted_beside_many_frequent_ones() {
        let limiter = RateLimiter::new("test", 1, None);
        let spend = async |number, amount| limiter.spend(Client::Session(SessionId(number)), amount, NOW).await;
        let frequent = i32::try_from(memory::MAX_CLIENTS).unwrap();
        for _ in 0..3 {
            for number in 0..frequent {
                assert!(spend(number, 0).await.is_ok(), "{number}");
            }
        }
        let newcomers = frequent..frequent + 200;
        for number in newcomers.clone() {
            assert!(spend(number, 1).await.is_ok(), "{number}");
        }
        for number in newcomers {
            assert!(spend(number, 1).await.is_err(), "{number}");
        }
    }
}
