//! Open connections of signed-in users.

use std::sync::{Arc, PoisonError, RwLock, Weak};

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
    /// The event log was replaced, so old cursors are invalid.
    Replaced,
}

/// The user of a connection, with their current role and time zone.
#[derive(Debug)]
pub(super) struct ConnectionUser {
    user: RwLock<SignedIn>,
    ending: watch::Sender<Option<Ending>>,
}

impl ConnectionUser {
    pub(super) fn new(user: SignedIn) -> Self {
        Self {
            user: RwLock::new(SignedIn { users: None, ..user }),
            ending: watch::Sender::new(None),
        }
    }

    pub(super) fn signed_in(&self) -> SignedIn {
        *self.user.read().unwrap_or_else(PoisonError::into_inner)
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

    /// Reads the current state of the user.
    pub(super) async fn look_up(&self, store: &Store) -> Result<()> {
        let SignedIn { id, session, .. } = self.signed_in();
        self.set_state(session::state_of(store, id, session).await?);
        Ok(())
    }

    /// Sets the current role and time zone; `None` ends the connection.
    pub(super) fn set_state(&self, state: Option<AccountState>) {
        let Some(AccountState { role, time_zone, .. }) = state else {
            self.end(Ending::Session);
            return;
        };
        let mut user = self.user.write().unwrap_or_else(PoisonError::into_inner);
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
