//! Open connections of signed-in users.

use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard, Weak};

use tokio::sync::{Mutex, MutexGuard, watch};

use super::registry::Registry;
use crate::domain::actor::{AccountState, Actor, SignedIn};
use crate::domain::error::Result;
use crate::domain::session;
use crate::domain::store::Store;

/// Why the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The session has ended: logout, new password, or an account that was deactivated or deleted.
    Session,
    /// The client reads too slowly.
    Slow,
    /// The server shuts down.
    Shutdown,
    /// The event log was replaced, or lost its newest events, so old cursors are invalid.
    Replaced,
}

/// The user of a connection, with their current role and time zone.
#[derive(Debug)]
pub(super) struct ConnectionUser {
    current: RwLock<CurrentUser>,
    ending: watch::Sender<Option<Ending>>,
}

#[derive(Clone, Copy, Debug)]
struct CurrentUser {
    user: SignedIn,
    /// Number of changes that the reader of the log has set.
    changes: u64,
}

impl ConnectionUser {
    pub(super) fn new(user: SignedIn) -> Self {
        let user = SignedIn { users: None, ..user };
        Self {
            current: RwLock::new(CurrentUser { user, changes: 0 }),
            ending: watch::Sender::new(None),
        }
    }

    pub(super) fn signed_in(&self) -> SignedIn {
        self.current().user
    }

    fn current(&self) -> CurrentUser {
        *self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> RwLockWriteGuard<'_, CurrentUser> {
        self.current.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection, unless it has ended.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|ended| {
            let is_first = ended.is_none();
            *ended = ended.or(Some(ending));
            is_first
        });
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// Reads the current state of the user. If the reader of the log sets a change meanwhile, which may be newer, it
    /// reads again.
    pub(super) async fn look_up(&self, store: &Store) -> Result<()> {
        loop {
            let CurrentUser { user, changes } = self.current();
            let state = session::state_of(store, user.id, user.session).await?;
            if self.set_unless_changed(changes, state) {
                return Ok(());
            }
        }
    }

    /// Sets a state that was read after this number of changes. False if there was another change.
    fn set_unless_changed(&self, changes: u64, state: Option<AccountState>) -> bool {
        let mut current = self.lock();
        let is_newest = current.changes == changes;
        if is_newest {
            self.set(&mut current.user, state);
        }
        is_newest
    }

    /// Sets the state after a change of the account.
    pub(super) fn set_change(&self, state: Option<AccountState>) {
        let mut current = self.lock();
        current.changes += 1;
        self.set(&mut current.user, state);
    }

    /// Sets the current role and time zone; `None` ends the connection.
    fn set(&self, user: &mut SignedIn, state: Option<AccountState>) {
        let Some(AccountState { role, time_zone, .. }) = state else {
            self.end(Ending::Session);
            return;
        };
        *user = SignedIn {
            role,
            time_zone,
            ..*user
        };
    }
}

/// An open connection of a user. Dropping it unregisters it.
#[derive(Debug)]
pub struct LiveConnection {
    pub(super) connection_user: Arc<ConnectionUser>,
    number: u64,
    registry: Weak<Registry>,
    turn: Mutex<()>,
}

impl LiveConnection {
    pub(super) fn new(connection_user: Arc<ConnectionUser>, number: u64, registry: &Arc<Registry>) -> Self {
        Self {
            connection_user,
            number,
            registry: Arc::downgrade(registry),
            turn: Mutex::default(),
        }
    }

    /// Waits for other subscriptions of the connection that are writing a current task. So later messages of the
    /// connection never show an older task.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The user, with their current role.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::User(self.connection_user.signed_in())
    }

    /// Waits until the connection ends.
    pub async fn ended(&self) -> Ending {
        let mut ending = self.connection_user.ending.subscribe();
        match ending.wait_for(Option::is_some).await.map(|ended| *ended) {
            Ok(Some(ending)) => ending,
            // The sender lives as long as `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for LiveConnection {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            registry.disconnect(self.connection_user.signed_in().id, self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::actor::{Role, UsersStamp};
    use crate::domain::id::{SessionId, UserId};
    use crate::domain::local_time::DEFAULT_TIME_ZONE;

    fn state(role: Role) -> AccountState {
        AccountState {
            role,
            time_zone: DEFAULT_TIME_ZONE,
            users: UsersStamp(0),
        }
    }

    #[test]
    fn a_role_that_was_read_before_a_change_does_not_replace_it() {
        let user = ConnectionUser::new(SignedIn {
            id: UserId(1),
            role: Role::Admin,
            session: SessionId(1),
            time_zone: DEFAULT_TIME_ZONE,
            users: None,
        });
        let before = user.current().changes;
        user.set_change(Some(state(Role::User)));
        assert!(!user.set_unless_changed(before, Some(state(Role::Admin))));
        assert_eq!(user.signed_in().role, Role::User);
        // It is read again, after the change.
        assert!(user.set_unless_changed(user.current().changes, Some(state(Role::Admin))));
        assert_eq!(user.signed_in().role, Role::Admin);
    }
}
