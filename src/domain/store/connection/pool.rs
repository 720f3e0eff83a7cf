//! Who gets a connection, and where it goes afterwards.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, Executor, IntoArguments, Pool as DriverPool};
use sea_orm::{ConnAcquireErr, DbErr, RuntimeErr, Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

use super::engine::Engine;
use crate::domain::store::open::ACQUIRE_TIMEOUT;
use crate::domain::store::{Pool, SHUT_DOWN};
use crate::meter;

/// A connection that has been idle for so long is tested before it is used again.
const LONG: Duration = Duration::from_secs(30);

/// After so long a connection goes through the driver's pool, which ends those that are old.
const MAX_KEPT: Duration = Duration::from_mins(10);

/// The database ends a statement at its limit. A connection that gives no answer for so much longer is dead.
const GRACE: Duration = Duration::from_secs(3);

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
            wait: metrics::histogram!(meter::CONNECTION_WAIT, "pool" => settings.name),
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
        let lent = match idle.filter(|idle| idle.since.elapsed() < LONG) {
            Some(idle) => Lent {
                connection: idle.connection,
                interrupt: idle.interrupt,
                taken: idle.taken,
                was_kept: true,
                transaction: TransactionState::None,
                _permits: permits,
            },
            None => self.take(permits).await?,
        };
        Ok(PooledConnection {
            lent: Some(lent),
            pool: Arc::clone(self),
            outage,
            is_running: false,
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
        let taken = async {
            let mut connection = self.pool.acquire().await?;
            let interrupt = DB::interrupt_of(&mut connection, self.reserved.is_some()).await?;
            Ok((connection, interrupt))
        };
        let taken = timeout(ACQUIRE_TIMEOUT, taken).await;
        let (connection, interrupt) = taken.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(not_acquired)?;
        Ok(Lent {
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
        self.idle().clear();
        self.pool.close().await;
    }

    /// Keeps a connection whose statement has ended for the next one.
    fn keep(&self, lent: Lent<DB>) {
        if self.settings.keeps && !self.pool.is_closed() && lent.taken.elapsed() < MAX_KEPT {
            self.idle().push(Idle {
                connection: lent.connection,
                interrupt: lent.interrupt,
                taken: lent.taken,
                since: Instant::now(),
            });
        }
    }

    /// Brings a connection that was dropped in use to rest: its statement ends, its transaction is rolled back. Until
    /// then its permits are held, or a user who begins and gives up many statements would have them all run at once.
    async fn recover(self: Arc<Self>, mut lent: Lent<DB>) {
        match self.settle(&mut lent).await {
            Ok(()) => {
                DB::stop(&lent.interrupt);
                self.keep(lent);
            }
            Err(_) if self.settings.is_memory => DB::stop(&lent.interrupt),
            Err(error) => {
                tracing::debug!(%error, "a database connection in doubt is closed");
                drop(lent.connection.detach());
            }
        }
    }

    async fn settle(self: &Arc<Self>, lent: &mut Lent<DB>) -> sqlx::Result<()> {
        if lent.transaction == TransactionState::Unknown && !self.settings.is_memory {
            return Err(sqlx::Error::Protocol(
                "the state of its transaction is unknown".to_owned(),
            ));
        }
        DB::settle(self, &mut lent.connection, &lent.interrupt).await?;
        if lent.transaction != TransactionState::None {
            DB::stop(&lent.interrupt);
            let rollback = DB::execute(&mut lent.connection, "ROLLBACK");
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
    transaction: TransactionState,
    _permits: Permits,
}

/// What is known of a connection's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TransactionState {
    None,
    Open,
    /// `BEGIN` or `COMMIT` failed, or gave no answer.
    Unknown,
}

/// A connection for one statement or one transaction. Dropped while a statement runs, it ends the statement.
pub(in crate::domain::store) struct PooledConnection<DB: Engine> {
    lent: Option<Lent<DB>>,
    pool: Arc<ConnectionPool<DB>>,
    outage: watch::Receiver<()>,
    is_running: bool,
}

impl<DB> PooledConnection<DB>
where
    DB: Engine,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// All rows of a statement.
    pub(in crate::domain::store) async fn fetch_all(&mut self, statement: &Statement) -> sqlx::Result<Vec<DB::Row>> {
        let (connection, bounds) = self.start()?;
        let result = bounds.keep(query(statement).fetch_all(connection)).await;
        self.stop(result)
    }

    /// The first row of a statement.
    pub(in crate::domain::store) async fn fetch_first(
        &mut self,
        statement: &Statement,
    ) -> sqlx::Result<Option<DB::Row>> {
        let (connection, bounds) = self.start()?;
        let result = bounds.keep(query(statement).fetch_optional(connection)).await;
        self.stop(result)
    }

    /// Runs a statement that returns no rows.
    pub(in crate::domain::store) async fn execute(&mut self, statement: &Statement) -> sqlx::Result<DB::QueryResult> {
        let (connection, bounds) = self.start()?;
        let result = bounds.keep(query(statement).execute(connection)).await;
        self.stop(result)
    }

    /// Runs statements without values, which are not prepared.
    pub(in crate::domain::store) async fn execute_unprepared(&mut self, sql: &str) -> sqlx::Result<DB::QueryResult> {
        let (connection, bounds) = self.start()?;
        let script = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        let result = bounds.keep(connection.execute(script)).await;
        self.stop(result)
    }

    fn start(&mut self) -> sqlx::Result<(&mut DB::Connection, Bounds<'_>)> {
        let lent = self.lent.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let limit = self.pool.settings.limit;
        DB::start(&lent.interrupt, limit);
        self.is_running = true;
        let bounds = Bounds {
            patience: limit.map_or(Duration::MAX, |limit| limit + GRACE),
            outage: &mut self.outage,
        };
        Ok((&mut lent.connection, bounds))
    }

    fn stop<T>(&mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        // When no answer came, the statement may still run.
        self.is_running = matches!(&result, Err(sqlx::Error::Io(_)));
        if let Some(lent) = self.lent.as_ref().filter(|_| !self.is_running) {
            DB::stop(&lent.interrupt);
        }
        result
    }
}

impl<DB> PooledConnection<DB>
where
    DB: Engine,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    /// Begins a transaction. Dropping the connection rolls it back.
    ///
    /// The driver's own transactions count on what it sent, not on what the database did: after a rollback by the
    /// database itself, as on a full disk, the next would be a savepoint in a transaction that nobody commits. So
    /// `BEGIN` and `COMMIT` are statements here, and the database's answers count: within a transaction SQLite refuses
    /// the one, without a transaction the other.
    pub(in crate::domain::store) async fn begin(&mut self) -> sqlx::Result<()> {
        self.set_transaction(TransactionState::Unknown);
        self.execute_unprepared(DB::BEGIN).await?;
        self.set_transaction(TransactionState::Open);
        Ok(())
    }

    /// Commits the transaction.
    pub(in crate::domain::store) async fn commit(mut self) -> sqlx::Result<()> {
        self.set_transaction(TransactionState::Unknown);
        self.execute_unprepared("COMMIT").await?;
        self.set_transaction(TransactionState::None);
        self.give_back();
        Ok(())
    }

    fn set_transaction(&mut self, state: TransactionState) {
        if let Some(lent) = &mut self.lent {
            lent.transaction = state;
        }
    }
}

impl<DB: Engine> PooledConnection<DB> {
    /// Ready for the next user.
    pub(in crate::domain::store) fn give_back(mut self) {
        if let Some(lent) = self.lent.take() {
            self.pool.keep(lent);
        }
    }

    /// A statement failed. When the connection broke, all others may have. Returns whether it broke while it was kept.
    pub(in crate::domain::store) fn fail(mut self, error: &sqlx::Error) -> bool {
        let is_broken = is_broken(error);
        if is_broken {
            self.pool.idle().clear();
        }
        let was_stale = is_broken && self.lent.as_ref().is_some_and(|lent| lent.was_kept);
        let is_at_rest = |lent: &mut Lent<DB>| !self.is_running && lent.transaction == TransactionState::None;
        // The driver's pool looks what state it is in.
        drop(self.lent.take_if(is_at_rest));
        was_stale
    }
}

/// Whether the connection, and not only its statement, failed.
fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with(SHUT_DOWN)),
        _ => true,
    }
}

