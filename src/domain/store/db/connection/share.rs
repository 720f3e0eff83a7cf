//! Limits how many read connections one user holds at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Semaphore;

use crate::domain::id::UserId;

/// Unused entries are removed at this number of users, and then each time the number has doubled.
const FIRST_SWEEP: usize = 64;

/// Limits of all users with running reads. A user at the limit waits for their own statements and does not block
/// others.
#[derive(Debug)]
pub(in crate::domain::store) struct Shares {
    /// Connections for each user.
    size: usize,
    users: Mutex<Users>,
}

#[derive(Debug)]
struct Users {
    shares: HashMap<UserId, Weak<Semaphore>>,
    sweep_at: usize,
}

impl Shares {
    /// Half of `connections` for each user, at least one.
    pub(in crate::domain::store) fn of(connections: usize) -> Self {
        Self {
            size: (connections / 2).max(1),
            users: Mutex::new(Users {
                shares: HashMap::new(),
                sweep_at: FIRST_SWEEP,
            }),
        }
    }

    /// All requests of a user get the same semaphore.
    pub(in crate::domain::store) fn share_of(&self, user: UserId) -> Arc<Semaphore> {
        let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = users.shares.get(&user).and_then(Weak::upgrade) {
            return share;
        }
        if users.shares.len() >= users.sweep_at {
            users.shares.retain(|_, share| share.strong_count() > 0);
            users.sweep_at = (users.shares.len() * 2).max(FIRST_SWEEP);
        }
        let share = Arc::new(Semaphore::new(self.size));
        users.shares.insert(user, Arc::downgrade(&share));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_half_of_the_connections_and_at_least_one() {
        for (connections, share) in [(1, 1), (2, 1), (3, 1), (4, 2), (10, 5)] {
            assert_eq!(
                Shares::of(connections).share_of(UserId(1)).available_permits(),
                share,
                "{connections}"
            );
        }
    }

    #[test]
    fn requests_of_one_user_share_a_limit() {
        let shares = Shares::of(4);
        let mine = shares.share_of(UserId(1));
        assert!(Arc::ptr_eq(&mine, &shares.share_of(UserId(1))));
        assert!(!Arc::ptr_eq(&mine, &shares.share_of(UserId(2))));
    }

    #[test]
    fn unused_shares_are_removed() {
        let shares = Shares::of(4);
        let kept = shares.share_of(UserId(0));
        for user in 1..10_000 {
            shares.share_of(UserId(user));
        }
        assert!(shares.users.lock().unwrap().shares.len() <= FIRST_SWEEP);
        assert!(Arc::ptr_eq(&kept, &shares.share_of(UserId(0))));
    }
}
