//! Cancels abandoned statements in each database engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sea_orm::sqlx::{self, Connection as _, Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection};
use sea_orm::{DbBackend, Statement};
use tokio::time::timeout;

use super::pool::{ConnectionPool, Lane};

/// SQLite checks its deadline every this many virtual machine instructions: about 10,000 times a second.
const INSTRUCTIONS: i32 = 1_000;

/// On PostgreSQL, most abandoned statements end within this time, and waiting is cheaper than cancelling.
const PATIENCE: Duration = Duration::from_millis(50);

/// After this time a connection whose cancelled statement still runs is closed.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// Engine-specific operations on connections.
pub(in crate::domain::store) trait Engine: sqlx::Database {
    /// Handle that cancels statements of one connection.
    type Interrupt: Clone + Send + Sync + 'static;

    /// SQL that begins a write transaction. It must fail or warn within another transaction.
    const BEGIN: &'static str;

    /// Creates the handle for a connection from the driver's pool. `keeps` says whether another connection is reserved
    /// for cancelling.
    fn interrupt_of(
        connection: &mut Self::Connection,
        keeps: bool,
    ) -> impl Future<Output = sqlx::Result<Self::Interrupt>> + Send;

    /// Starts the time limit of a statement; `None` is unlimited. PostgreSQL limits the time by `statement_timeout`.
    fn start(_interrupt: &Self::Interrupt, _limit: Option<Duration>) {}

    /// Clears the time limit after a statement.
    fn stop(_interrupt: &Self::Interrupt) {}

    /// Cancels the statement, if the engine can do that without waiting.
    fn give_up(_interrupt: &Self::Interrupt) {}

    /// Waits until an abandoned statement has ended, so that the connection can be used again.
    fn settle(
        pool: &Arc<ConnectionPool<Self>>,
        connection: &mut Self::Connection,
        interrupt: &Self::Interrupt,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Runs a statement without values and without a time limit.
    fn execute(connection: &mut Self::Connection, sql: &'static str) -> impl Future<Output = sqlx::Result<()>> + Send;
}

/// Deadline of a connection's statement. SQLite's thread checks it while the statement runs.
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

    /// SQLite has one writer at a time. `IMMEDIATE` lets `BEGIN` wait for it instead of the first write.
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
        // The connection's thread answers after it has finished earlier work. Slow disks delay this.
        connection.ping().await
    }

    async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> sqlx::Result<()> {
        connection.execute(sql).await.map(drop)
    }
}

impl Engine for Postgres {
    /// The server's process id, if a reserved connection can cancel its statement.
    type Interrupt = Option<i32>;

    const BEGIN: &'static str = "BEGIN";

    async fn interrupt_of(connection: &mut PgConnection, keeps: bool) -> sqlx::Result<Option<i32>> {
        if !keeps {
            return Ok(None);
        }
        let process = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(connection);
        process.await.map(Some)
    }

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
    /// Cancels the statement of a server process. It waits for the answer, so that the signal cannot reach a later
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

/// Reads the remaining answers. They may include the error of the cancelled statement.
async fn drain(connection: &mut PgConnection) -> sqlx::Result<()> {
    match connection.ping().await {
        Err(sqlx::Error::Database(_)) => connection.ping().await,
        other => other,
    }
}
