//! Connections that are held open for somebody.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use tokio::sync::{Mutex, MutexGuard, watch};

use super::registry::Registry;
use crate::domain::actor::{AccountState, Actor, SignedIn};
use crate::domain::error::Result;
use crate::domain::session;
use crate::domain::store::Store;

/// Why a connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The session has ended: signed out, a new password, deactivated, deleted.
    Session,
    /// It did not take what it was sent in time.
    Slow,
    /// The server is about to stop.
    Shutdown,
    /// The log is another, since the data were replaced: its cursors lead nowhere.
    Replaced,
}

/// Whose connection it is, and how they stand now.
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

    /// Who it is, with the role and the time zone they have now.
    pub(super) fn signed_in(&self) -> SignedIn {
        *self.user.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it, unless it has ended.
    pub(super) fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|ended| {
            let is_first = ended.is_none();
            *ended = ended.or(Some(ending));
            is_first
        });
    }

    /// Whether it is to be closed.
    pub(super) fn has_ended(&self) -> bool {
        self.ending.borrow().is_some()
    }

    /// Looks up how the user stands now.
    pub(super) async fn look_up(&self, store: &Store) -> Result<()> {
        let SignedIn { id, session, .. } = self.signed_in();
        self.stands(session::state_of(store, id, session).await?);
        Ok(())
    }

    /// Notes how the user stands now: role and time zone, or none when the session has ended.
    pub(super) fn stands(&self, state: Option<AccountState>) {
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

/// A connection that is held open for somebody, until it is dropped.
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

    /// Waits until no other subscription of the connection shows a present task. A later answer over the connection then
    /// never shows an older task.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// On whose behalf, with the role they have now.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::User(self.connection_user.signed_in())
    }

    /// Waits until it is to be closed.
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
            registry.leave(self.connection_user.signed_in().id, self.number);
        }
    }
}
