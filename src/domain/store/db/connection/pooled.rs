//! A borrowed connection: statements with time limits, and transactions.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::query::Query;
use sea_orm::sqlx::{self, Executor, IntoArguments};
use sea_orm::{Statement, Values};
use sea_query_sqlx::SqlxValues;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::engine::Engine;
use super::pool::{BorrowedConnection, ConnectionPool};
use crate::domain::store::SHUT_DOWN;

/// The database cancels a statement at its limit. A connection that is silent for this much longer is dead.
const GRACE: Duration = Duration::from_secs(3);

/// Prefix of the SQLSTATE codes with which a pooler between the server and PostgreSQL ends a connection.
const CONNECTION_EXCEPTION: &str = "08";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionState {
    None,
    Open,
    /// `BEGIN` or `COMMIT` failed or was not answered.
    Unknown,
}

pub(in crate::domain::store) struct Failure {
    pub(in crate::domain::store) error: sqlx::Error,
    /// Whether the connection broke while it was idle.
    pub(in crate::domain::store) was_stale: bool,
}

/// A connection for one statement or one transaction. Dropping it cancels a running statement.
pub(in crate::domain::store) struct PooledConnection<DB: Engine> {
    borrowed: Option<BorrowedConnection<DB>>,
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
    pub(in crate::domain::store) async fn fetch_all(&mut self, statement: &Statement) -> sqlx::Result<Vec<DB::Row>> {
        let (connection, bounds) = self.start()?;
        let result = bounds.keep(query(statement).fetch_all(connection)).await;
        self.stop(result)
    }

    /// Runs the connection's only statement and gives the connection back.
    pub(in crate::domain::store) async fn fetch_and_give_back(
        mut self,
        statement: &Statement,
    ) -> Result<Vec<DB::Row>, Failure> {
        match self.fetch_all(statement).await {
            Ok(rows) => {
                self.give_back();
                Ok(rows)
            }
            Err(error) => Err(Failure {
                was_stale: self.fail(&error),
                error,
            }),
        }
    }

    pub(in crate::domain::store) async fn execute(&mut self, statement: &Statement) -> sqlx::Result<DB::QueryResult> {
        let (connection, bounds) = self.start()?;
        let result = bounds.keep(query(statement).execute(connection)).await;
        self.stop(result)
    }

    pub(in crate::domain::store) async fn execute_unprepared(&mut self, sql: &str) -> sqlx::Result<DB::QueryResult> {
        let (connection, bounds) = self.start()?;
        let script = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        let result = bounds.keep(connection.execute(script)).await;
        self.stop(result)
    }

    fn start(&mut self) -> sqlx::Result<(&mut DB::Connection, Bounds<'_>)> {
        let borrowed = self.borrowed.as_mut().ok_or(sqlx::Error::PoolClosed)?;
        let limit = self.pool.settings.limit;
        DB::start(&borrowed.open.interrupt, limit);
        self.is_running = true;
        let bounds = Bounds {
            patience: limit.map_or(Duration::MAX, |limit| limit + GRACE),
            outage: &mut self.outage,
        };
        Ok((&mut borrowed.open.connection, bounds))
    }

    fn stop<T>(&mut self, result: sqlx::Result<T>) -> sqlx::Result<T> {
        // Without an answer the statement may still be running.
        self.is_running = matches!(&result, Err(sqlx::Error::Io(_)));
        if let Some(borrowed) = self.borrowed.as_ref().filter(|_| !self.is_running) {
            DB::stop(&borrowed.open.interrupt);
        }
        result
    }

    /// Begins a transaction. Dropping the connection rolls it back.
    ///
    /// The driver's transactions track what was sent, not what the database did. After a rollback by the database, as
    /// on a full disk, the next one would be a savepoint that is never committed. Here `BEGIN` and `COMMIT` are plain
    /// statements, and their result counts: SQLite rejects `BEGIN` within a transaction and `COMMIT` without one.
    pub(in crate::domain::store) async fn begin(&mut self) -> sqlx::Result<()> {
        self.set_transaction(TransactionState::Unknown);
        self.execute_unprepared(DB::BEGIN).await?;
        self.set_transaction(TransactionState::Open);
        Ok(())
    }

    pub(in crate::domain::store) async fn commit(mut self) -> sqlx::Result<()> {
        self.set_transaction(TransactionState::Unknown);
        self.execute_unprepared("COMMIT").await?;
        self.set_transaction(TransactionState::None);
        self.give_back();
        Ok(())
    }

    fn set_transaction(&mut self, state: TransactionState) {
        if let Some(borrowed) = &mut self.borrowed {
            borrowed.transaction = state;
        }
    }
}

impl<DB: Engine> PooledConnection<DB> {
    pub(super) fn new(
        borrowed: BorrowedConnection<DB>,
        pool: Arc<ConnectionPool<DB>>,
        outage: watch::Receiver<()>,
    ) -> Self {
        Self {
            borrowed: Some(borrowed),
            pool,
            outage,
            is_running: false,
        }
    }

    pub(in crate::domain::store) fn give_back(mut self) {
        if let Some(borrowed) = self.borrowed.take() {
            self.pool.keep(borrowed);
        }
    }

    /// Handles a failed statement. If only the statement failed, the connection stays usable. If the connection broke,
    /// the idle ones may have too. Returns whether it broke while it was idle.
    pub(in crate::domain::store) fn fail(mut self, error: &sqlx::Error) -> bool {
        let is_broken = is_broken(error);
        if is_broken {
            self.pool.forget_idle();
        }
        let was_stale = is_broken && self.borrowed.as_ref().is_some_and(|borrowed| borrowed.was_kept);
        let is_at_rest =
            |borrowed: &mut BorrowedConnection<DB>| !self.is_running && borrowed.transaction == TransactionState::None;
        match self.borrowed.take_if(is_at_rest) {
            Some(borrowed) if !is_broken => self.pool.keep(borrowed),
            // The driver's pool tests it.
            at_rest => drop(at_rest),
        }
        was_stale
    }
}

fn is_broken(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with(SHUT_DOWN) || code.starts_with(CONNECTION_EXCEPTION)),
        _ => true,
    }
}

impl<DB: Engine> Drop for PooledConnection<DB> {
    fn drop(&mut self) {
        let Some(borrowed) = self.borrowed.take() else { return };
        DB::give_up(&borrowed.open.interrupt);
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(Arc::clone(&self.pool).recover(borrowed))),
            Err(_) => drop(borrowed.open.connection.detach()),
        }
    }
}

/// Limits of a statement on the client side.
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
