//! Lends connections and takes them back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Connection as _, Pool as DriverPool};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::ACQUIRE_TIMEOUT;
use super::engine::Engine;
use super::pooled::{PooledConnection, TransactionState};
use crate::domain::store::Pool;
use crate::telemetry::metric;

/// A connection that was idle for this long is tested before use.
const LONG: Duration = Duration::from_secs(30);

/// A tested connection that takes longer to answer is closed.
const TEST_LIMIT: Duration = Duration::from_secs(1);

/// After this time a connection is closed, and the next one resolves the host name again.
const MAX_KEPT: Duration = Duration::from_mins(30);

/// After this time a connection whose rollback has not ended is closed.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

/// Group of connections to take one from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) enum Lane {
    /// All shared connections.
    Shared,
    /// The connection reserved for short statements that must not wait: session checks and cancellations.
    Reserved,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) struct Settings {
    /// Label in metrics.
    pub(in crate::domain::store) name: &'static str,
    /// Whether connections stay here between statements. False if others use the driver's pool too.
    pub(in crate::domain::store) keeps: bool,
    /// Whether one connection is reserved for [`Lane::Reserved`].
    pub(in crate::domain::store) reserves: bool,
    /// Whether the database is in memory: it ends with its only connection, which is therefore never closed.
    pub(in crate::domain::store) is_memory: bool,
    /// Time limit of a statement.
    pub(in crate::domain::store) limit: Option<Duration>,
}

pub(in crate::domain::store) struct ConnectionPool<DB: Engine> {
    pool: DriverPool<DB>,
    idle: Mutex<Vec<Idle<DB>>>,
    /// One permit for each shared connection. Its holder always finds one, idle or in the driver's pool.
    shared: Arc<Semaphore>,
    /// Permit of the reserved connection; `None` if the pool has only one.
    reserved: Option<Arc<Semaphore>>,
    pub(super) settings: Settings,
    wait: metrics::Histogram,
    /// Signals that all connections are dropped.
    outage: watch::Sender<()>,
}

struct Idle<DB: Engine> {
    open: OpenConnection<DB>,
    since: Instant,
}

impl<DB: Engine> ConnectionPool<DB> {
    pub(in crate::domain::store) fn new(pool: DriverPool<DB>, settings: Settings) -> Self {
        let connections = pool.options().get_max_connections() as usize;
        let reserves = settings.reserves && connections > 1;
        Self {
            pool,
            idle: Mutex::default(),
            shared: Arc::new(Semaphore::new(connections - usize::from(reserves))),
            reserved: reserves.then(|| Arc::new(Semaphore::new(1))),
            settings,
            wait: metrics::histogram!(metric::CONNECTION_WAIT, "pool" => settings.name),
            outage: watch::Sender::default(),
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a free connection. Idle ones come first: each occupies a slot of the driver's pool, and waiting there
    /// for that slot would never end.
    pub(in crate::domain::store) async fn lend(
        self: &Arc<Self>,
        lane: Lane,
        share: Option<&Arc<Semaphore>>,
    ) -> Result<PooledConnection<DB>, DbErr> {
        let began = Instant::now();
        let permits = timeout(ACQUIRE_TIMEOUT, self.permits(lane, share)).await;
        self.wait.record(began.elapsed());
        let permits = permits.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))??;
        let outage = self.outage.subscribe();
        let idle = self.idle().pop();
        let (open, was_kept) = match idle {
            Some(idle) if idle.since.elapsed() < LONG => (idle.open, true),
            // Boxed: these paths are rare, and their large futures would enlarge that of every statement.
            Some(idle) => (Box::pin(self.test(idle.open)).await?, false),
            None => (Box::pin(self.take()).await?, false),
        };
        let borrowed = BorrowedConnection {
            open,
            was_kept,
            transaction: TransactionState::None,
            _permits: permits,
        };
        Ok(PooledConnection::new(borrowed, Arc::clone(self), outage))
    }

    /// The user's share comes first, so that a user over their limit takes no place in the shared queue.
    async fn permits(&self, lane: Lane, share: Option<&Arc<Semaphore>>) -> Result<Permits, DbErr> {
        let share = match share {
            Some(share) => Some(acquire(share).await?),
            None => None,
        };
        let connections = match (lane, &self.reserved) {
            (Lane::Reserved, Some(reserved)) => reserved,
            _ => &self.shared,
        };
        Ok(Permits {
            _connection: acquire(connections).await?,
            _share: share,
        })
    }

    /// Returns the connection if it still answers, otherwise another one. A firewall may forget idle connections
    /// without closing them. The driver's pool would wait minutes for their answers, and give their places to nobody.
    async fn test(&self, open: OpenConnection<DB>) -> Result<OpenConnection<DB>, DbErr> {
        let mut tested = Tested(Some(open));
        if let Some(open) = &mut tested.0
            && matches!(timeout(TEST_LIMIT, open.connection.ping()).await, Ok(Ok(())))
            && let Some(open) = tested.0.take()
        {
            return Ok(open);
        }
        drop(tested);
        // The others have probably been forgotten too.
        self.forget_idle();
        self.take().await
    }

