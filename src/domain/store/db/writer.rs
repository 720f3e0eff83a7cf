//! Pool of connections for writes, and their transactions.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sea_orm::sqlx::{self, Executor, IntoArguments, Postgres, Sqlite};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Mutex;

use super::connection::{
    ConnectionPool, Connections, Engine, Lane, MAX_ATTEMPTS, PooledConnection, Settings, with_pool,
};
use super::durability::Durability;
use super::statement_meter::Meter;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::domain::store) struct Writer {
    connections: Connections,
    meter: Meter,
    durability: Arc<Durability>,
}

impl Writer {
    pub(in crate::domain::store) fn new(
        pool: &DatabaseConnection,
        settings: Settings,
        meter: Meter,
        durability: Arc<Durability>,
    ) -> Self {
        Self {
            connections: Connections::of(pool, settings),
            meter,
            durability,
        }
    }

    pub(in crate::domain::store) async fn begin(&self) -> Result<Transaction, DbErr> {
        let open = match &self.connections {
            Connections::Postgres(pool) => Session::begin(pool).await.map(Open::Postgres),
            Connections::Sqlite(pool) => Session::begin(pool).await.map(Open::Sqlite),
        };
        let open = open.map_err(|error| self.durability.noted(error))?;
        Ok(Transaction {
            backend: self.connections.backend(),
            open: Mutex::new(open),
            meter: self.meter.clone(),
            durability: Arc::clone(&self.durability),
        })
    }

    /// Runs an auto-committed statement.
    pub(in crate::domain::store) async fn at_once(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = with_pool!(&self.connections, pool => at_once(pool, statement, &self.meter).await);
        rows.map_err(|error| self.durability.noted(error))
    }

    pub(in crate::domain::store) fn connections(&self) -> &Connections {
        &self.connections
    }
}

async fn at_once<DB>(
    pool: &Arc<ConnectionPool<DB>>,
    statement: &Statement,
    meter: &Meter,
) -> Result<Vec<QueryResult>, DbErr>
where
    DB: Engine,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    QueryResult: From<DB::Row>,
{
    let connection = pool.lend(Lane::Shared, None).await?;
    let began = Instant::now();
    // Reads all rows, because the commit follows them.
    let rows = connection.fetch_and_give_back(statement).await;
    meter.note(&statement.sql, began.elapsed(), rows.is_err());
    let rows = rows.map_err(|failure| DbErr::Query(driver(failure.error)))?;
    Ok(rows.into_iter().map(QueryResult::from).collect())
}

fn driver(error: sqlx::Error) -> RuntimeErr {
    RuntimeErr::SqlxError(error.into())
}

/// Dropping it rolls back.
pub(in crate::domain) struct Transaction {
    open: Mutex<Open>,
    backend: DbBackend,
    meter: Meter,
    durability: Arc<Durability>,
}

enum Open {
    Postgres(Session<Postgres>),
    Sqlite(Session<Sqlite>),
}

impl Transaction {
    /// If this fails, the result of the commit is unknown.
    pub(in crate::domain::store) async fn commit(self) -> Result<(), DbErr> {
        let committed = match self.open.into_inner() {
            Open::Postgres(session) => session.commit().await,
            Open::Sqlite(session) => session.commit().await,
        };
        committed.map_err(|error| self.durability.noted(DbErr::Exec(driver(error))))
    }

    /// Updates a row without changing it.
    pub(in crate::domain::store) async fn change_nothing(&self) -> Result<(), DbErr> {
        self.execute(Executable::Script("UPDATE event_log SET identity = identity"))
            .await?;
        Ok(())
    }

    async fn execute(&self, executable: Executable<'_>) -> Result<ExecResult, DbErr> {
        let began = Instant::now();
        let result = match &mut *self.open.lock().await {
            Open::Postgres(session) => session.execute(executable).await.map(ExecResult::from),
            Open::Sqlite(session) => session.execute(executable).await.map(ExecResult::from),
        };
        self.meter.note(executable.sql(), began.elapsed(), result.is_err());
        result.map_err(|error| self.durability.noted(DbErr::Exec(driver(error))))
    }

    async fn fetch(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let began = Instant::now();
        let rows = match &mut *self.open.lock().await {
            Open::Postgres(session) => session.fetch(statement).await,
            Open::Sqlite(session) => session.fetch(statement).await,
        };
        self.meter.note(&statement.sql, began.elapsed(), rows.is_err());
        rows.map_err(|error| self.durability.noted(DbErr::Query(driver(error))))
    }
}

#[derive(Clone, Copy)]
enum Executable<'a> {
    Prepared(&'a Statement),
    Script(&'a str),
}

impl Executable<'_> {
    fn sql(&self) -> &str {
        match self {
            Self::Prepared(statement) => &statement.sql,
            Self::Script(sql) => sql,
        }
    }
}

struct Session<DB: Engine> {
    connection: PooledConnection<DB>,
    /// After a failed statement either database may have rolled back. Later statements would run outside of the
    /// transaction, or fail.
    has_failed: bool,
}

impl<DB> Session<DB>
where
    DB: Engine,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    QueryResult: From<DB::Row>,
{
    async fn begin(pool: &Arc<ConnectionPool<DB>>) -> Result<Self, DbErr> {
        let mut attempts = 1;
        loop {
            let mut connection = pool.lend(Lane::Shared, None).await?;
            let Err(error) = connection.begin().await else {
                return Ok(Self {
                    connection,
                    has_failed: false,
                });
            };
            // Nothing was sent yet, and the outage may have ended while the connection was idle.
            if !connection.fail(&error) || attempts == MAX_ATTEMPTS {
                return Err(DbErr::Exec(driver(error)));
            }
            attempts += 1;
        }
    }

    async fn execute(&mut self, executable: Executable<'_>) -> sqlx::Result<DB::QueryResult> {
        self.check()?;
        let result = match executable {
            Executable::Prepared(statement) => self.connection.execute(statement).await,
            Executable::Script(sql) => self.connection.execute_unprepared(sql).await,
        };
        self.has_failed = result.is_err();
        result
    }

    async fn fetch(&mut self, statement: &Statement) -> sqlx::Result<Vec<QueryResult>> {
        self.check()?;
        let rows = self.connection.fetch_all(statement).await;
        self.has_failed = rows.is_err();
        Ok(rows?.into_iter().map(QueryResult::from).collect())
    }

    async fn commit(self) -> sqlx::Result<()> {
        self.check()?;
        self.connection.commit().await
    }

    fn check(&self) -> sqlx::Result<()> {
        if self.has_failed {
            return Err(sqlx::Error::Protocol(
                "a statement of this transaction has failed".to_owned(),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.execute(Executable::Prepared(&statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute(Executable::Script(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.fetch(&statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.fetch(&statement).await
    }
}
