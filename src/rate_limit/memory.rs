//! The windows of all clients in memory, for one node. `spend.lua` has the same algorithm for Redis.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;

use super::{Client, SECONDS, Spent};

/// Maximum number of clients; those not seen for the longest time are dropped first.
pub(super) const MAX_CLIENTS: u64 = 100_000;

pub(super) struct Memory(Cache<Client, Arc<Mutex<Window>>>);

impl Memory {
    pub(super) fn new() -> Self {
        let clients = Cache::builder()
            .max_capacity(MAX_CLIENTS)
            // The default policy may reject a new client in favour of frequent ones, and then would not count it.
            .eviction_policy(EvictionPolicy::lru())
            // By the system clock: a client is dropped after its window ends, never before.
            .time_to_idle(Duration::from_secs(2 * SECONDS as u64))
            .build();
        Self(clients)
    }

    /// `second` is in Unix time.
    pub(super) fn spend(&self, client: Client, amount: u32, limit: u32, second: i64) -> Spent {
        let window = self.0.get_with(client, || {
            let (second, spent) = (0, [0; SECONDS]);
            Arc::new(Mutex::new(Window { second, spent }))
        });
        let mut window = window.lock().unwrap_or_else(PoisonError::into_inner);
        window.advance(second);
        let is_accepted = amount <= limit.saturating_sub(window.used());
        if is_accepted {
            window.spent[0] += amount;
        }
        Spent {
            is_accepted,
            used: window.used(),
            until_all: window.until_all(),
            until_enough: if is_accepted {
                0
            } else {
                window.until_enough(amount, limit)
            },
        }
    }
}

/// What one client spent, by age in seconds.
struct Window {
    second: i64,
    spent: [u32; SECONDS],
}

impl Window {
    /// A clock that goes back does not move the window.
    fn advance(&mut self, second: i64) {
        let passed = usize::try_from(second.saturating_sub(self.second)).unwrap_or_default();
        self.spent.rotate_right(passed.min(SECONDS) % SECONDS);
        self.spent[..passed.min(SECONDS)].fill(0);
        self.second = self.second.max(second);
    }

    fn used(&self) -> u32 {
        self.spent.iter().copied().fold(0, u32::saturating_add)
    }

    /// Seconds until nothing counts any more.
    fn until_all(&self) -> u32 {
        let newest = self.spent.iter().position(|spent| *spent > 0);
        newest.map_or(0, until_forgotten)
    }

    /// Seconds until `amount` is available; a whole minute if it is more than the limit.
    fn until_enough(&self, amount: u32, limit: u32) -> u32 {
        let mut used = self.used();
        for (age, spent) in self.spent.iter().enumerate().rev() {
            used -= spent;
            if amount <= limit.saturating_sub(used) {
                return until_forgotten(age);
            }
        }
        until_forgotten(0)
    }
}

/// Seconds until what is `age` seconds old leaves the window.
fn until_forgotten(age: usize) -> u32 {
    u32::try_from(SECONDS.saturating_sub(age)).unwrap_or_default()
}
