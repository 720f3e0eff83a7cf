//! What one subscription gets of a log: first what it missed, read from the database, then what comes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::live_connections::{ConnectionUser, LiveConnection};
use super::registry::{Registration, Registry};
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::store::event::log::Settled;
use crate::domain::store::{self, Store};

/// So many entries are read at once.
pub(super) const BATCH: u64 = 200;

/// Entries as they were read, and where to go on; `None` when these were the last.
pub(super) type Batch<S> = (Vec<<S as Selection>::Entry>, Option<<S as Selection>::Position>);

/// The entries of a log, in the order of commits, that a subscription wants of those that its user may see.
pub(super) trait Selection {
    type Entry: Send + Sync;
    type Position: Copy + Ord + Default + Send;

    /// Nothing becomes visible before this place any more.
    fn settled(settled: &Settled) -> Self::Position;

    /// Where an entry stands.
    fn place(entry: &Self::Entry) -> Self::Position;

    /// The next entries from a place on and before another.
    fn read(
        &self,
        store: &Store,
        actor: &Actor,
        from: Self::Position,
        until: Self::Position,
    ) -> impl Future<Output = Result<Batch<Self>>> + Send
    where
        Self: Sized;

    /// From now on, the entries that come.
    fn register(
        &self,
        registry: &Arc<Registry>,
        connection_user: &Arc<ConnectionUser>,
    ) -> Registration<Arc<Self::Entry>>;

    /// Whether an entry is wanted, and may be received in the role that the user has now.
    fn is_for(&self, connection_user: &ConnectionUser, entry: &Self::Entry) -> bool;
}

/// How far a subscription has come.
#[derive(Debug)]
enum Phase<P> {
    /// It reads the log from a place on, and is not registered: what happens meanwhile is in the log too.
    CatchingUp { from: P },
    /// It is registered, and reads the rest of the log: what is settled by now.
    Closing { from: P, until: P },
    /// It gets what comes. What is before this place it has.
    Live { from: P },
}

/// The entries of one subscription.
pub(super) struct LogStream<S: Selection> {
    store: Store,
    registry: Arc<Registry>,
    connection_user: Arc<ConnectionUser>,
    selection: S,
    phase: Phase<S::Position>,
    read: VecDeque<Arc<S::Entry>>,
    registration: Option<Registration<Arc<S::Entry>>>,
}

impl<S: Selection> LogStream<S> {
    /// Begins with what comes.
    pub(super) fn open(
        store: &Store,
        registry: &Arc<Registry>,
        live_connection: &LiveConnection,
        selection: S,
    ) -> Self {
        let connection_user = Arc::clone(&live_connection.connection_user);
        Self {
            registration: Some(selection.register(registry, &connection_user)),
            store: store.clone(),
            registry: Arc::clone(registry),
            connection_user,
            selection,
            phase: Phase::Live {
                from: S::Position::default(),
            },
            read: VecDeque::new(),
        }
    }

    /// Begins with the first entry from a place on, which `first` finds. It fails when that is not known any more.
    pub(super) async fn resume(
        store: &Store,
        registry: &Arc<Registry>,
        live_connection: &LiveConnection,
        selection: S,
        first: impl FnOnce(&Settled) -> Result<S::Position>,
    ) -> Result<Self> {
        let connection_user = Arc::clone(&live_connection.connection_user);
        let settled = settled(store, &connection_user).await?;
        // A cursor that somebody got from a write or from a history can lie ahead of what is settled; others of
        // lower place may still come before it.
        let from = first(&settled)?.min(S::settled(&settled));
        Ok(Self {
            store: store.clone(),
            registry: Arc::clone(registry),
            connection_user,
            selection,
            phase: Phase::CatchingUp { from },
            read: VecDeque::new(),
            registration: None,
        })
    }

    /// The next entry; `None` once the subscription is ended. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Result<Arc<S::Entry>>> {
        loop {
            while let Some(entry) = self.read.pop_front() {
                if self.selection.is_for(&self.connection_user, &entry) {
                    return Some(Ok(entry));
                }
            }
            let from = match self.phase {
                Phase::Live { from } => from,
                Phase::CatchingUp { .. } | Phase::Closing { .. } => match self.read_on().await {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                },
            };
            let entry = self.registration.as_mut()?.receiver.recv().await?;
            if S::place(&entry) >= from && self.selection.is_for(&self.connection_user, &entry) {
                return Some(Ok(entry));
            }
        }
    }

    /// Reads the next part of the log.
    async fn read_on(&mut self) -> Result<()> {
        let (from, until, is_closing) = match self.phase {
            Phase::CatchingUp { from } => (
                from,
                S::settled(&settled(&self.store, &self.connection_user).await?),
                false,
            ),
            Phase::Closing { from, until } => (from, until, true),
            Phase::Live { .. } => return Ok(()),
        };
        let actor = Actor::User(self.connection_user.signed_in());
        let (entries, more_from) = self.selection.read(&self.store, &actor, from, until).await?;
        self.phase = match (more_from, is_closing) {
            (Some(from), false) => Phase::CatchingUp { from },
            (Some(from), true) => Phase::Closing { from, until },
            (None, true) => Phase::Live { from: until },
            (None, false) => {
                self.registration = Some(self.selection.register(&self.registry, &self.connection_user));
                // Settled after the seat was taken: whatever is settled later comes to the seat.
                let settled = settled(&self.store, &self.connection_user).await?;
                Phase::Closing {
                    from: until,
                    until: S::settled(&settled),
                }
            }
        };
        self.read.extend(entries.into_iter().map(Arc::new));
        Ok(())
    }
}

async fn settled(store: &Store, connection_user: &ConnectionUser) -> Result<Settled> {
    let actor = Actor::User(connection_user.signed_in());
    let scope = policy::scope(&actor)?;
    store::event::log::settled(&store.reader(&actor), &scope).await
}
