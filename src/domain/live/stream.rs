//! One subscription to a log: first the missed entries from the database, then new ones.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::live_connections::{ConnectionUser, LiveConnection};
use super::registry::{Registration, Registry};
use crate::domain::Core;
use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::policy;
use crate::domain::store::event::log::Settled;
use crate::domain::store::{self, Store};

/// Entries per query.
pub(super) const BATCH: u64 = 200;

/// Entries, and the position to continue from; `None` after the last batch.
pub(super) type Batch<S> = (Vec<<S as Selection>::Entry>, Option<<S as Selection>::Position>);

/// The entries of a log that match a subscription and that its user may see, in commit order.
pub(super) trait Selection: Sized {
    type Entry: Send + Sync;
    type Position: Copy + Ord + Default + Send;
    type Cursor;

    /// No later entry becomes visible before this position.
    fn settled(settled: &Settled) -> Self::Position;

    /// The position after a cursor. Fails if that part of the log was deleted.
    fn after(cursor: &Self::Cursor, settled: &Settled) -> Result<Self::Position>;

    fn position(entry: &Self::Entry) -> Self::Position;

    /// Reads the first entries of the range.
    fn read(
        &self,
        store: &Store,
        actor: &Actor,
        range: Range<Self::Position>,
    ) -> impl Future<Output = Result<Batch<Self>>> + Send;

    /// Registers for new entries.
    fn register(
        &self,
        registry: &Arc<Registry>,
        connection_user: &Arc<ConnectionUser>,
    ) -> Registration<Arc<Self::Entry>>;

    /// Whether an entry matches and may be received, by the user's current role.
    fn is_for(&self, connection_user: &ConnectionUser, entry: &Self::Entry) -> bool;
}

/// The progress of a subscription.
#[derive(Debug)]
enum Phase<P> {
    /// Reads the log from a position, without a registration.
    CatchingUp { from: P },
    /// Is registered, and reads the rest of the log up to a settled position.
    Closing { from: P, until: P },
    /// Receives new entries. Those before this position were already delivered.
    Live { from: P },
}

pub(super) struct LogStream<S: Selection> {
    store: Store,
    registry: Arc<Registry>,
    connection_user: Arc<ConnectionUser>,
    selection: S,
    phase: Phase<S::Position>,
    read: VecDeque<Arc<S::Entry>>,
    registration: Option<Registration<Arc<S::Entry>>>,
}

impl<S: Selection> fmt::Debug for LogStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogStream").finish_non_exhaustive()
    }
}

impl<S: Selection> LogStream<S> {
    /// Starts after a cursor; without one, with new entries.
    pub(super) async fn open(
        core: &Core,
        live_connection: &LiveConnection,
        selection: S,
        after: Option<&S::Cursor>,
    ) -> Result<Self> {
        let (store, registry) = (&core.store, &core.hub.registry);
        let connection_user = Arc::clone(&live_connection.connection_user);
        let (phase, registration) = if let Some(cursor) = after {
            let settled = settled(store, &connection_user).await?;
            // The cursor of a write or of a history may be ahead of the settled position, and entries with lower
            // positions may still appear.
            let from = S::after(cursor, &settled)?.min(S::settled(&settled));
            (Phase::CatchingUp { from }, None)
        } else {
            let from = S::Position::default();
            let registration = selection.register(registry, &connection_user);
            (Phase::Live { from }, Some(registration))
        };
        Ok(Self {
            store: store.clone(),
            registry: Arc::clone(registry),
            connection_user,
            selection,
            phase,
            read: VecDeque::new(),
            registration,
        })
    }

    /// The next entry; `None` after the subscription has ended. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Result<Arc<S::Entry>>> {
        loop {
            while let Some(entry) = self.read.pop_front() {
                if self.selection.is_for(&self.connection_user, &entry) {
                    return Some(Ok(entry));
                }
            }
            let Phase::Live { from } = self.phase else {
                match self.read_on().await {
                    Ok(()) => continue,
                    Err(error) => return Some(Err(error)),
                }
            };
            let entry = self.registration.as_mut()?.receiver.recv().await?;
            if S::position(&entry) >= from && self.selection.is_for(&self.connection_user, &entry) {
                return Some(Ok(entry));
            }
        }
    }

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
        let (entries, more_from) = self.selection.read(&self.store, &actor, from..until).await?;
        self.phase = match (more_from, is_closing) {
            (Some(from), false) => Phase::CatchingUp { from },
            (Some(from), true) => Phase::Closing { from, until },
            (None, true) => Phase::Live { from: until },
            (None, false) => {
                self.registration = Some(self.selection.register(&self.registry, &self.connection_user));
                // Read after the registration: entries that settle later reach the registration.
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
    store::event::log::settled(&store.reader(&actor), &scope, None).await
}
