//! Subscriptions of this node, indexed by user and task. Delivery looks up only the receivers of an event, whatever the
//! number of subscriptions.

use std::collections::{BTreeMap, BTreeSet};
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
    /// Sends without waiting. A full buffer ends the connection, so that slow clients do not delay others. False if the
    /// item was not sent.
    fn send(&self, item: T) -> bool {
        if self.has_missed.load(Ordering::Relaxed) {
            return false;
        }
        match self.sender.try_send(item) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.has_missed.store(true, Ordering::Relaxed);
                self.connection_user.end(Ending::Slow);
                metrics::counter!(metric::LIVE_SLOW).increment(1);
                false
            }
            // The stream was dropped, and unregisters.
            Err(TrySendError::Closed(_)) => false,
        }
    }
}

/// Sends an item to these subscribers.
fn send_to<'a, T: 'a>(subscribers: impl Iterator<Item = &'a Arc<Subscriber<Arc<T>>>>, item: &Arc<T>) {
    let sent = subscribers.map(|subscriber| u64::from(subscriber.send(Arc::clone(item))));
    metrics::counter!(metric::LIVE_DELIVERIES).increment(sent.sum());
}

/// Entries by key and number.
type Index<K, T> = BTreeMap<(K, u64), T>;

type EventSubscriber = Arc<Subscriber<Arc<LoggedEvent>>>;

/// Each number is given once, so it identifies an entry in all indexes.
#[derive(Debug, Default)]
struct Watchers {
    last_number: u64,
    /// Set on shutdown; new connections end at once.
    is_closed: bool,
    /// Subscriptions to everything that the user sees.
    by_user: Index<UserId, EventSubscriber>,
    /// Those of administrators. The role is checked again for each event.
    admins: BTreeMap<u64, EventSubscriber>,
    /// Subscriptions to certain tasks.
    by_task: Index<TaskId, EventSubscriber>,
    /// Subscriptions to notifications.
    notified: Index<UserId, Arc<Subscriber<Arc<LoggedNotification>>>>,
    connections: Index<UserId, Arc<ConnectionUser>>,
}

/// The entries of a key, with their numbers.
fn entries_of<K: Copy + Ord, T>(index: &Index<K, T>, key: K) -> impl Iterator<Item = (u64, &T)> {
    let entries = index.range((key, 0)..=(key, u64::MAX));
    entries.map(|((_, number), entry)| (*number, entry))
}

/// The subscriptions and connections of this node.
#[derive(Debug, Default)]
pub(super) struct Registry {
    watchers: Mutex<Watchers>,
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
    /// The tasks of a subscription to certain tasks.
    tasks: Vec<TaskId>,
}

impl Drop for RegistrationGuard {
    fn drop(&mut self) {
        metrics::gauge!(metric::LIVE_SUBSCRIPTIONS).decrement(1.0);
        let mut watchers = self.registry.watchers();
        watchers.by_user.remove(&(self.user, self.number));
        watchers.admins.remove(&self.number);
        watchers.notified.remove(&(self.user, self.number));
        for task in &self.tasks {
            watchers.by_task.remove(&(*task, self.number));
        }
    }
}

impl Registry {
    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn connect(registry: &Arc<Self>, user: SignedIn) -> LiveConnection {
        let connection_user = Arc::new(ConnectionUser::new(user));
        let mut watchers = registry.watchers();
        if watchers.is_closed {
            connection_user.end(Ending::Shutdown);
        }
        let number = watchers.number();
        watchers
            .connections
            .insert((user.id, number), Arc::clone(&connection_user));
        metrics::gauge!(metric::LIVE_CONNECTIONS).increment(1.0);
        LiveConnection::new(connection_user, number, registry)
    }

    pub(super) fn disconnect(&self, user: UserId, number: u64) {
        metrics::gauge!(metric::LIVE_CONNECTIONS).decrement(1.0);
        self.watchers().connections.remove(&(user, number));
    }

    pub(super) fn connections_of(&self, user: UserId) -> Vec<Arc<ConnectionUser>> {
        let watchers = self.watchers();
        let connections = entries_of(&watchers.connections, user);
        connections
            .map(|(_, connection_user)| Arc::clone(connection_user))
            .collect()
    }

    pub(super) fn end_all(&self, ending: Ending) {
        for connection_user in self.watchers().connections.values() {
            connection_user.end(ending);
        }
    }

