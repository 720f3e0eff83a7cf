//! Who gets a connection, and where it goes afterwards.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Pool as DriverPool};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::ACQUIRE_TIMEOUT;
use super::engine::Engine;
use super::pooled::{PooledConnection, TransactionState};
use crate::domain::store::Pool;
use crate::telemetry::metric;

/// A connection that has been idle for so long is tested before it is used again.
const LONG: Duration = Duration::from_secs(30);

/// After so long a connection goes through the driver's pool, which ends those that are old.
const MAX_KEPT: Duration = Duration::from_mins(10);

/// A connection that is not rolled back within this time is closed.
const ROLLBACK_LIMIT: Duration = Duration::from_secs(10);

/// From which connections one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) enum Lane {
    /// Those that everybody shares.
    Shared,
    /// The one that is kept free for short statements that must not wait: session checks and cancellations.
    Reserved,
}

/// How a pool treats its connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain::store) struct Settings {
    /// How it is called in metrics.
    pub(in crate::domain::store) name: &'static str,
    /// Whether connections stay here between statements. Those of a pool that others use as well do not.
    pub(in crate::domain::store) keeps: bool,
    /// Whether one connection is kept free for [`Lane::Reserved`].
    pub(in crate::domain::store) reserves: bool,
    /// Whether the database lives in its one connection, which is never closed.
    pub(in crate::domain::store) is_memory: bool,
    /// How long a statement may run.
    pub(in crate::domain::store) limit: Option<Duration>,
}

/// Connections of one kind.
pub(in crate::domain::store) struct ConnectionPool<DB: Engine> {
    pool: DriverPool<DB>,
    idle: Mutex<Vec<Idle<DB>>>,
    /// One for each shared connection. Its holder finds a connection, idle or in the pool.
    shared: Arc<Semaphore>,
    /// One more connection, where there are two at least.
    reserved: Option<Arc<Semaphore>>,
    settings: Settings,
    wait: metrics::Histogram,
    /// Changes when every connection is given up.
    outage: watch::Sender<()>,
}

/// A connection that waits for the next statement.
struct Idle<DB: Engine> {
    connection: PoolConnection<DB>,
    interrupt: DB::Interrupt,
    taken: Instant,
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

    /// A connection, as soon as one is free. One that is kept goes first: as long as it is, it takes the place of
    /// another in the driver's pool, and who would wait there for that waits in vain.
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
        let borrowed = match idle.filter(|idle| idle.since.elapsed() < LONG) {
            Some(idle) => BorrowedConnection {
                connection: idle.connection,
                interrupt: idle.interrupt,
                taken: idle.taken,
                was_kept: true,
                transaction: TransactionState::None,
                _permits: permits,
            },
            // On the heap: it is rare and large, and every statement would carry room for it.
            None => Box::pin(self.take(permits)).await?,
        };
        Ok(PooledConnection::new(borrowed, Arc::clone(self), outage))
    }

    /// A user waits for their own share first, so that they take no place in the queue of all.
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

    async fn take(&self, permits: Permits) -> Result<BorrowedConnection<DB>, DbErr> {
        let taken = async {
            let mut connection = self.pool.acquire().await?;
            let interrupt = DB::interrupt_of(&mut connection, self.reserved.is_some()).await?;
            Ok((connection, interrupt))
        };
        let taken = timeout(ACQUIRE_TIMEOUT, taken).await;
        let (connection, interrupt) = taken.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(not_acquired)?;
        Ok(BorrowedConnection {
            connection,
            interrupt,
            taken: Instant::now(),
            was_kept: false,
            transaction: TransactionState::None,
            _permits: permits,
        })
    }

    pub(in crate::domain::store) fn count(&self) -> Pool {
        let driver = Pool::of(&self.pool);
        let kept = self.idle().len();
        Pool {
            used: driver.used.saturating_sub(kept),
            idle: driver.idle + kept,
            max: driver.max,
        }
    }

    /// Gives up every connection: the database has moved, or does not answer over them. Statements that run fail.
    pub(in crate::domain::store) fn abandon(&self) {
        self.forget_idle();
        self.outage.send_replace(());
    }

    /// Closes every connection that is idle.
    pub(in crate::domain::store) fn forget_idle(&self) {
        for idle in self.idle().drain(..) {
            drop(idle.connection.detach());
        }
    }

    pub(in crate::domain::store) async fn close(&self) {
        self.shared.close();
        if let Some(reserved) = &self.reserved {
            reserved.close();
        }
        self.return_idle();
        self.pool.close().await;
    }

    /// How long a statement may run.
    pub(super) fn limit(&self) -> Option<Duration> {
        self.settings.limit
    }

    /// Gives the connections that are idle back to the driver's pool, which closes those that are broken.
    pub(super) fn return_idle(&self) {
        self.idle().clear();
    }

    /// Keeps a connection whose statement has ended for the next one.
    pub(super) fn keep(&self, borrowed: BorrowedConnection<DB>) {
        if self.settings.keeps && !self.pool.is_closed() && borrowed.taken.elapsed() < MAX_KEPT {
            self.idle().push(Idle {
                connection: borrowed.connection,
                interrupt: borrowed.interrupt,
                taken: borrowed.taken,
                since: Instant::now(),
            });
        }
    }

    /// Brings a connection that was dropped in use to rest: its statement ends, its transaction is rolled back. Until
    /// then its permits are held, or a user who begins and gives up many statements would have them all run at once.
    pub(super) async fn recover(self: Arc<Self>, mut borrowed: BorrowedConnection<DB>) {
        match self.settle(&mut borrowed).await {
            Ok(()) => {
                DB::stop(&borrowed.interrupt);
                self.keep(borrowed);
            }
            Err(_) if self.settings.is_memory => DB::stop(&borrowed.interrupt),
            Err(error) => {
                tracing::debug!(%error, "a database connection in doubt is closed");
                drop(borrowed.connection.detach());
            }
        }
    }

    async fn settle(self: &Arc<Self>, borrowed: &mut BorrowedConnection<DB>) -> sqlx::Result<()> {
        if borrowed.transaction == TransactionState::Unknown && !self.settings.is_memory {
            return Err(sqlx::Error::Protocol(
                "the state of its transaction is unknown".to_owned(),
            ));
        }
        DB::settle(self, &mut borrowed.connection, &borrowed.interrupt).await?;
        if borrowed.transaction != TransactionState::None {
            DB::stop(&borrowed.interrupt);
            let rollback = DB::execute(&mut borrowed.connection, "ROLLBACK");
            let rolled_back = timeout(ROLLBACK_LIMIT, rollback).await;
            rolled_back.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        }
        Ok(())
    }
}

impl<DB: Engine> Drop for ConnectionPool<DB> {
    /// The driver's pool takes connections back in a task of its own. Where there are no tasks any more, they just end.
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

/// What a statement holds while it runs.
struct Permits {
    _connection: OwnedSemaphorePermit,
    _share: Option<OwnedSemaphorePermit>,
}

/// A connection that somebody uses.
pub(super) struct BorrowedConnection<DB: Engine> {
    // Before its permits: the next holder of those finds the connection.
    pub(super) connection: PoolConnection<DB>,
    pub(super) interrupt: DB::Interrupt,
    taken: Instant,
    pub(super) was_kept: bool,
    pub(super) transaction: TransactionState,
    _permits: Permits,
}
