//! The one task of a node that follows the logs: in the order of commits, woken by the bus, and by a poll
//! where a wake was lost.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::bus::Bus;
use super::live_connections::Ending;
use super::present::PresentTasks;
use super::registry::Registry;
use crate::domain::actor::{AccountState, Actor};
use crate::domain::clock::Clock;
use crate::domain::error::Result;
use crate::domain::event::LogPosition;
use crate::domain::id::{SessionId, UserId};
use crate::domain::notification;
use crate::domain::policy::{self, Notifications, Scope, Tasks};
use crate::domain::session;
use crate::domain::store::event::log::Settled;
use crate::domain::store::{self, Store};
use crate::telemetry::metric;

/// How long the reader waits when nobody wakes it.
const POLL: Duration = Duration::from_secs(1);
/// The least time between two looks: what was written meanwhile is read together.
const GATHER: Duration = Duration::from_millis(2);
/// The wait for an older transaction to end which keeps others from being read; it doubles up to [`POLL`] while
/// that lasts.
const FIRST_WAIT: Duration = Duration::from_millis(4);
/// The wait after a failure.
const AFTER_FAILURE: Duration = Duration::from_millis(250);
/// So many events are read at once.
const BATCH: u64 = 500;
/// An older transaction that keeps events back for so long is worth a line in the log.
const WORTH_A_WARNING: Duration = Duration::from_secs(5);

/// Where the reader delivers what it reads, and reports how far it is.
pub(super) struct Delivery {
    pub(super) registry: Arc<Registry>,
    pub(super) present: Arc<PresentTasks>,
    pub(super) progress: Arc<Progress>,
}

/// The one task of a node that follows the logs.
pub(super) struct EventLogReader {
    store: Store,
    scope: Scope<Tasks>,
    notified: Scope<Notifications>,
    delivery: Delivery,
    clock: Arc<dyn Clock>,
    /// Which log is followed.
    log: String,
    /// Events before this place were handed out.
    events: LogPosition,
    /// Changes to accounts before this place were looked at.
    changes: LogPosition,
    /// Notifications before this place were handed out.
    notifications: notification::NotificationPosition,
}

/// What a look at the logs came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Everything was handed out.
    CaughtUp,
    /// There is more, which an older transaction keeps back.
    Waiting,
}

impl EventLogReader {
    /// A reader that stands where the logs end now.
    pub(super) async fn at_the_end(store: Store, delivery: Delivery, clock: Arc<dyn Clock>) -> Result<Self> {
        let scope = policy::scope(&Actor::System)?;
        let settled = store::event::log::settled(store.system_reader(), &scope).await?;
        Ok(Self {
            store,
            scope,
            notified: policy::scope(&Actor::System)?,
            delivery,
            clock,
            log: settled.log,
            events: settled.events,
            changes: settled.changes,
            notifications: settled.notifications,
        })
    }