    async fn take(&self) -> Result<OpenConnection<DB>, DbErr> {
        let taken = async {
            let mut connection = self.pool.acquire().await?;
            Ok(OpenConnection {
                interrupt: DB::interrupt_of(&mut connection, self.reserved.is_some()).await?,
                connection,
                taken: Instant::now(),
            })
        };
        let taken = timeout(ACQUIRE_TIMEOUT, taken).await;
        taken.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(not_acquired)
    }

    pub(in crate::domain::store) fn count(&self) -> Pool {
        let idle = self.pool.num_idle() + self.idle().len();
        Pool {
            used: (self.pool.size() as usize).saturating_sub(idle),
            idle,
            max: self.pool.options().get_max_connections() as usize,
        }
    }

    /// Drops all connections. Running statements fail.
    pub(in crate::domain::store) fn abandon(&self) {
        self.forget_idle();
        self.outage.send_replace(());
    }

    pub(in crate::domain::store) fn forget_idle(&self) {
        for idle in self.idle().drain(..) {
            drop(idle.open.connection.detach());
        }
    }

    pub(in crate::domain::store) async fn close(&self) {
        self.shared.close();
        if let Some(reserved) = &self.reserved {
            reserved.close();
        }
        // Dropping them returns them to the driver's pool.
        self.idle().clear();
        self.pool.close().await;
    }

    /// Stores a connection for reuse after its statement has ended. An old one does not return to the driver's pool: if
    /// it were idle there, its next test would have no time limit.
    pub(super) fn keep(&self, borrowed: BorrowedConnection<DB>) {
        if !self.settings.keeps || self.pool.is_closed() {
            return;
        }
        if borrowed.open.taken.elapsed() < MAX_KEPT {
            self.idle().push(Idle {
                open: borrowed.open,
                since: Instant::now(),
            });
        } else {
            drop(borrowed.open.connection.detach());
        }
    }

    /// Waits for the statement of a dropped connection to end and rolls back its transaction. The permits are held
    /// until then. Otherwise a user could start and abandon many statements that all run at once.
    pub(super) async fn recover(self: Arc<Self>, mut borrowed: BorrowedConnection<DB>) {
        match self.settle(&mut borrowed).await {
            Ok(()) => {
                DB::stop(&borrowed.open.interrupt);
                self.keep(borrowed);
            }
            Err(_) if self.settings.is_memory => DB::stop(&borrowed.open.interrupt),
            Err(error) => {
                tracing::debug!(%error, "closing a database connection in an unknown state");
                drop(borrowed.open.connection.detach());
            }
        }
    }

    async fn settle(self: &Arc<Self>, borrowed: &mut BorrowedConnection<DB>) -> sqlx::Result<()> {
        if borrowed.transaction == TransactionState::Unknown && !self.settings.is_memory {
            return Err(sqlx::Error::Protocol(
                "the state of its transaction is unknown".to_owned(),
            ));
        }
        let OpenConnection {
            connection, interrupt, ..
        } = &mut borrowed.open;
        DB::settle(self, connection, interrupt).await?;
        if borrowed.transaction != TransactionState::None {
            DB::stop(interrupt);
            let rollback = DB::execute(connection, "ROLLBACK");
            let rolled_back = timeout(ROLLBACK_LIMIT, rollback).await;
            rolled_back.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        }
        Ok(())
    }
}

impl<DB: Engine> Drop for ConnectionPool<DB> {
    /// The driver's pool spawns a task to take a connection back. Without a runtime the connections are closed instead.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            self.forget_idle();
        }
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, DbErr> {
    let permit = Arc::clone(semaphore).acquire_owned().await;
    permit.map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))
}

fn not_acquired(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

struct Permits {
    _connection: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

pub(super) struct OpenConnection<DB: Engine> {
    pub(super) connection: PoolConnection<DB>,
    pub(super) interrupt: DB::Interrupt,
    /// When it was taken from the driver's pool.
    taken: Instant,
}

pub(super) struct BorrowedConnection<DB: Engine> {
    // Declared before its permits, so that it is dropped first: the next holder of the permits must find it.
    pub(super) open: OpenConnection<DB>,
    pub(super) was_kept: bool,
    pub(super) transaction: TransactionState,
    _permits: Permits,
}

/// A connection that may be dead. Dropping it closes it.
struct Tested<DB: Engine>(Option<OpenConnection<DB>>);

impl<DB: Engine> Drop for Tested<DB> {
    fn drop(&mut self) {
        if let Some(open) = self.0.take() {
            drop(open.connection.detach());
        }
    }
}
