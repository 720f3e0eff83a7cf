//! Limits concurrent heavy operations. This keeps connections and processors free for light ones, and bounds the memory
//! of large responses.

use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::cost::Cost;

/// Minimum cost of a heavy operation, in points. It can take 50 ms of server and database time.
const HEAVY: u64 = 1_000;

/// Admits as many concurrent heavy operations as there are processors, in order of arrival.
#[derive(Debug)]
pub(in crate::graphql) struct HeavyOperations(Semaphore);

impl Default for HeavyOperations {
    fn default() -> Self {
        Self(Semaphore::new(available_parallelism().map_or(1, NonZero::get)))
    }
}

impl HeavyOperations {
    /// Waits for a permit if the cost is heavy. Dropping the permit frees it.
    pub(in crate::graphql) async fn acquire(&self, cost: Cost) -> Option<SemaphorePermit<'_>> {
        if cost.points < HEAVY {
            return None;
        }
        // The semaphore is never closed.
        self.0.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn cost(points: u64) -> Cost {
        Cost {
            points,
            ..Cost::default()
        }
    }

    #[tokio::test]
    async fn heavy_operations_wait_for_each_other_and_light_ones_do_not() {
        let operations = HeavyOperations(Semaphore::new(2));
        let first = operations.acquire(cost(HEAVY)).await;
        let _second = operations.acquire(cost(u64::MAX)).await;
        assert!(operations.acquire(cost(HEAVY)).now_or_never().is_none());
        assert!(operations.acquire(cost(HEAVY - 1)).now_or_never().is_some());
        drop(first);
        assert!(operations.acquire(cost(HEAVY)).now_or_never().is_some());
    }
}
