//! Subscriptions of this node, indexed by user and task. Delivery looks up only the receivers of an event, whatever the
//! number of subscriptions.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::live_connections::{ConnectionUser, Ending, LiveConnection};
use crate::domain::actor::{Actor, Role, SignedIn};
use crate::domain::event::LoggedEvent;
use crate::domain::id::{TaskId, UserId};
use crate::domain::notification::LoggedNotification;
use crate::domain::policy;
use crate::telemetry::metric;

/// Maximum number of events that wait for one subscription; above it, the connection ends.
const BUFFER: usize = 256;

#[derive(Debug)]
struct Subscriber<T> {
    connection_user: Arc<ConnectionUser>,
    sender: mpsc::Sender<T>,
    /// Set when the buffer was full. Nothing is sent afterwards, so that clients see no gap before the end.
    has_missed: AtomicBool,
}

impl<T> Subscriber<T> {
    /// Sends without waiting. A full buffer ends the connection, so that slow clients do not delay others.
    fn send(&self, item: T) {
        if self.has_missed.load(Ordering::Relaxed) {
            return;
        }
        match self.sender.try_send(item) {
            Ok(()) => metrics::counter!(metric::LIVE_DELIVERIES).increment(1),
            Err(TrySendError::Full(_)) => {
                self.has_missed.store(true, Ordering::Relaxed);
                self.connection_user.end(Ending::Slow);
                metrics::counter!(metric::LIVE_SLOW).increment(1);
            }
            // The stream was dropped, and unregisters.
            Err(TrySendError::Closed(_)) => {}
        }
    }
}

/// Subscriptions by key and number.
type Index<K, T> = HashMap<K, HashMap<u64, Arc<Subscriber<T>>>>;

type EventSubscriber = Arc<Subscriber<Arc<LoggedEvent>>>;

#[derive(Debug, Default)]
struct Watchers {
    last_number: u64,
    /// Set on shutdown; new connections end at once.
    is_closed: bool,
    /// Subscriptions to everything that the user sees.
    by_user: Index<UserId, Arc<LoggedEvent>>,
    /// Those of administrators. The role is checked again for each event.
    admins: HashMap<u64, EventSubscriber>,
    /// Subscriptions to certain tasks.
    by_task: Index<TaskId, Arc<LoggedEvent>>,
    /// Subscriptions to notifications.
    notified: Index<UserId, Arc<LoggedNotification>>,
    connections: HashMap<UserId, HashMap<u64, Arc<ConnectionUser>>>,
}

/// The subscriptions and connections of this node.
#[derive(Debug, Default)]
pub(super) struct Registry {
    watchers: Mutex<Watchers>,
}

/// The topic of a subscription to events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    /// Everything that the user sees.
    Everything,
    /// These tasks.
    Tasks(Vec<TaskId>),
}

/// A registered subscription. Dropping it unregisters it.
#[derive(Debug)]
pub(super) struct Registration<T> {
    pub(super) receiver: mpsc::Receiver<T>,
    _guard: RegistrationGuard,
}

#[derive(Debug)]
struct RegistrationGuard {
    registry: Arc<Registry>,
    user: UserId,
    number: u64,
    topic: Option<Topic>,
}

impl Drop for RegistrationGuard {
    fn drop(&mut self) {
        metrics::gauge!(metric::LIVE_SUBSCRIPTIONS).decrement(1.0);
        let mut watchers = self.registry.watchers();
        match &self.topic {
            Some(Topic::Everything) => {
                remove(&mut watchers.by_user, &self.user, self.number);
                watchers.admins.remove(&self.number);
            }
            Some(Topic::Tasks(tasks)) => {
                for task in tasks {
                    remove(&mut watchers.by_task, task, self.number);
                }
            }
            None => remove(&mut watchers.notified, &self.user, self.number),
        }
    }
}

fn remove<K: Eq + Hash, T>(index: &mut HashMap<K, HashMap<u64, T>>, key: &K, number: u64) {
    if let Some(entries) = index.get_mut(key) {
        entries.remove(&number);
        if entries.is_empty() {
            index.remove(key);
        }
    }
}

impl Registry {
    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers a connection of a user.
    pub(super) fn connect(registry: &Arc<Self>, user: SignedIn) -> LiveConnection {
        let connection_user = Arc::new(ConnectionUser::new(user));
        let mut watchers = registry.watchers();
        if watchers.is_closed {
            connection_user.end(Ending::Shutdown);
        }
        let number = watchers.number();
        watchers
            .connections
            .entry(user.id)
            .or_default()
            .insert(number, Arc::clone(&connection_user));
        metrics::gauge!(metric::LIVE_CONNECTIONS).increment(1.0);
        LiveConnection::new(connection_user, number, registry)
    }

    /// Unregisters a connection.
    pub(super) fn disconnect(&self, user: UserId, number: u64) {
        metrics::gauge!(metric::LIVE_CONNECTIONS).decrement(1.0);
        remove(&mut self.watchers().connections, &user, number);
    }

    pub(super) fn connections_of(&self, user: UserId) -> Vec<Arc<ConnectionUser>> {
        let watchers = self.watchers();
        let found = watchers.connections.get(&user);
        found.map_or_else(Vec::new, |found| found.values().cloned().collect())
    }

    pub(super) fn end_all(&self, ending: Ending) {
        for connection_user in self.watchers().connections.values().flat_map(HashMap::values) {
            connection_user.end(ending);
        }
    }

