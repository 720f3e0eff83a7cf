//! The task of a node that reads the logs in commit order. The bus wakes it; it also polls, in case a wake-up was lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::bus::Bus;
use super::live_connections::Ending;
use super::present::PresentTasks;
use super::registry::Registry;
use crate::domain::Core;
use crate::domain::actor::{AccountState, Actor};
use crate::domain::clock::Clock;
use crate::domain::error::Result;
use crate::domain::event::{LogPosition, LoggedEvent, new_identity};
use crate::domain::id::{SessionId, UserId};
use crate::domain::notification;
use crate::domain::policy::{self, Notifications, Scope, Tasks};
use crate::domain::random::Randomness;
use crate::domain::session;
use crate::domain::store::event::log::Settled;
use crate::domain::store::{self, Store};
use crate::telemetry::metric;

const POLL: Duration = Duration::from_secs(1);
/// Minimum time between two looks, so that several commits are read together.
const GATHER: Duration = Duration::from_millis(2);
/// First wait for an older open transaction that blocks later events; it doubles up to [`POLL`].
const FIRST_WAIT: Duration = Duration::from_millis(4);
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// Events per query.
const BATCH: u64 = 500;
/// A transaction that blocks events for this time is logged.
const WORTH_A_WARNING: Duration = Duration::from_secs(5);

pub(super) struct EventLogReader {
    store: Store,
    scope: Scope<Tasks>,
    notified: Scope<Notifications>,
    registry: Arc<Registry>,
    present: Arc<PresentTasks>,
    progress: Arc<Progress>,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    /// Everything before these positions was delivered.
    delivered: Settled,
}

/// The result of a look at the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Everything was delivered.
    CaughtUp,
    /// An older transaction blocks later events.
    Waiting,
}

impl EventLogReader {
    /// A reader that starts at the current end of the logs.
    pub(super) async fn at_the_end(core: &Core) -> Result<Self> {
        let scope = policy::scope(&Actor::System)?;
        Ok(Self {
            delivered: store::event::log::settled(core.store.system_reader(), &scope, None).await?,
            store: core.store.clone(),
            scope,
            notified: policy::scope(&Actor::System)?,
            registry: Arc::clone(&core.hub.registry),
            present: Arc::clone(&core.hub.present),
            progress: Arc::clone(&core.hub.progress),
            clock: Arc::clone(&core.clock),
            randomness: Arc::clone(&core.randomness),
        })
    }

