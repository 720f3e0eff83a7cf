//! Reading: a pool of connections that only read.
//!
//! The driver's own pool asks the database after every statement whether the connection is still alive, which costs
//! about as much as a small statement. Here a connection goes straight from one who has read to the next; only one
//! whose statement failed or was given up, or which has been idle for long, goes through the driver's pool.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::{self, Executor, IntoArguments, Pool as DriverPool, Postgres, Sqlite};
use sea_orm::{
    ConnAcquireErr, ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr,
    Statement,
};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::open::{ACQUIRE_TIMEOUT, Meter};
use super::{Pool, SHUT_DOWN};

/// A connection that has been idle for so long is tested before it is used again.
const LONG: Duration = Duration::from_secs(30);

/// After so long a connection goes through the driver's pool, which ends those that are old.
const MAX_KEPT: Duration = Duration::from_mins(10);

/// How often a statement is sent, as long as it only meets connections that broke while they were kept. The first that
/// is met empties what is kept, so that a second comes of another outage.
const MAX_ATTEMPTS: usize = 3;

/// What reads. Cloning it is cheap.
#[derive(Clone)]
pub(in crate::domain) struct Reader {
    connections: Connections,
    meter: Meter,
}

#[derive(Clone)]
enum Connections {
    Postgres(Arc<Kept<Postgres>>),
    Sqlite(Arc<Kept<Sqlite>>),
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads over a pool that nobody else uses.
    pub(super) fn alone(pool: &DatabaseConnection, meter: Meter) -> Self {
        Self::over(pool, true, meter)
    }

    /// Reads over a pool that is used for writing too, and keeps no connection from it.
    pub(super) fn shared(pool: &DatabaseConnection, meter: Meter) -> Self {
        Self::over(pool, false, meter)
    }

    fn over(pool: &DatabaseConnection, keeps: bool, meter: Meter) -> Self {
        let connections = if pool.get_database_backend() == DbBackend::Postgres {
            let pool = pool.get_postgres_connection_pool();
            Connections::Postgres(Arc::new(Kept::new(pool.clone(), keeps)))
        } else {
            let pool = pool.get_sqlite_connection_pool();
            Connections::Sqlite(Arc::new(Kept::new(pool.clone(), keeps)))
        };
        Self { connections, meter }
    }

    /// The connections that only read: none where those that write read too.
    pub(super) fn pool(&self) -> Pool {
        match &self.connections {
            Connections::Postgres(kept) => kept.pool(),
            Connections::Sqlite(kept) => kept.pool(),
        }
    }

    /// Closes every connection.
    pub(super) async fn close(&self) {
        match &self.connections {
            Connections::Postgres(kept) => kept.close().await,
            Connections::Sqlite(kept) => kept.close().await,
        }
    }

    async fn fetch<DB>(&self, kept: &Kept<DB>, statement: Statement, limit: Limit) -> Result<Vec<QueryResult>, DbErr>
    where
        DB: sqlx::Database,
        SqlxValues: IntoArguments<DB>,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        QueryResult: From<DB::Row>,
    {
        let mut attempts = 1;
        let rows = loop {
            let lent = kept.lend().await?;
            let began = Instant::now();
            let rows = attempt(lent, &statement, limit).await;
            self.meter.note(&statement.sql, began.elapsed(), rows.is_err());
            match rows {
                // Reading twice does no harm, and the database may have been away only while nobody looked.
                Err(failure) if failure.was_stale && attempts < MAX_ATTEMPTS => attempts += 1,
                rows => break rows,
            }
        };
        let rows = rows.map_err(|failure| DbErr::Query(RuntimeErr::SqlxError(failure.error.into())))?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

/// Sends the statement over this connection.
async fn attempt<DB>(mut lent: Lent<'_, DB>, statement: &Statement, limit: Limit) -> Result<Vec<DB::Row>, Failure>
where
    DB: sqlx::Database,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let values = statement.values.clone().unwrap_or_else(|| sea_orm::Values(Vec::new()));
    let query = sqlx::query_with(sqlx::AssertSqlSafe(statement.sql.as_str()), SqlxValues(values));
    let rows = match limit {
        Limit::One => query.fetch_optional(&mut *lent.connection).await.map(Vec::from_iter),
        Limit::None => query.fetch_all(&mut *lent.connection).await,
    };
    match rows {
        Ok(rows) => {
            lent.give_back();
            Ok(rows)
        }
        Err(error) => Err(lent.failed(error)),
    }
}

/// Why nothing could be read.
struct Failure {
    error: sqlx::Error,
    /// Whether it came of a connection that broke while it was kept.
    was_stale: bool,
}

/// How many rows are wanted.
#[derive(Clone, Copy)]
enum Limit {
    One,
    None,
}

#[async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        match &self.connections {
            Connections::Postgres(_) => DbBackend::Postgres,
            Connections::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let mut rows = match &self.connections {
            Connections::Postgres(kept) => self.fetch(kept, statement, Limit::One).await?,
            Connections::Sqlite(kept) => self.fetch(kept, statement, Limit::One).await?,
        };
        Ok(rows.pop())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.connections {
            Connections::Postgres(kept) => self.fetch(kept, statement, Limit::None).await,
            Connections::Sqlite(kept) => self.fetch(kept, statement, Limit::None).await,
        }
    }

