//! Live delivery: whoever watches hears of every event that concerns them, once, in the order of the log.
//!
//! | module | what lives there |
//! |---|---|
//! | `bus` | who is woken when something was committed |
//! | `redis` | the same for the other nodes, where there is a Redis |
//! | `event_log_reader` | the one task of a node that follows the logs |
//! | `registry` | who watches what, by user and by task |
//! | `present` | the tasks of events as they are now |
//! | `live_connections` | a connection that is held open for somebody, until their session ends |
//! | `stream` | what one subscription gets of a log: what it missed, then what comes |
//! | `events` | the same of the events of tasks |
//! | `notifications` | the same of the notifications of a user |
//!
//! Nothing here is kept: the log in the database is the truth, and a cursor into it all that a client needs
//! to go on where it stopped, on any node.

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

use self::event_log_reader::{Delivery, EventLogReader, Progress};
use self::present::PresentTasks;
use self::registry::Registry;
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

/// In so many waves connections are ended before a server stops.
const DRAIN_WAVES: u32 = 10;
/// Random bytes in the name of a node.
const NAME_BYTES: usize = 8;

/// What live delivery holds on a node.
#[derive(Debug)]
pub(crate) struct Hub {
    registry: Arc<Registry>,
    present: Arc<PresentTasks>,
    bus: Bus,
    progress: Arc<Progress>,
    /// The reader runs from the first time that somebody watches.
    reader: OnceCell<()>,
    /// What runs in the background, until the hub is dropped.
    tasks: Mutex<JoinSet<()>>,
    /// Whether the server is about to stop.
    closing: watch::Sender<bool>,
}

impl Hub {
    pub(super) fn new(bus: Bus) -> Self {
        Self {
            registry: Arc::new(Registry::default()),
            present: Arc::default(),
            bus,
            progress: Arc::default(),
            reader: OnceCell::new(),
            tasks: Mutex::default(),
            closing: watch::Sender::new(false),
        }
    }

    /// Who is woken when something was committed.
    pub(super) fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Starts the reader, unless it runs.
    pub(super) async fn follow(&self, core: &Core) -> Result<()> {
        let start = async || {
            let delivery = Delivery {
                registry: Arc::clone(&self.registry),
                present: Arc::clone(&self.present),
                progress: Arc::clone(&self.progress),
            };
            let reader = EventLogReader::at_the_end(core.store.clone(), delivery, Arc::clone(&core.clock)).await?;
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

    /// Wakes the other nodes by way of this Redis, and is woken by them.
    pub fn join(self, redis: &Redis) {
        let name = hexadecimal(self.core.randomness.as_ref(), NAME_BYTES);
        let bus = &self.core.hub.bus;
        self.core
            .hub
            .spawn(redis::publish(redis.clone(), bus.clone(), name.clone()));
        self.core
            .hub
            .spawn(redis::listen(redis.client().clone(), bus.clone(), name));
    }

    /// Attends to a connection that is held open for the actor. It ends when their session does, from the
    /// moment at which this was called.
    pub async fn attend(self, actor: &Actor) -> Result<LiveConnection> {
        let user = actor.signed_in()?;
        self.core.hub.follow(self.core).await?;
        let live_connection = Registry::attend(&self.core.hub.registry, user);
        // The session may have ended after the token was checked and before anybody listened.
        live_connection.connection_user.look_up(&self.core.store).await?;
        Ok(live_connection)
    }

    /// What happens to tasks that the attendance's user may see. With `after` it begins with what happened
    /// behind that cursor.
    pub async fn events(
        self,
        live_connection: &LiveConnection,
        watch: Watch,
        after: Option<&EventCursor>,
    ) -> Result<EventStream> {
        EventStream::open(&self.core.store, &self.core.hub.registry, live_connection, watch, after).await
    }

    /// The task of an event as it is now, and until when.
    pub async fn present_task(self, event: &LoggedEvent) -> Result<(PresentTask, Moment)> {
        self.core.hub.present.of(&self.core.store, event).await
    }

    /// The notifications of the attendance's user. With `after` it begins with those after that cursor.
    pub async fn notifications(
        self,
        live_connection: &LiveConnection,
        after: Option<&NotificationCursor>,
    ) -> Result<NotificationStream> {
        NotificationStream::open(&self.core.store, &self.core.hub.registry, live_connection, after).await
    }

    /// Ends the connections that are held open in waves over this time, so that their clients do not all come to the
    /// other servers at once.
    pub async fn drain(self, time: Duration) {
        for waves_left in (1..=DRAIN_WAVES).rev() {
            tokio::time::sleep(time / DRAIN_WAVES).await;
            let parts = usize::try_from(waves_left).unwrap_or(1);
            self.core.hub.registry.end_one_of(parts, Ending::Shutdown);
        }
    }

    /// Ends every connection that is held open, and each that still comes: the server is about to stop.
    pub fn close(self) {
        self.core.hub.registry.close();
        self.core.hub.closing.send_replace(true);
    }

    /// Waits until [`Self::close`] is called: for connections that are held open for nobody.
    pub fn closing(self) -> impl Future<Output = ()> + Send + 'static {
        let mut closing = self.core.hub.closing.subscribe();
        async move {
            // The sender is gone only with the whole server, which ends whoever waits as well.
            let _ = closing.wait_for(|closing| *closing).await;
        }
    }

    /// On whose behalf the connection is held open, as they stand now and not as they stood when news of them
    /// last came. Fails once their session has ended.
    pub async fn look_up(self, live_connection: &LiveConnection) -> Result<Actor> {
        live_connection.connection_user.look_up(&self.core.store).await?;
        if live_connection.connection_user.has_ended() {
            return Err(Error::Unauthenticated(SignedOut::Revoked));
        }
        Ok(live_connection.actor())
    }

    /// How many connections this server holds open for the user of this one, itself included.
    #[must_use]
    pub fn connections_beside(self, live_connection: &LiveConnection) -> usize {
        let user = live_connection.connection_user.signed_in().id;
        self.core.hub.registry.attendances_of(user)
    }

    /// For how long this server has been behind the event log: zero when it hands out every event, or when nobody
    /// watches.
    #[must_use]
    pub fn lag(self) -> Duration {
        self.core.hub.progress.lag()
    }

    /// How many subscriptions this server has.
    #[must_use]
    pub fn subscribers(self) -> usize {
        self.core.hub.registry.subscribers()
    }

    /// How many connections this server holds open.
    #[must_use]
    pub fn connections(self) -> usize {
        self.core.hub.registry.attendances()
    }

    /// Refuses somebody who may not see a task.
    pub async fn check_sight(self, actor: &Actor, task: TaskId) -> Result<()> {
        let scope = policy::scope(actor)?;
        let found = store::task::find_many(&self.core.store.reader(actor), &scope, &[task]).await?;
        let found = found.first().ok_or_else(|| Error::not_found("task", task))?;
        policy::permit(actor, SeeTask, found).map(|_| ())
    }
}