    /// Ends one in `parts` of the open connections, rounded up.
    pub(super) fn end_one_of(&self, parts: usize, ending: Ending) {
        let watchers = self.watchers();
        let open: Vec<&Arc<ConnectionUser>> = watchers
            .connections
            .values()
            .flat_map(HashMap::values)
            .filter(|connection_user| !connection_user.has_ended())
            .collect();
        for connection_user in open.iter().take(open.len().div_ceil(parts)) {
            connection_user.end(ending);
        }
    }

    /// Ends all connections, and rejects new ones.
    pub(super) fn close(&self) {
        self.watchers().is_closed = true;
        self.end_all(Ending::Shutdown);
    }

    /// Number of connections.
    pub(super) fn connection_count(&self) -> usize {
        self.watchers().connections.values().map(HashMap::len).sum()
    }

    /// Number of subscriptions; a subscription to several tasks counts for each of them.
    pub(super) fn subscribers(&self) -> usize {
        let watchers = self.watchers();
        let everything: usize = watchers.by_user.values().map(HashMap::len).sum();
        let tasks: usize = watchers.by_task.values().map(HashMap::len).sum();
        let notified: usize = watchers.notified.values().map(HashMap::len).sum();
        everything + tasks + notified
    }

    /// Number of connections of a user.
    pub(super) fn connection_count_of(&self, user: UserId) -> usize {
        self.watchers().connections.get(&user).map_or(0, HashMap::len)
    }

    /// Updates the index after a user became an administrator or stopped being one.
    pub(super) fn role_changed(&self, user: UserId) {
        let mut watchers = self.watchers();
        let Watchers { by_user, admins, .. } = &mut *watchers;
        for (number, subscriber) in by_user.get(&user).into_iter().flatten() {
            if subscriber.connection_user.signed_in().role == Role::Admin {
                admins.insert(*number, Arc::clone(subscriber));
            } else {
                admins.remove(number);
            }
        }
    }

    /// Subscribes to the events of a topic.
    pub(super) fn watch(
        registry: &Arc<Self>,
        connection_user: &Arc<ConnectionUser>,
        topic: Topic,
    ) -> Registration<Arc<LoggedEvent>> {
        let user = connection_user.signed_in();
        let (subscriber, receiver) = subscriber(connection_user);
        let mut watchers = registry.watchers();
        let number = watchers.number();
        match &topic {
            Topic::Everything => {
                if user.role == Role::Admin {
                    watchers.admins.insert(number, Arc::clone(&subscriber));
                }
                watchers.by_user.entry(user.id).or_default().insert(number, subscriber);
            }
            Topic::Tasks(tasks) => {
                for task in tasks {
                    let watching = watchers.by_task.entry(*task).or_default();
                    watching.insert(number, Arc::clone(&subscriber));
                }
            }
        }
        drop(watchers);
        Registration {
            receiver,
            _guard: RegistrationGuard {
                registry: Arc::clone(registry),
                user: user.id,
                number,
                topic: Some(topic),
            },
        }
    }

    /// Subscribes to the notifications of a user.
    pub(super) fn listen(
        registry: &Arc<Self>,
        connection_user: &Arc<ConnectionUser>,
    ) -> Registration<Arc<LoggedNotification>> {
        let user = connection_user.signed_in().id;
        let (subscriber, receiver) = subscriber(connection_user);
        let mut watchers = registry.watchers();
        let number = watchers.number();
        watchers.notified.entry(user).or_default().insert(number, subscriber);
        drop(watchers);
        Registration {
            receiver,
            _guard: RegistrationGuard {
                registry: Arc::clone(registry),
                user,
                number,
                topic: None,
            },
        }
    }

    /// Sends an event to its receivers.
    pub(super) fn dispatch(&self, event: &Arc<LoggedEvent>) {
        let watchers = self.watchers();
        for (number, subscriber) in event
            .audience
            .iter()
            .filter_map(|user| watchers.by_user.get(user))
            .flatten()
        {
            // Administrators receive it below, once.
            if !watchers.admins.contains_key(number) {
                subscriber.send(Arc::clone(event));
            }
        }
        let of_task = watchers.by_task.get(&event.event.task_id).into_iter().flatten();
        for (_, subscriber) in watchers.admins.iter().chain(of_task) {
            if may_receive(&subscriber.connection_user, &event.audience) {
                subscriber.send(Arc::clone(event));
            }
        }
    }

    /// Whether there is any subscription to notifications.
    pub(super) fn awaits_notifications(&self) -> bool {
        !self.watchers().notified.is_empty()
    }

    /// Sends a notification to its receiver.
    pub(super) fn notify(&self, notification: &Arc<LoggedNotification>) {
        let watchers = self.watchers();
        for subscriber in watchers
            .notified
            .get(&notification.notification.user_id)
            .into_iter()
            .flat_map(HashMap::values)
        {
            subscriber.send(Arc::clone(notification));
        }
    }
}

impl Watchers {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

fn subscriber<T>(connection_user: &Arc<ConnectionUser>) -> (Arc<Subscriber<T>>, mpsc::Receiver<T>) {
    metrics::gauge!(metric::LIVE_SUBSCRIPTIONS).increment(1.0);
    let (sender, receiver) = mpsc::channel(BUFFER);
    let subscriber = Subscriber {
        connection_user: Arc::clone(connection_user),
        sender,
        has_missed: AtomicBool::new(false),
    };
    (Arc::new(subscriber), receiver)
}

/// Whether the policy permits the user of a connection to receive an event, by their current role.
pub(super) fn may_receive(connection_user: &ConnectionUser, audience: &BTreeSet<UserId>) -> bool {
    let scope = policy::scope::<policy::Tasks>(&Actor::User(connection_user.signed_in()));
    scope.is_ok_and(|scope| scope.can_receive(audience))
}