    async fn execute_raw(&self, _statement: Statement) -> Result<ExecResult, DbErr> {
        Err(reads_only())
    }

    async fn execute_unprepared(&self, _sql: &str) -> Result<ExecResult, DbErr> {
        Err(reads_only())
    }
}

fn reads_only() -> DbErr {
    DbErr::Custom("a reader only reads; writing takes a transaction".to_owned())
}

/// Connections that stay with those who read.
struct Kept<DB: sqlx::Database> {
    pool: DriverPool<DB>,
    idle: Mutex<Vec<Idle<DB>>>,
    /// One for each connection there may be. Whoever has one finds a connection, kept or in the pool.
    places: Semaphore,
    keeps: bool,
}

/// A connection that waits for the next who reads.
struct Idle<DB: sqlx::Database> {
    connection: PoolConnection<DB>,
    taken: Instant,
    since: Instant,
}

impl<DB: sqlx::Database> Kept<DB> {
    fn new(pool: DriverPool<DB>, keeps: bool) -> Self {
        let places = Semaphore::new(pool.options().get_max_connections() as usize);
        Self {
            pool,
            idle: Mutex::default(),
            places,
            keeps,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<DB>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, as soon as one is free. One that is kept goes first: as long as it is, it takes the place of
    /// another in the driver's pool, and who would wait there for that waits in vain.
    async fn lend(&self) -> Result<Lent<'_, DB>, DbErr> {
        let place = self.place().await?;
        let idle = self.idle().pop();
        match idle.filter(|idle| idle.since.elapsed() < LONG) {
            Some(idle) => Ok(Lent {
                connection: idle.connection,
                taken: idle.taken,
                was_kept: true,
                kept: self,
                _place: place,
            }),
            None => self.take(place).await,
        }
    }

    async fn place(&self) -> Result<SemaphorePermit<'_>, DbErr> {
        timeout(ACQUIRE_TIMEOUT, self.places.acquire())
            .await
            .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::Timeout))?
            .map_err(|_| DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed))
    }

    async fn take<'a>(&'a self, place: SemaphorePermit<'a>) -> Result<Lent<'a, DB>, DbErr> {
        Ok(Lent {
            connection: self.pool.acquire().await.map_err(not_acquired)?,
            taken: Instant::now(),
            was_kept: false,
            kept: self,
            _place: place,
        })
    }

    fn pool(&self) -> Pool {
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

    async fn close(&self) {
        self.places.close();
        self.idle().clear();
        self.pool.close().await;
    }
}

impl<DB: sqlx::Database> Drop for Kept<DB> {
    /// The driver's pool takes connections back in a task of its own. Where there are no tasks any more, they just end.
    fn drop(&mut self) {
        if Handle::try_current().is_err() {
            for idle in self.idle().drain(..) {
                drop(idle.connection.detach());
            }
        }
    }
}

fn not_acquired(error: sqlx::Error) -> DbErr {
    match error {
        sqlx::Error::PoolTimedOut => DbErr::ConnectionAcquire(ConnAcquireErr::Timeout),
        sqlx::Error::PoolClosed => DbErr::ConnectionAcquire(ConnAcquireErr::ConnectionClosed),
        error => DbErr::Conn(RuntimeErr::SqlxError(error.into())),
    }
}

/// A connection that somebody reads with. Dropped as it is, it goes to the driver's pool, which looks what state it
/// is in.
struct Lent<'a, DB: sqlx::Database> {
    // Before its place: whoever gets that finds the connection.
    connection: PoolConnection<DB>,
    taken: Instant,
    was_kept: bool,
    kept: &'a Kept<DB>,
    _place: SemaphorePermit<'a>,
}

impl<DB: sqlx::Database> Lent<'_, DB> {
    /// Keeps the connection for the next who reads: its statement has ended.
    fn give_back(self) {
        let is_closed = self.kept.pool.is_closed();
        if self.kept.keeps && !is_closed && self.taken.elapsed() < MAX_KEPT {
            self.kept.idle().push(Idle {
                connection: self.connection,
                taken: self.taken,
                since: Instant::now(),
            });
        }
    }

    /// Looks at what went wrong. When the connection broke, all others may have.
    fn failed(self, error: sqlx::Error) -> Failure {
        let is_broken = match &error {
            sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with(SHUT_DOWN)),
            _ => true,
        };
        if is_broken {
            self.kept.idle().clear();
        }
        Failure {
            error,
            was_stale: is_broken && self.was_kept,
        }
    }
}