    /// Ends one in `parts` of the open connections, rounded up.
    pub(super) fn end_one_of(&self, parts: usize, ending: Ending) {
        let watchers = self.watchers();
        let open: Vec<&Arc<ConnectionUser>> = watchers
            .connections
            .values()
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

    pub(super) fn connection_count(&self) -> usize {
        self.watchers().connections.len()
    }

    /// Number of subscriptions; a subscription to several tasks counts for each of them.
    pub(super) fn subscribers(&self) -> usize {
        let watchers = self.watchers();
        watchers.by_user.len() + watchers.by_task.len() + watchers.notified.len()
    }

    pub(super) fn connection_count_of(&self, user: UserId) -> usize {
        entries_of(&self.watchers().connections, user).count()
    }

    /// Updates the index after a user became an administrator or stopped being one.
    pub(super) fn role_changed(&self, user: UserId) {
        let mut watchers = self.watchers();
        let Watchers { by_user, admins, .. } = &mut *watchers;
        for (number, subscriber) in entries_of(by_user, user) {
            if subscriber.connection_user.signed_in().role == Role::Admin {
                admins.insert(number, Arc::clone(subscriber));
            } else {
                admins.remove(&number);
            }
        }
    }

    /// Subscribes to the events of these tasks; without them, to everything that the user sees.
    pub(super) fn watch(
        registry: &Arc<Self>,
        connection_user: &Arc<ConnectionUser>,
        tasks: Option<&[TaskId]>,
    ) -> Registration<Arc<LoggedEvent>> {
        let of_tasks = tasks.unwrap_or_default().to_vec();
        Self::register(registry, connection_user, of_tasks, |watchers, user, number, entry| {
            let Some(tasks) = tasks else {
                if user.role == Role::Admin {
                    watchers.admins.insert(number, Arc::clone(&entry));
                }
                watchers.by_user.insert((user.id, number), entry);
                return;
            };
            for task in tasks {
                watchers.by_task.insert((*task, number), Arc::clone(&entry));
            }
        })
    }

    /// Subscribes to the notifications of a user.
    pub(super) fn listen(
        registry: &Arc<Self>,
        connection_user: &Arc<ConnectionUser>,
    ) -> Registration<Arc<LoggedNotification>> {
        Self::register(
            registry,
            connection_user,
            Vec::new(),
            |watchers, user, number, entry| {
                watchers.notified.insert((user.id, number), entry);
            },
        )
    }

    fn register<T>(
        registry: &Arc<Self>,
        connection_user: &Arc<ConnectionUser>,
        tasks: Vec<TaskId>,
        insert: impl FnOnce(&mut Watchers, SignedIn, u64, Arc<Subscriber<T>>),
    ) -> Registration<T> {
        metrics::gauge!(metric::LIVE_SUBSCRIPTIONS).increment(1.0);
        let (sender, receiver) = mpsc::channel(BUFFER);
        let subscriber = Subscriber {
            connection_user: Arc::clone(connection_user),
            sender,
            has_missed: AtomicBool::new(false),
        };
        let mut watchers = registry.watchers();
        // With the lock, so that `role_changed` finds the subscription or the role is read after the change.
        let user = connection_user.signed_in();
        let number = watchers.number();
        insert(&mut watchers, user, number, Arc::new(subscriber));
        Registration {
            receiver,
            _guard: RegistrationGuard {
                registry: Arc::clone(registry),
                user: user.id,
                number,
                tasks,
            },
        }
    }

    /// Sends an event to its receivers.
    pub(super) fn dispatch(&self, event: &Arc<LoggedEvent>) {
        let watchers = self.watchers();
        let of_audience = event
            .audience
            .iter()
            .flat_map(|user| entries_of(&watchers.by_user, *user));
        // Administrators are added below, once.
        let of_audience = of_audience
            .filter(|(number, _)| !watchers.admins.contains_key(number))
            .map(|(_, subscriber)| subscriber);
        let of_task = entries_of(&watchers.by_task, event.event.task_id).map(|(_, subscriber)| subscriber);
        let others = watchers.admins.values().chain(of_task);
        let others = others.filter(|subscriber| may_receive(&subscriber.connection_user, &event.audience));
        send_to(of_audience.chain(others), event);
    }

    pub(super) fn awaits_notifications(&self) -> bool {
        !self.watchers().notified.is_empty()
    }

    pub(super) fn notify(&self, notification: &Arc<LoggedNotification>) {
        let watchers = self.watchers();
        let of_user = entries_of(&watchers.notified, notification.notification.user_id);
        send_to(of_user.map(|(_, subscriber)| subscriber), notification);
    }
}

impl Watchers {
    fn number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}

/// Whether the policy permits the user of a connection to receive an event, by their current role.
pub(super) fn may_receive(connection_user: &ConnectionUser, audience: &BTreeSet<UserId>) -> bool {
    let scope = policy::scope::<policy::Tasks>(&Actor::User(connection_user.signed_in()));
    scope.is_ok_and(|scope| scope.can_receive(audience))
}