    /// Follows the logs for good.
    pub(super) async fn run(mut self, bus: Bus) {
        let mut wait = FIRST_WAIT;
        let mut trouble = Trouble::default();
        loop {
            let began = self.delivery.progress.begin();
            self.delivery.present.begin_look();
            let look = self.look().await;
            if matches!(look, Ok(Look::CaughtUp)) {
                self.delivery.progress.end();
            }
            trouble.note(&look, began);
            let pause = match look {
                Ok(Look::CaughtUp) => POLL,
                Ok(Look::Waiting) => wait,
                Err(_) => {
                    self.delivery.present.fail_look();
                    AFTER_FAILURE
                }
            };
            wait = if matches!(look, Ok(Look::Waiting)) {
                (wait * 2).min(POLL)
            } else {
                FIRST_WAIT
            };
            tokio::time::sleep(GATHER).await;
            tokio::select! {
                () = bus.woken() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Hands out what there is to hand out.
    async fn look(&mut self) -> Result<Look> {
        let settled = store::event::log::settled(self.store.system_reader(), &self.scope).await?;
        if settled.log != self.log {
            tracing::warn!("the event log was replaced: every live connection is closed");
            self.delivery.registry.end_all(Ending::Replaced);
            self.delivery.present.forget();
            self.log = settled.log;
            (self.events, self.changes) = (settled.events, settled.changes);
            self.notifications = settled.notifications;
            return Ok(Look::CaughtUp);
        }
        // Whoever lost a right must have lost it before the events that came after.
        self.look_at_accounts(settled.changes).await?;
        if self.events >= settled.events {
            self.delivery.present.remember(&[], !settled.is_waiting);
        }
        while self.events < settled.events {
            self.hand_out_batch(&settled).await?;
        }
        self.hand_out_notifications(settled.notifications).await?;
        Ok(if settled.is_waiting {
            Look::Waiting
        } else {
            Look::CaughtUp
        })
    }

    async fn look_at_accounts(&mut self, until: LogPosition) -> Result<()> {
        if self.changes >= until {
            return Ok(());
        }
        let reader = self.store.system_reader();
        for user in store::event::log::changed_accounts(reader, &self.scope, self.changes, until).await? {
            self.look_at_account(user).await?;
        }
        self.changes = until;
        Ok(())
    }

    /// Looks up each session of the user once, however many connections it holds open.
    async fn look_at_account(&self, user: UserId) -> Result<()> {
        let mut states: HashMap<SessionId, Option<AccountState>> = HashMap::new();
        for connection_user in self.delivery.registry.attendees_of(user) {
            let session = connection_user.signed_in().session;
            let state = match states.get(&session) {
                Some(state) => *state,
                None => session::state_of(&self.store, user, session).await?,
            };
            states.insert(session, state);
            connection_user.stands(state);
        }
        self.delivery.registry.role_changed(user);
        Ok(())
    }

    /// Hands out the next events before a place.
    async fn hand_out_batch(&mut self, settled: &Settled) -> Result<()> {
        let until = settled.events;
        let part = store::event::log::LogRange {
            from: self.events,
            until,
            tasks: None,
        };
        let batch = store::event::log::read(self.store.system_reader(), &self.scope, part, BATCH).await?;
        metrics::counter!(metric::LIVE_EVENTS).increment(u64::try_from(batch.events.len()).unwrap_or_default());
        let (now, delays) = (self.clock.now(), metrics::histogram!(metric::LIVE_DELAY));
        for event in &batch.events {
            delays.record((now - event.event.occurred_at).to_std().unwrap_or_default());
        }
        let events: Vec<_> = batch.events.into_iter().map(Arc::new).collect();
        let is_last = batch.more_from.is_none();
        self.delivery.present.remember(&events, is_last && !settled.is_waiting);
        for event in &events {
            self.delivery.registry.dispatch(event);
        }
        self.events = batch.more_from.unwrap_or(until);
        Ok(())
    }

    /// Hands out the notifications before a place, if anybody waits for any.
    async fn hand_out_notifications(&mut self, until: notification::NotificationPosition) -> Result<()> {
        while self.notifications < until && self.delivery.registry.awaits_notifications() {
            let part = store::notification::NotificationRange {
                from: self.notifications,
                until,
            };
            let reader = self.store.system_reader();
            let (notifications, more_from) = store::notification::read(reader, &self.notified, part, BATCH).await?;
            for notification in notifications {
                self.delivery.registry.notify(&Arc::new(notification));
            }
            self.notifications = more_from.unwrap_or(until);
        }
        self.notifications = self.notifications.max(until);
        Ok(())
    }
}

/// Since when not everything in the logs was handed out: from the start of the first look that did not end well, or has
/// not ended.
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

    /// For how long live delivery has been behind the log.
    pub(super) fn lag(&self) -> Duration {
        self.behind_since().map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn behind_since(&self) -> MutexGuard<'_, Option<Instant>> {
        self.behind_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the operator is told: once when it begins, once when it is over.
#[derive(Debug, Default)]
struct Trouble {
    has_failed: bool,
    is_told: bool,
}

impl Trouble {
    fn note(&mut self, look: &Result<Look>, behind_since: Instant) {
        match look {
            Err(error) if !self.has_failed => {
                self.has_failed = true;
                let cause = error.cause();
                tracing::warn!("live delivery cannot read the event log and tries again: {error}: {cause:?}");
            }
            Ok(_) if self.has_failed => {
                self.has_failed = false;
                tracing::info!("live delivery reads the event log again");
            }
            Err(_) | Ok(_) => {}
        }
        if matches!(look, Ok(Look::CaughtUp)) {
            self.is_told = false;
        }
        if matches!(look, Ok(Look::Waiting)) && !self.is_told && behind_since.elapsed() > WORTH_A_WARNING {
            self.is_told = true;
            tracing::warn!(
                "live delivery waits for a transaction that is open for more than {} s in the database's cluster",
                WORTH_A_WARNING.as_secs()
            );
        }
    }
}