impl<DB: Engine> Drop for PooledConnection<DB> {
    fn drop(&mut self) {
        let Some(lent) = self.lent.take() else { return };
        DB::give_up(&lent.interrupt);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Arc::clone(&self.pool).recover(lent))),
            Err(_) => drop(lent.connection.detach()),
        }
    }
}

/// How long a statement may take as seen from here.
struct Bounds<'a> {
    patience: Duration,
    outage: &'a mut watch::Receiver<()>,
}

impl Bounds<'_> {
    async fn keep<T>(self, statement: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
        tokio::select! {
            biased;
            result = timeout(self.patience, statement) => {
                result.unwrap_or_else(|_| Err(no_answer(io::ErrorKind::TimedOut)))
            }
            _ = self.outage.changed() => Err(no_answer(io::ErrorKind::ConnectionReset)),
        }
    }
}

fn no_answer(kind: io::ErrorKind) -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(kind, "the database did not answer over this connection"))
}

fn query<DB>(statement: &Statement) -> Query<'_, DB, SqlxValues>
where
    DB: Engine,
    SqlxValues: IntoArguments<DB>,
{
    let values = statement.values.clone().unwrap_or_else(|| Values(Vec::new()));
    sqlx::query_with(sqlx::AssertSqlSafe(statement.sql.as_str()), SqlxValues(values))
}
