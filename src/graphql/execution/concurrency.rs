//! Heavy operations take turns, so that light ones find connections and processors free, and so that the memory of
//! large answers is bounded.

use std::num::NonZero;
use std::thread::available_parallelism;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::cost::Cost;

/// From so many points on an operation is heavy: it may take 50 ms of the server and its database.
const HEAVY: u64 = 1_000;

/// Admits as many heavy operations at the same time as there are processors, in the order in which they come.
#[derive(Debug)]
pub(in crate::graphql) struct HeavyOperations(Semaphore);

impl Default for HeavyOperations {
    fn default() -> Self {
        Self(Semaphore::new(available_parallelism().map_or(1, NonZero::get)))
    }
}

impl HeavyOperations {
    /// Waits for the turn of an operation of this cost. The turn ends when what is returned is dropped.
    pub(in crate::graphql) async fn turn(&self, cost: Cost) -> Option<SemaphorePermit<'_>> {
        if cost.points < HEAVY {
            return None;
        }
        // It is never closed.
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
        let first = operations.turn(cost(HEAVY)).await;
        let _second = operations.turn(cost(u64::MAX)).await;
        assert!(operations.turn(cost(HEAVY)).now_or_never().is_none());
        assert!(operations.turn(cost(HEAVY - 1)).now_or_never().is_some());
        drop(first);
        assert!(operations.turn(cost(HEAVY)).now_or_never().is_some());
    }
}
