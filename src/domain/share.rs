//! Limits how much one owner uses at a time: a user of the read connections, or a session of the hashing threads.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

/// Unused entries are removed at this number of owners, and then each time the number has doubled.
const FIRST_SWEEP: usize = 64;

/// Limits of all owners with running work. An owner at the limit waits for their own work and does not block others.
#[derive(Debug)]
pub(super) struct Shares<K> {
    /// Permits of each owner.
    size: usize,
    owners: Mutex<Owners<K>>,
}

#[derive(Debug)]
struct Owners<K> {
    shares: HashMap<K, Weak<Semaphore>>,
    sweep_at: usize,
}

impl<K: Eq + Hash> Shares<K> {
    /// `size` permits for each owner.
    pub(super) fn of(size: usize) -> Self {
        Self {
            size,
            owners: Mutex::new(Owners {
                shares: HashMap::new(),
                sweep_at: FIRST_SWEEP,
            }),
        }
    }

    /// Half of `connections` for each owner, at least one.
    pub(super) fn half_of(connections: usize) -> Self {
        Self::of((connections / 2).max(1))
    }

    /// All requests of an owner get the same semaphore.
    pub(super) fn share_of(&self, owner: K) -> Arc<Semaphore> {
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = owners.shares.get(&owner).and_then(Weak::upgrade) {
            return share;
        }
        if owners.shares.len() >= owners.sweep_at {
            owners.shares.retain(|_, share| share.strong_count() > 0);
            owners.sweep_at = (owners.shares.len() * 2).max(FIRST_SWEEP);
        }
        let share = Arc::new(Semaphore::new(self.size));
        owners.shares.insert(owner, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UserId;

    #[test]
    fn a_share_is_half_of_the_connections_and_at_least_one() {
        for (connections, share) in [(1, 1), (2, 1), (3, 1), (4, 2), (10, 5)] {
            assert_eq!(
                Shares::half_of(connections).share_of(UserId(1)).available_permits(),
                share,
                "{connections}"
            );
        }
    }

    #[test]
    fn requests_of_one_user_share_a_limit() {
        let shares = Shares::of(2);
        let mine = shares.share_of(UserId(1));
        assert!(Arc::ptr_eq(&mine, &shares.share_of(UserId(1))));
        assert!(!Arc::ptr_eq(&mine, &shares.share_of(UserId(2))));
    }

    #[test]
    fn unused_shares_are_removed() {
        let shares = Shares::of(2);
        let kept = shares.share_of(UserId(0));
        for user in 1..10_000 {
            shares.share_of(UserId(user));
        }
        assert!(shares.owners.lock().unwrap().shares.len() <= FIRST_SWEEP);
        assert!(Arc::ptr_eq(&kept, &shares.share_of(UserId(0))));
    }
}
