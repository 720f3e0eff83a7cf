//! Role and time zone of those who show tokens, looked up for every request.
//!
//! What is asked for while a statement is under way is asked for by the next one, together: the busier the server, the
//! more requests share a statement. Each still sees what holds when it asks, so that whoever is shut out is so at once.

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

/// Who shows a token.
type Bearer = (UserId, SessionId);
/// Role and time zone that a bearer has now; none when the session or the account has ended.
type Answer = Result<Option<AccountState>>;

/// Looks up role and time zone of bearers. Cloning it is cheap.
#[derive(Clone, Debug, Default)]
pub(in crate::domain) struct SessionChecker(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Vec<(Bearer, oneshot::Sender<Answer>)>,
    is_asking: bool,
}

impl SessionChecker {
    /// Role and time zone that the bearer of a token has now; `None` when the session or the account has ended.
    pub(in crate::domain) async fn state_of(
        &self,
        reader: &ReadPool,
        system: System,
        user: UserId,
        session: SessionId,
    ) -> Answer {
        let (tell, told) = oneshot::channel();
        let begins = {
            let mut queue = self.queue();
            queue.waiting.push(((user, session), tell));
            !std::mem::replace(&mut queue.is_asking, true)
        };
        if begins {
            // In a task of its own: whoever began may go away while others wait.
            let asking = Asking(self.clone());
            tokio::spawn(asking.ask(reader.clone(), system).in_current_span());
        }
        told.await.map_err(Error::internal)?
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those who wait; if nobody does, the next who comes begins anew.
    fn take(&self) -> Option<Vec<(Bearer, oneshot::Sender<Answer>)>> {
        let mut queue = self.queue();
        queue.is_asking = !queue.waiting.is_empty();
        queue.is_asking.then(|| std::mem::take(&mut queue.waiting))
    }
}

/// Asks until nobody waits.
struct Asking(SessionChecker);

impl Asking {
    async fn ask(self, reader: ReadPool, system: System) {
        while let Some(waiting) = self.0.take() {
            let sessions: Vec<SessionId> = waiting.iter().map(|((_, session), _)| *session).collect();
            let states = session::states_of_bearers(&reader, &system, &sessions).await;
            for (bearer, tell) in waiting {
                // Whoever went away does not listen.
                let _ = tell.send(answer(&states, bearer));
            }
        }
    }
}

fn answer(states: &Result<HashMap<SessionId, (UserId, AccountState)>>, (user, session): Bearer) -> Answer {
    let states = states.as_ref().map_err(Clone::clone)?;
    let state = states.get(&session).filter(|(owner, _)| *owner == user);
    Ok(state.map(|(_, state)| *state))
}

impl Drop for Asking {
    /// When it ends by a panic, those who wait are told, and the next who comes begins anew.
    fn drop(&mut self) {
        let mut queue = self.0.queue();
        if std::thread::panicking() {
            queue.waiting.clear();
            queue.is_asking = false;
        }
    }
}
