//! How each database engine ends a statement that nobody waits for any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx::{self, Connection as _, Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection};
use sea_orm::{DbBackend, Statement};
use tokio::time::timeout;

use super::pool::{ConnectionPool, Lane};

/// `SQLite` looks after so many of its instructions whether to go on: some ten thousand times a second.
const INSTRUCTIONS: i32 = 1_000;

/// Most statements of PostgreSQL that were given up end by themselves within this time, which is cheaper than to
/// cancel them.
const PATIENCE: Duration = Duration::from_millis(50);

/// A connection whose statement has not ended this long after it was cancelled is closed.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// What differs between the engines.
pub(in crate::domain::store) trait Engine: sqlx::Database {
    /// Ends the statements of one connection from outside.
    type Interrupt: Clone + Send + Sync + 'static;

    /// Begins a transaction that writes. It fails within another transaction, or warns.
    const BEGIN: &'static str;

    /// Looks at a connection that comes from the driver's pool.
    fn interrupt_of(
        connection: &mut Self::Connection,
        keeps: bool,
    ) -> impl Future<Output = sqlx::Result<Self::Interrupt>> + Send;

    /// From now on statements may run for this long.
    fn start(interrupt: &Self::Interrupt, limit: Option<Duration>);

    /// The statement has ended.
    fn stop(interrupt: &Self::Interrupt);

    /// Ends the statement as soon as possible, if the engine can do that without waiting.
    fn give_up(interrupt: &Self::Interrupt);

    /// Waits until a statement that was given up has ended, so that the connection can be used again.
    fn settle(
        pool: &Arc<ConnectionPool<Self>>,
        connection: &mut Self::Connection,
        interrupt: &Self::Interrupt,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs a statement without values, however long it takes.
    fn execute(connection: &mut Self::Connection, sql: &'static str) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Until when the statement of a connection may run. The thread that runs it looks at it.
#[derive(Debug)]
pub(in crate::domain::store) struct Deadline {
    epoch: Instant,
    /// Microseconds since the epoch.
    until: AtomicU64,
}

impl Deadline {
    const NEVER: u64 = u64::MAX;
    const NOW: u64 = 0;

    fn set(&self, until: u64) {
        self.until.store(until, Ordering::Relaxed);
    }

    fn elapsed(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(Self::NEVER)
    }

    fn is_ahead(&self) -> bool {
        match self.until.load(Ordering::Relaxed) {
            Self::NEVER => true,
            Self::NOW => false,
            until => self.elapsed() < until,
        }
    }
}

impl Engine for Sqlite {
    type Interrupt = Arc<Deadline>;

    /// There is one writer at a time: it waits here, not at its first statement.
    const BEGIN: &'static str = "BEGIN IMMEDIATE";

    async fn interrupt_of(connection: &mut SqliteConnection, _keeps: bool) -> sqlx::Result<Arc<Deadline>> {
        let deadline = Arc::new(Deadline {
            epoch: Instant::now(),
            until: AtomicU64::new(Deadline::NEVER),
        });
        let watched = Arc::clone(&deadline);
        let mut handle = connection.lock_handle().await?;
        handle.set_progress_handler(INSTRUCTIONS, move || watched.is_ahead());
        Ok(deadline)
    }

    fn start(deadline: &Arc<Deadline>, limit: Option<Duration>) {
        let limit = limit.and_then(|limit| u64::try_from(limit.as_micros()).ok());
        deadline.set(limit.map_or(Deadline::NEVER, |limit| deadline.elapsed().saturating_add(limit)));
    }

    fn stop(deadline: &Arc<Deadline>) {
        deadline.set(Deadline::NEVER);
    }

    fn give_up(deadline: &Arc<Deadline>) {
        deadline.set(Deadline::NOW);
    }

    async fn settle(
        _pool: &Arc<ConnectionPool<Self>>,
        connection: &mut SqliteConnection,
        _deadline: &Arc<Deadline>,
    ) -> sqlx::Result<()> {
        // The connection's thread answers once it has ended what came before. A disk may take its time.
        connection.ping().await
    }

    async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
        connection.execute(sql).await.map(drop)
    }
}

impl Engine for Postgres {
    /// The number of the server's process, where another connection is kept free to cancel its statement.
    type Interrupt = Option<i32>;

    const BEGIN: &'static str = "BEGIN";

    async fn interrupt_of(connection: &mut PgConnection, keeps: bool) -> sqlx::Result<Option<i32>> {
        if !keeps {
            return Ok(None);
        }
        let process = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection);
        process.await.map(Some)
    }

    /// The server itself limits the time: `statement_timeout`.
    fn start(_process: &Option<i32>, _limit: Option<Duration>) {}

    fn stop(_process: &Option<i32>) {}

    fn give_up(_process: &Option<i32>) {}

    async fn settle(
        pool: &Arc<ConnectionPool<Self>>,
        connection: &mut PgConnection,
        process: &Option<i32>,
    ) -> sqlx::Result<()> {
        let patience = if process.is_some() { PATIENCE } else { CANCEL_LIMIT };
        if let Ok(ended) = timeout(patience, drain(connection)).await {
            return ended;
        }
        let process = process.ok_or(sqlx::Error::PoolTimedOut)?;
        let ended = async {
            pool.cancel(process).await?;
            drain(connection).await
        };
        timeout(CANCEL_LIMIT, ended)
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn execute(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<()> {
        connection.execute(sql).await.map(drop)
    }
}

impl ConnectionPool<Postgres> {
    /// Has the server cancel what this process runs. It waits for the answer, so that the signal cannot reach a later
    /// statement.
    async fn cancel(self: &Arc<Self>, process: i32) -> sqlx::Result<()> {
        let mut other = self
            .lend(Lane::Reserved, None)
            .await
            .map_err(|_| sqlx::Error::PoolTimedOut)?;
        let cancel =
            Statement::from_sql_and_values(DbBackend::Postgres, "SELECT pg_cancel_backend($1)", [process.into()]);
        other.execute(&cancel).await?;
        other.give_back();
        Ok(())
    }
}

/// Reads the rest of what the server answers. The error of a cancelled statement is a part of that.
async fn drain(connection: &mut PgConnection) -> sqlx::Result<()> {
    match connection.ping().await {
        Err(sqlx::Error::Database(_)) => connection.ping().await,
        other => other,
    }
}