    /// Reads the logs until the task is aborted.
    pub(super) async fn run(mut self, bus: Bus) {
        let mut wait = FIRST_WAIT;
        let mut trouble = Trouble::default();
        loop {
            let began = self.progress.begin();
            self.present.begin_look();
            let look = self.look().await;
            trouble.log_change(&look, began);
            let (pause, next_wait) = match look {
                Ok(Look::CaughtUp) => {
                    self.progress.end();
                    (POLL, FIRST_WAIT)
                }
                Ok(Look::Waiting) => (wait, (wait * 2).min(POLL)),
                Err(_) => {
                    self.present.fail_look();
                    (AFTER_FAILURE, FIRST_WAIT)
                }
            };
            wait = next_wait;
            tokio::time::sleep(GATHER).await;
            tokio::select! {
                () = bus.woken() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Delivers all settled entries.
    async fn look(&mut self) -> Result<Look> {
        let settled = self.settled().await?;
        if settled.log != self.delivered.log {
            tracing::warn!("the event log was replaced, or lost its newest events: every live connection is closed");
            self.registry.end_all(Ending::Replaced);
            self.present.forget();
            self.delivered = settled;
            return Ok(Look::CaughtUp);
        }
        // Revoked rights must take effect before later events are delivered.
        self.look_at_accounts(settled.changes).await?;
        if self.delivered.events >= settled.events {
            self.present.remember(&[], !settled.is_waiting);
        }
        while self.delivered.events < settled.events {
            self.deliver_batch(&settled).await?;
        }
        self.deliver_notifications(settled.notifications).await?;
        Ok(if settled.is_waiting {
            Look::Waiting
        } else {
            Look::CaughtUp
        })
    }

    /// Reads the settled positions. A replica that lacks the newest commits gives their positions to other events when it
    /// becomes the primary, and clients would miss these after the cursor of a lost event. So the log gets a new
    /// identity then.
    async fn settled(&self) -> Result<Settled> {
        let (reader, read) = (self.store.system_reader(), Some(self.delivered.events));
        let settled = store::event::log::settled(reader, &self.scope, read).await?;
        if settled.log != self.delivered.log || !settled.has_lost {
            return Ok(settled);
        }
        let (system, identity) = (policy::system(&Actor::System)?, new_identity(self.randomness.as_ref()));
        let transaction = self.store.begin().await?;
        store::event::log::renew(&transaction, &system, &self.delivered.log, &identity).await?;
        transaction.commit().await?;
        store::event::log::settled(reader, &self.scope, None).await
    }

    async fn look_at_accounts(&mut self, until: LogPosition) -> Result<()> {
        let range = self.delivered.changes..until;
        if !range.is_empty() {
            let reader = self.store.system_reader();
            for user in store::event::log::changed_accounts(reader, &self.scope, range).await? {
                self.look_at_account(user).await?;
            }
        }
        // It is lower after the newest changes were pruned or lost.
        self.delivered.changes = until;
        Ok(())
    }

    /// Reads each session of the user once, however many connections it has.
    async fn look_at_account(&self, user: UserId) -> Result<()> {
        let mut states: HashMap<SessionId, Option<AccountState>> = HashMap::new();
        for connection_user in self.registry.connections_of(user) {
            let session = connection_user.signed_in().session;
            let state = match states.get(&session) {
                Some(state) => *state,
                None => session::state_of(&self.store, user, session).await?,
            };
            states.insert(session, state);
            connection_user.set_change(state);
        }
        self.registry.role_changed(user);
        Ok(())
    }

    /// Delivers the next events before a position.
    async fn deliver_batch(&mut self, settled: &Settled) -> Result<()> {
        let until = settled.events;
        let (reader, range) = (self.store.system_reader(), self.delivered.events..until);
        let (events, more_from) = store::event::log::read(reader, &self.scope, range, None, BATCH).await?;
        metrics::counter!(metric::LIVE_EVENTS).increment(u64::try_from(events.len()).unwrap_or_default());
        let (now, delays) = (self.clock.now(), metrics::histogram!(metric::LIVE_DELAY));
        for event in &events {
            delays.record((now - event.event.occurred_at).to_std().unwrap_or_default());
        }
        let users = Some(settled.users);
        let events = events.into_iter();
        let events: Vec<_> = events.map(|event| Arc::new(LoggedEvent { users, ..event })).collect();
        let is_last = more_from.is_none();
        self.present.remember(&events, is_last && !settled.is_waiting);
        for event in &events {
            self.registry.dispatch(event);
        }
        self.delivered.events = more_from.unwrap_or(until);
        Ok(())
    }

    /// Delivers the notifications before a position, if there are subscriptions.
    async fn deliver_notifications(&mut self, until: notification::NotificationPosition) -> Result<()> {
        while self.delivered.notifications < until && self.registry.awaits_notifications() {
            let (reader, range) = (self.store.system_reader(), self.delivered.notifications..until);
            let (notifications, more_from) = store::notification::read(reader, &self.notified, range, BATCH).await?;
            for notification in notifications {
                self.registry.notify(&Arc::new(notification));
            }
            self.delivered.notifications = more_from.unwrap_or(until);
        }
        // It is lower after the newest were lost, or deleted with their user.
        self.delivered.notifications = until;
        Ok(())
    }
}

/// Since when entries have been undelivered: the start of the first look that failed or is still running.
#[derive(Debug, Default)]
pub(super) struct Progress {
    behind_since: Mutex<Option<Instant>>,
}

impl Progress {
    fn begin(&self) -> Instant {
        *self.behind_since().get_or_insert_with(Instant::now)
    }

    fn end(&self) {
        *self.behind_since() = None;
    }

    /// How long live delivery has been behind the log.
    pub(super) fn lag(&self) -> Duration {
        self.behind_since().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn behind_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.behind_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs the start and the end of each problem once.
#[derive(Debug, Default)]
struct Trouble {
    has_failed: bool,
    is_reported: bool,
}

impl Trouble {
    fn log_change(&mut self, look: &Result<Look>, behind_since: Instant) {
        if std::mem::replace(&mut self.has_failed, look.is_err()) != look.is_err() {
            if let Err(error) = look {
                let cause = error.cause();
                tracing::warn!("live delivery cannot read the event log and tries again: {error}: {cause:?}");
            } else {
                tracing::info!("live delivery reads the event log again");
            }
        }
        if matches!(look, Ok(Look::CaughtUp)) {
            self.is_reported = false;
        }
        if matches!(look, Ok(Look::Waiting)) && !self.is_reported && behind_since.elapsed() > WORTH_A_WARNING {
            self.is_reported = true;
            tracing::warn!(
                "live delivery waits for a transaction that has been open for more than {} s in the database's cluster",
                WORTH_A_WARNING.as_secs()
            );
        }
    }
}
