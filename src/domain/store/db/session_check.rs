//! Checks the session of every request and reads the role and time zone of its user.
//!
//! Checks are batched: those that arrive while a query runs share the next one. Nothing is cached, so revocation takes
//! effect at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;
use tracing::Instrument as _;

use super::read_pool::ReadPool;
use crate::domain::actor::AccountState;
use crate::domain::error::{Error, Result};
use crate::domain::id::{SessionId, UserId};
use crate::domain::policy::System;
use crate::domain::store::session;

/// Checks in one statement. SQLite binds at most 32,766 values, and many requests may wait after a pause.
const MAX_BATCH: usize = 1_000;

type SessionOfUser = (UserId, SessionId);
/// Current role and time zone; `None` if the session or the account has ended.
type State = Result<Option<AccountState>>;

/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(in crate::domain) struct SessionChecker(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(SessionOfUser, oneshot::Sender<State>)>,
    is_running: bool,
}

impl SessionChecker {
    /// Current role and time zone of the user; `None` if the session or the account has ended.
    pub(in crate::domain) async fn state_of(
        &self,
        reader: &ReadPool,
        system: System,
        user: UserId,
        session: SessionId,
    ) -> State {
        let (sender, receiver) = oneshot::channel();
        let begins = {
            let mut queue = self.queue();
            queue.waiting.push(((user, session), sender));
            !std::mem::replace(&mut queue.is_running, true)
        };
        if begins {
            // Spawned, because the caller may be cancelled while others wait.
            let batches = Batches(self.clone());
            // Reserved, so that a check never waits for other statements.
            tokio::spawn(batches.run(reader.reserved(), system).in_current_span());
        }
        receiver.await.map_err(Error::internal)?
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the checks that have waited longest. If there are none, the next check starts a new run.
    fn take(&self) -> Option<Vec<(SessionOfUser, oneshot::Sender<State>)>> {
        let mut queue = self.queue();
        let count = queue.waiting.len().min(MAX_BATCH);
        queue.is_running = count > 0;
        queue.is_running.then(|| queue.waiting.drain(..count).collect())
    }
}

/// Runs queries until no check waits.
struct Batches(SessionChecker);

impl Batches {
    async fn run(self, reader: ReadPool, system: System) {
        while let Some(waiting) = self.0.take() {
            let sessions: Vec<SessionId> = waiting.iter().map(|((_, session), _)| *session).collect();
            let states = session::states_of_sessions(&reader, &system, &sessions).await;
            for (key, sender) in waiting {
                // The receiver is gone if the request was cancelled.
                let _ = sender.send(state_in(&states, key));
            }
        }
    }
}

fn state_in(states: &Result<HashMap<SessionId, (UserId, AccountState)>>, (user, session): SessionOfUser) -> State {
    let states = states.as_ref().map_err(Clone::clone)?;
    let state = states.get(&session).filter(|(owner, _)| *owner == user);
    Ok(state.map(|(_, state)| *state))
}

impl Drop for Batches {
    /// After a panic, waiting checks fail and the next check starts a new run.
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        if std::thread::panicking() {
            queue.waiting.clear();
            queue.is_running = false;
        }
    }
}
