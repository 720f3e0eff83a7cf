//! The windows of all clients in memory, for one node. `spend.lua` does the same in Redis.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use moka::sync::Cache;

use super::{Client, SECONDS, Spent};

/// So many clients are remembered at most; those who were not seen for the longest are forgotten first.
const MAX_CLIENTS: u64 = 100_000;

/// A limiter's windows in memory.
pub(super) struct Memory(Cache<Client, Arc<Mutex<Window>>>);

impl Memory {
    pub(super) fn new() -> Self {
        let clients = Cache::builder()
            .max_capacity(MAX_CLIENTS)
            // By the machine's own clock: a client is forgotten later than its window ends, never earlier.
            .time_to_idle(Duration::from_secs(2 * SECONDS as u64))
            .build();
        Self(clients)
    }

    /// Spends at this Unix second.
    pub(super) fn spend(&self, client: Client, amount: u32, limit: u32, second: i64) -> Spent {
        let window = self.0.get_with(client, Arc::default);
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

    /// After how many seconds nothing of what was spent counts any more.
    fn until_all(&self) -> u32 {
        let newest = self.spent.iter().position(|spent| *spent > 0);
        newest.map_or(0, until_forgotten)
    }

    /// After how many seconds `amount` is left; a whole minute if it is more than the limit.
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

/// After how many seconds that which is `age` seconds old has left the window.
fn until_forgotten(age: usize) -> u32 {
    u32::try_from(SECONDS.saturating_sub(age)).unwrap_or_default()
}
