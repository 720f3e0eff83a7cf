//! Live delivery: clients receive every event that they may see, once, in the order of the log.
//!
//! | module | content |
//! |---|---|
//! | `bus` | wakes readers after a commit |
//! | `redis` | wakes the readers of other nodes |
//! | `event_log_reader` | the task of a node that reads the logs |
//! | `registry` | subscriptions by user and task |
//! | `present` | the current state of the tasks of events |
//! | `live_connections` | open connections, which end with their session |
//! | `stream` | one subscription to a log: missed entries, then new ones |
//! | `events` | streams of task events |
//! | `notifications` | streams of notifications |
//!
//! Live delivery stores nothing about clients. The log in the database is the only source, and with a cursor a client
//! can continue on any node.

mod bus;
mod event_log_reader;
mod events;
mod live_connections;
mod notifications;
mod present;
mod redis;
mod registry;
mod stream;

pub(crate) use self::bus::Bus;
pub use self::events::{EventStream, Watch};
pub use self::live_connections::{Ending, LiveConnection};
pub use self::notifications::NotificationStream;
pub use self::present::{Moment, PresentTask, VisibleTask};
pub(crate) use self::redis::news_channel;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, watch};
use tokio::task::JoinSet;

use self::event_log_reader::{EventLogReader, Progress};
use self::notifications::OwnNotifications;
use self::present::PresentTasks;
use self::registry::Registry;
use self::stream::LogStream;
use super::Core;
use super::actor::Actor;
use super::error::{Error, Result, SignedOut};
use super::event::{EventCursor, LoggedEvent};
use super::id::TaskId;
use super::notification::NotificationCursor;
use super::policy::{self, SeeTask};
use super::random::hexadecimal;
use super::store;
use crate::redis::Redis;

/// Number of waves in which connections are ended before a shutdown.
const DRAIN_WAVES: u32 = 10;
/// Random bytes in the name of a node.
const NAME_BYTES: usize = 8;

/// Live delivery of one node.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    registry: Arc<Registry>,
    present: Arc<PresentTasks>,
    pub(super) bus: Bus,
    progress: Arc<Progress>,
    /// The reader starts with the first subscription.
    reader: OnceCell<()>,
    /// Background tasks, which end when the hub is dropped.
    tasks: Mutex<JoinSet<()>>,
    /// Whether the server shuts down.
    closing: watch::Sender<bool>,
}

impl Hub {
    pub(super) fn new(bus: Bus) -> Self {
        Self { bus, ..Self::default() }
    }

    /// Starts the reader, unless it runs.
    pub(super) async fn follow(&self, core: &Core) -> Result<()> {
        let start = async || {
            let reader = EventLogReader::at_the_end(core).await?;
            self.spawn(reader.run(self.bus.clone()));
            Ok(())
        };
        self.reader.get_or_try_init(start).await.copied()
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task);
    }
}

/// The use cases of live delivery.
#[derive(Clone, Copy, Debug)]
pub struct Live<'a> {
    core: &'a Core,
}

impl<'a> Live<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Connects this node with others through Redis.
    pub fn join(self, redis: &Redis) {
        let name = hexadecimal(self.core.randomness.as_ref(), NAME_BYTES);
        let hub = &self.core.hub;
        hub.spawn(redis::publish(redis.clone(), hub.bus.clone(), name.clone()));
        hub.spawn(redis::listen(redis.client().clone(), hub.bus.clone(), name));
    }

    /// Registers a connection of the actor. It ends when the session ends, from the moment of this call.
    pub async fn attend(self, actor: &Actor) -> Result<LiveConnection> {
        let user = actor.signed_in()?;
        self.core.hub.follow(self.core).await?;
        let live_connection = Registry::connect(&self.core.hub.registry, user);
        // The session may have ended between the check of the token and the registration.
        live_connection.connection_user.look_up(&self.core.store).await?;
        Ok(live_connection)
    }

    /// Events of tasks that the user of the connection may see. With `after` it starts after that cursor.
    pub async fn events(
        self,
        live_connection: &LiveConnection,
        watch: Watch,
        after: Option<&EventCursor>,
    ) -> Result<EventStream> {
        let stream = LogStream::open(self.core, live_connection, watch, after).await?;
        Ok(EventStream(stream))
    }

    /// The current task of an event, and how long it may be shown to others.
    pub async fn present_task(self, event: &LoggedEvent) -> Result<(PresentTask, Moment)> {
        self.core.hub.present.of(&self.core.store, event).await
    }

    /// Notifications of the user of the connection. With `after` it starts after that cursor.
    pub async fn notifications(
        self,
        live_connection: &LiveConnection,
        after: Option<&NotificationCursor>,
    ) -> Result<NotificationStream> {
        let stream = LogStream::open(self.core, live_connection, OwnNotifications, after).await?;
        Ok(NotificationStream(stream))
    }

    /// Ends the open connections in waves over `time`, so that clients do not all reconnect to the other servers at
    /// once.
    pub async fn drain(self, time: Duration) {
        for waves_left in (1..=DRAIN_WAVES).rev() {
            tokio::time::sleep(time / DRAIN_WAVES).await;
            let parts = usize::try_from(waves_left).unwrap_or(1);
            self.core.hub.registry.end_one_of(parts, Ending::Shutdown);
        }
    }

    /// Ends all connections and rejects new ones, for a shutdown.
    pub fn close(self) {
        self.core.hub.registry.close();
        self.core.hub.closing.send_replace(true);
    }

    /// Waits for [`Self::close`]: for connections without a user.
    pub fn closing(self) -> impl Future<Output = ()> + Send + 'static {
        let mut closing = self.core.hub.closing.subscribe();
        async move {
            // The sender lives as long as the server.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// The actor of a connection, read from the database instead of the last update. Fails if the session has ended.
    pub async fn look_up(self, live_connection: &LiveConnection) -> Result<Actor> {
        live_connection.connection_user.look_up(&self.core.store).await?;
        if live_connection.connection_user.has_ended() {
            return Err(Error::Unauthenticated(SignedOut::Revoked));
        }
        Ok(live_connection.actor())
    }

    /// Number of connections of the same user on this server, including this one.
    #[must_use]
    pub fn connections_beside(self, live_connection: &LiveConnection) -> usize {
        let user = live_connection.connection_user.signed_in().id;
        self.core.hub.registry.connection_count_of(user)
    }

    /// How long this server has been behind the event log; zero if it has delivered every event or has no
    /// subscriptions.
    #[must_use]
    pub fn lag(self) -> Duration {
        self.core.hub.progress.lag()
    }

    /// Number of subscriptions on this server.
    #[must_use]
    pub fn subscribers(self) -> usize {
        self.core.hub.registry.subscribers()
    }

    /// Number of open connections on this server.
    #[must_use]
    pub fn connections(self) -> usize {
        self.core.hub.registry.connection_count()
    }

    /// Fails if the actor may not see the task.
    pub async fn check_sight(self, actor: &Actor, task: TaskId) -> Result<()> {
        let scope = policy::scope(actor)?;
        let found = store::task::find_many(&self.core.store.reader(actor), &scope, &[task]).await?;
        let found = found.first().ok_or_else(|| Error::not_found(task))?;
        policy::permit(actor, SeeTask, found).map(|_| ())
    }
}
