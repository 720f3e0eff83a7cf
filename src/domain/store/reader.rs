//! Reading: a pool of connections that only read.
//!
//! The driver's own pool asks the database after every statement whether the connection is still alive, which costs
//! about as much as a small statement. Here a connection goes straight from one who has read to the next; only one
//! whose statement failed, or which has been idle for long, goes through the driver's pool.
//!
//! A statement that nobody waits for any more is ended, and holds its connection until it has. One user holds half of
//! the connections at most; one connection is kept free for statements that must not wait.

mod engine;
mod pool;
mod share;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use sea_orm::sqlx::{self, Executor, IntoArguments, Postgres, Sqlite};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Semaphore;

use self::engine::Engine;
use self::pool::{Lane, ReadConnection, ReadPool};
use self::share::Shares;
use super::Pool;
use super::open::Meter;
use crate::domain::id::UserId;

/// How often a statement is sent, as long as it only meets connections that broke while they were kept. The first that
/// is met empties what is kept, so that a second comes of another outage.
const MAX_ATTEMPTS: usize = 3;

/// What reads. Cloning it is cheap.
#[derive(Clone)]
pub(in crate::domain) struct Reader {
    connections: Connections,
    meter: Meter,
    shares: Arc<Shares>,
    /// Of the user who reads.
    share: Option<Arc<Semaphore>>,
    lane: Lane,
}

#[derive(Clone)]
enum Connections {
    Postgres(Arc<ReadPool<Postgres>>),
    Sqlite(Arc<ReadPool<Sqlite>>),
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads over a pool that nobody else uses. `limit` is how long a statement may run.
    pub(super) fn alone(pool: &DatabaseConnection, meter: Meter, limit: Option<Duration>) -> Self {
        Self::over(pool, true, meter, limit)
    }

    /// Reads over a pool that is used for writing too, and keeps no connection from it.
    pub(super) fn shared(pool: &DatabaseConnection, meter: Meter, limit: Option<Duration>) -> Self {
        Self::over(pool, false, meter, limit)
    }

    fn over(pool: &DatabaseConnection, keeps: bool, meter: Meter, limit: Option<Duration>) -> Self {
        let (connections, size) = if pool.get_database_backend() == DbBackend::Postgres {
            let pool = ReadPool::new(pool.get_postgres_connection_pool().clone(), keeps, limit);
            let size = pool.size();
            (Connections::Postgres(Arc::new(pool)), size)
        } else {
            let pool = ReadPool::new(pool.get_sqlite_connection_pool().clone(), keeps, limit);
            let size = pool.size();
            (Connections::Sqlite(Arc::new(pool)), size)
        };
        Self {
            connections,
            meter,
            shares: Arc::new(Shares::of(size)),
            share: None,
            lane: Lane::Shared,
        }
    }

    /// The same for one user, who holds no more than their share.
    pub(super) fn of_user(&self, user: UserId) -> Self {
        Self {
            share: Some(self.shares.share_of(user)),
            ..self.clone()
        }
    }

    /// The same over the connection that is kept free for short statements.
    pub(super) fn reserved(&self) -> Self {
        Self {
            lane: Lane::Reserved,
            ..self.clone()
        }
    }

    /// The connections that only read: none where those that write read too.
    pub(super) fn pool(&self) -> Pool {
        match &self.connections {
            Connections::Postgres(pool) => pool.count(),
            Connections::Sqlite(pool) => pool.count(),
        }
    }

    /// Closes every connection.
    pub(super) async fn close(&self) {
        match &self.connections {
            Connections::Postgres(pool) => pool.close().await,
            Connections::Sqlite(pool) => pool.close().await,
        }
    }

    async fn fetch<DB>(
        &self,
        pool: &Arc<ReadPool<DB>>,
        statement: Statement,
        limit: Limit,
    ) -> Result<Vec<QueryResult>, DbErr>
    where
        DB: Engine,
        SqlxValues: IntoArguments<DB>,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        QueryResult: From<DB::Row>,
    {
        let mut attempts = 1;
        let rows = loop {
            let lent = pool.lend(self.lane, self.share.as_ref()).await?;
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
async fn attempt<DB>(mut lent: ReadConnection<DB>, statement: &Statement, limit: Limit) -> Result<Vec<DB::Row>, Failure>
where
    DB: Engine,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let values = statement.values.clone().unwrap_or_else(|| sea_orm::Values(Vec::new()));
    let query = sqlx::query_with(sqlx::AssertSqlSafe(statement.sql.as_str()), SqlxValues(values));
    let rows = match (lent.connection(), limit) {
        (Some(connection), Limit::One) => query.fetch_optional(connection).await.map(Vec::from_iter),
        (Some(connection), Limit::None) => query.fetch_all(connection).await,
        (None, _) => Err(sqlx::Error::PoolClosed),
    };
    match rows {
        Ok(rows) => {
            lent.give_back();
            Ok(rows)
        }
        Err(error) => Err(Failure {
            was_stale: lent.fail(&error),
            error,
        }),
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
            Connections::Postgres(pool) => self.fetch(pool, statement, Limit::One).await?,
            Connections::Sqlite(pool) => self.fetch(pool, statement, Limit::One).await?,
        };
        Ok(rows.pop())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.connections {
            Connections::Postgres(pool) => self.fetch(pool, statement, Limit::None).await,
            Connections::Sqlite(pool) => self.fetch(pool, statement, Limit::None).await,
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
