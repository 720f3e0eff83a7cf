//! Task events of one subscription.

use std::ops::Range;
use std::sync::Arc;

use super::live_connections::ConnectionUser;
use super::registry::{Registration, Registry, may_receive};
use super::stream::{self, BATCH, LogStream, Selection};
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::event::{EventCursor, EventType, LogPosition, LoggedEvent, TaskEvent};
use crate::domain::id::TaskId;
use crate::domain::local_time::{DEFAULT_TIME_ZONE, LocalNow};
use crate::domain::policy;
use crate::domain::store::event::log::Settled;
use crate::domain::store::{self, Store};
use crate::domain::task::{BoundedFilter, Snapshot};

/// The filter of a subscription to events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watch {
    /// Only events of these tasks.
    pub tasks: Option<Vec<TaskId>>,
    /// Only events of these types.
    pub types: Option<Vec<EventType>>,
    /// Only events whose task matches before or after the change, so that clients see tasks leave a list.
    pub filter: BoundedFilter,
    /// Only events that change the status.
    pub moves_only: bool,
}

impl Watch {
    /// Whether the event matches the filter.
    fn wants(&self, LoggedEvent { event, .. }: &LoggedEvent) -> bool {
        self.types.as_ref().is_none_or(|types| types.contains(&event.kind))
            && (!self.moves_only || event.previous_status.is_some_and(|before| before != event.status))
            && self.passes_before_or_after(event)
    }

    fn passes_before_or_after(&self, event: &TaskEvent) -> bool {
        if self.filter.is_empty() {
            return true;
        }
        // No filter condition of events depends on the time zone.
        let now = LocalNow::at(event.occurred_at, DEFAULT_TIME_ZONE);
        let passes = |task: &Snapshot| self.filter.passes(task, now);
        // An event with an unreadable state is delivered, so that none is lost.
        passes(&event.task)
            || event
                .before()
                .map_or(true, |before| before.as_ref().is_some_and(passes))
    }
}

impl Selection for Watch {
    type Entry = LoggedEvent;
    type Position = LogPosition;
    type Cursor = EventCursor;

    fn settled(settled: &Settled) -> LogPosition {
        settled.events
    }

    fn after(cursor: &EventCursor, settled: &Settled) -> Result<LogPosition> {
        settled.check_known(&cursor.log, cursor.place())?;
        Ok(cursor.place().next())
    }

    fn position(event: &LoggedEvent) -> LogPosition {
        event.event.cursor.place()
    }

    async fn read(&self, store: &Store, actor: &Actor, range: Range<LogPosition>) -> Result<stream::Batch<Self>> {
        let scope = policy::scope(actor)?;
        store::event::log::read(&store.reader(actor), &scope, range, self.tasks.as_deref(), BATCH).await
    }

    fn register(
        &self,
        registry: &Arc<Registry>,
        connection_user: &Arc<ConnectionUser>,
    ) -> Registration<Arc<LoggedEvent>> {
        Registry::watch(registry, connection_user, self.tasks.as_deref())
    }

    fn is_for(&self, connection_user: &ConnectionUser, event: &LoggedEvent) -> bool {
        self.wants(event) && may_receive(connection_user, &event.audience)
    }
}

/// The event stream of one subscription.
#[derive(Debug)]
pub struct EventStream(pub(super) LogStream<Watch>);

impl EventStream {
    /// The next event; `None` after the subscription has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Arc<LoggedEvent>>> {
        self.0.next().await
    }
}
