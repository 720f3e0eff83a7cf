//! What one subscription gets: first what it missed, read from the log, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::attendance::{Attendance, Attendee};
use super::registry::{Registry, Seat, Topic, may_hear};
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventCursor, EventType, LoggedEvent, Place, TaskEvent};
use crate::domain::id::TaskId;
use crate::domain::local_time::{DEFAULT_TIME_ZONE, LocalNow};
use crate::domain::notification::Notification;
use crate::domain::policy;
use crate::domain::store::log::{Batch, Part, Settled};
use crate::domain::store::{self, Store};
use crate::domain::task::{BoundedFilter, Snapshot};

/// So many events are read at once.
const BATCH: u64 = 200;

/// Which events a subscription wants of those that its user may see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Only those of these tasks.
    pub tasks: Option<Vec<TaskId>>,
    /// Only those of these types.
    pub types: Option<Vec<EventType>>,
    /// Only those whose task passed this before or after, so that a task that leaves a list is announced too.
    pub filter: BoundedFilter,
    /// Only those that changed the status.
    pub moves_only: bool,
}

impl Watch {
    fn topic(&self) -> Topic {
        self.tasks.clone().map_or(Topic::Everything, Topic::Tasks)
    }

    /// Whether it wants this event of one of its tasks.
    fn wants(&self, LoggedEvent { event, .. }: &LoggedEvent) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&event.kind))
            && (!self.moves_only || event.previous_status.is_some_and(|before| before != event.status))
            && self.passes_before_or_after(event)
    }

    fn passes_before_or_after(&self, event: &TaskEvent) -> bool {
        if self.filter.is_empty() {
            return true;
        }
        // No condition of events depends on the time zone.
        let now = LocalNow::at(event.occurred_at, DEFAULT_TIME_ZONE);
        let passes = |task: &Snapshot| self.filter.passes(task, now);
        // What cannot be read is delivered: nothing may be lost.
        passes(&event.task)
            || event
                .before()
                .map_or(true, |before| before.as_ref().is_some_and(passes))
    }
}

/// How far a subscription has come.
#[derive(Debug)]
enum Phase {
    /// It reads the log from a place on, and is not registered: what happens meanwhile is in the log too.
    CatchingUp { from: Place },
    /// It is registered, and reads the rest of the log: what is settled by now.
    Closing { from: Place, until: Place },
    /// It gets what comes. What is before this place it has.
    Live { from: Place },
}

/// The events of one subscription.
#[derive(Debug)]
pub struct EventStream {
    store: Store,
    registry: Arc<Registry>,
    attendee: Arc<Attendee>,
    watch: Watch,
    phase: Phase,
    read: VecDeque<Arc<LoggedEvent>>,
    seat: Option<Seat<Arc<LoggedEvent>>>,
}

impl EventStream {
    pub(super) async fn open(
        store: &Store,
        registry: &Arc<Registry>,
        attendance: &Attendance,
        watch: Watch,
        after: Option<&EventCursor>,
    ) -> Result<Self> {
        let mut stream = Self {
            store: store.clone(),
            registry: Arc::clone(registry),
            attendee: Arc::clone(&attendance.attendee),
            watch,
            phase: Phase::Live { from: Place::default() },
            read: VecDeque::new(),
            seat: None,
        };
        match after {
            Some(after) => {
                stream.phase = Phase::CatchingUp {
                    from: stream.resume(after).await?,
                }
            }
            None => stream.take_seat(),
        }
        Ok(stream)
    }

    /// The place behind a cursor. Fails when what came behind it is not known any more.
    async fn resume(&self, after: &EventCursor) -> Result<Place> {
        let settled = self.settled().await?;
        if after.log != settled.log || after.place() < settled.pruned {
            return Err(Error::ResyncRequired);
        }
        // The cursor of an event that somebody saw in a history can lie ahead of what is settled; others
        // of less standing may still come before it.
        Ok(after.place().next().min(settled.events))
    }

    async fn settled(&self) -> Result<Settled> {
        let actor = Actor::User(self.attendee.signed_in());
        let scope = policy::scope(&actor)?;
        store::log::settled(&self.store.reader(&actor), &scope).await
    }

    fn take_seat(&mut self) {
        let seat = Registry::watch(&self.registry, &self.attendee, self.watch.topic());
        self.seat = Some(seat);
    }

    /// The next event; `None` once the subscription is ended. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Arc<LoggedEvent>>> {
        loop {
            while let Some(event) = self.read.pop_front() {
                if self.is_for_it(&event) {
                    return Some(Ok(event));
                }
            }
            let from = match self.phase {
                Phase::Live { from } => from,
                Phase::CatchingUp { .. } | Phase::Closing { .. } => match self.read_on().await {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                },
            };
            let event = self.seat.as_mut()?.receiver.recv().await?;
            if event.event.cursor.place() >= from && self.is_for_it(&event) {
                return Some(Ok(event));
            }
        }
    }

    /// Whether the event is wanted, and may be heard in the role that the user has now.
    fn is_for_it(&self, event: &LoggedEvent) -> bool {
        self.watch.wants(event) && may_hear(&self.attendee, &event.audience)
    }

    /// Reads the next part of the log.
    async fn read_on(&mut self) -> Result<()> {
        let (from, until, is_closing) = match self.phase {
            Phase::CatchingUp { from } => (from, self.settled().await?.events, false),
            Phase::Closing { from, until } => (from, until, true),
            Phase::Live { .. } => return Ok(()),
        };
        let batch = self.batch(from, until).await?;
        self.phase = match (batch.more_from, is_closing) {
            (Some(from), false) => Phase::CatchingUp { from },
            (Some(from), true) => Phase::Closing { from, until },
            (None, true) => Phase::Live { from: until },
            (None, false) => {
                self.take_seat();
                // Settled after the seat was taken: whatever is settled later comes to the seat.
                let settled = self.settled().await?;
                Phase::Closing {
                    from: until,
                    until: settled.events,
                }
            }
        };
        self.read.extend(batch.events.into_iter().map(Arc::new));
        Ok(())
    }

    async fn batch(&self, from: Place, until: Place) -> Result<Batch> {
        let actor = Actor::User(self.attendee.signed_in());
        let scope = policy::scope(&actor)?;
        let part = Part {
            from,
            until,
            tasks: self.watch.tasks.as_deref(),
        };
        store::log::read(&self.store.reader(&actor), &scope, part, BATCH).await
    }
}

/// The notifications of one subscription.
#[derive(Debug)]
pub struct NotificationStream {
    seat: Seat<Arc<Notification>>,
}

impl NotificationStream {
    pub(super) fn open(registry: &Arc<Registry>, attendance: &Attendance) -> Self {
        Self {
            seat: Registry::listen(registry, &attendance.attendee),
        }
    }

    /// The next notification; `None` once the subscription is ended.
    pub async fn next(&mut self) -> Option<Arc<Notification>> {
        self.seat.receiver.recv().await
    }
}
