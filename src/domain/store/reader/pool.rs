//! The connections that read: who gets one, and what becomes of it afterwards.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Pool as DriverPool};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::engine::Engine;
use crate::domain::store::open::ACQUIRE_TIMEOUT;
use crate::domain::store::{Pool, SHUT_DOWN};

/// A connection that has been idle for so long is tested before it is used again.
const LONG: Duration = Duration::from_secs(30);

/// After so long a connection goes through the driver's pool, which ends those that are old.
const MAX_KEPT: Duration = Duration::from_mins(10);

/// From which connections one is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// Those that everybody shares.
    Shared,
    /// The one that is kept free for short statements that must not wait: session checks and cancellations.
    Reserved,
}

/// The connections that read.
pub(super) struct ReadPool<DB: Engine> {
    pool: DriverPool<DB>,
    idle: Mutex<Vec<Idle<DB>>>,
    /// One for each shared connection. Its holder finds a connection, idle or in the pool.
    shared: Arc<Semaphore>,
    /// One more connection, where there are two at least.
    reserved: Option<Arc<Semaphore>>,
    /// Whether connections stay here between statements. Those that write too do not.
    keeps: bool,
    /// How long a statement may run, where the database server does not limit that itself.
    limit: Option<Duration>,
}

/// A connection that waits for the next statement.
struct Idle<DB: Engine> {
    connection: PoolConnection<DB>,
    interrupt: DB::Interrupt,
    taken: Instant,
    since: Instant,
}

impl<DB: Engine> ReadPool<DB> {
    pub(super) fn new(pool: DriverPool<DB>, keeps: bool, limit: Option<Duration>) -> Self {
        let connections = pool.options().get_max_connections() as usize;
        let reserves = keeps && connections > 1;
        Self {
            pool,
            idle: Mutex::default(),
            shared: Arc::new(Semaphore::new(connections - usize::from(reserves))),
            reserved: reserves.then(|| Arc::new(Semaphore::new(1))),
            keeps,
            limit,
        }
    }

    /// How many connections there may be.
    pub(super) fn size(&self) -> usize {
        self.pool.options().get_max_connections() as usize
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, as soon as one is free. One that is kept goes first: as long as it is, it takes the place of
    /// another in the driver's pool, and who would wait there for that waits in vain.
    pub(super) async fn lend(
        self: &Arc<Self>,
        lane: Lane,
        share: Option<&Arc<Semaphore>>,
    ) -> Result<ReadConnection<DB>, DbErr> {
        let permits = timeout(ACQUIRE_TIMEOUT, self.permits(lane, share))
            .await
            .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))??;
        let idle = self.idle().pop();
        let lent = match idle.filter(|idle| idle.since.elapsed() < LONG) {
            Some(idle) => Lent {
                connection: idle.connection,
                interrupt: idle.interrupt,
                taken: idle.taken,
                was_kept: true,
                _permits: permits,
            },
            None => self.take(permits).await?,
        };
        DB::start(&lent.interrupt, self.limit);
        Ok(ReadConnection {
            lent: Some(lent),
            pool: Arc::clone(self),
        })
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

    async fn take(&self, permits: Permits) -> Result<Lent<DB>, DbErr> {
        let mut connection = self.pool.acquire().await.map_err(not_acquired)?;
        let interrupt = DB::interrupt_of(&mut connection, self.reserved.is_some())
            .await
            .map_err(not_acquired)?;
        Ok(Lent {
            connection,
            interrupt,
            taken: Instant::now(),
            was_kept: false,
            _permits: permits,
        })
    }

    pub(super) fn count(&self) -> Pool {
        if !self.keeps {
            return Pool::default();
        }
        let driver = Pool::of(&self.pool);
        let kept = self.idle().len();
        Pool {
            used: driver.used.saturating_sub(kept),
            idle: driver.idle + kept,
            max: driver.max,
        }
    }

    pub(super) async fn close(&self) {
        self.shared.close();
        if let Some(reserved) = &self.reserved {
            reserved.close();
        }
        self.idle().clear();
        self.pool.close().await;
    }

    /// Keeps a connection whose statement has ended for the next one.
    fn keep(&self, lent: Lent<DB>) {
        DB::stop(&lent.interrupt);
        if self.keeps && !self.pool.is_closed() && lent.taken.elapsed() < MAX_KEPT {
            self.idle().push(Idle {
                connection: lent.connection,
                interrupt: lent.interrupt,
                taken: lent.taken,
                since: Instant::now(),
            });
        }
    }

    /// Waits for the end of a statement that was given up. Until then its permits are held, or a user who begins and
    /// gives up many statements would have them all run at once.
    async fn recover(self: Arc<Self>, mut lent: Lent<DB>) {
        match DB::settle(&self, &mut lent.connection, &lent.interrupt).await {
            Ok(()) => self.keep(lent),
            Err(error) => {
                tracing::debug!(%error, "a connection whose statement was given up is closed");
                drop(lent.connection.detach());
            }
        }
    }
}

impl<DB: Engine> Drop for ReadPool<DB> {
    /// The driver's pool takes connections back in a task of its own. Where there are no tasks any more, they just end.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            for idle in self.idle().drain(..) {
                drop(idle.connection.detach());
            }
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

struct Lent<DB: Engine> {
    // Before its permits: the next holder of those finds the connection.
    connection: PoolConnection<DB>,
    interrupt: DB::Interrupt,
    taken: Instant,
    was_kept: bool,
    _permits: Permits,
}

/// A connection for one statement. Dropped while that runs, it ends the statement.
pub(super) struct ReadConnection<DB: Engine> {
    lent: Option<Lent<DB>>,
    pool: Arc<ReadPool<DB>>,
}

impl<DB: Engine> ReadConnection<DB> {
    /// The driver's connection.
    pub(super) fn connection(&mut self) -> Option<&mut DB::Connection> {
        self.lent.as_mut().map(|lent| &mut *lent.connection)
    }

    /// The statement has ended.
    pub(super) fn give_back(mut self) {
        if let Some(lent) = self.lent.take() {
            self.pool.keep(lent);
        }
    }

    /// The statement failed. When the connection broke, all others may have. Returns whether it broke while it was kept.
    pub(super) fn fail(mut self, error: &sqlx::Error) -> bool {
        let is_broken = match error {
            sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with(SHUT_DOWN)),
            _ => true,
        };
        if is_broken {
            self.pool.idle().clear();
        }
        let Some(lent) = self.lent.take() else { return false };
        // The driver's pool looks what state it is in.
        DB::stop(&lent.interrupt);
        is_broken && lent.was_kept
    }
}

impl<DB: Engine> Drop for ReadConnection<DB> {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        DB::give_up(&lent.interrupt);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Arc::clone(&self.pool).recover(lent))),
            Err(_) => drop(lent.connection.detach()),
        }
    }
}
