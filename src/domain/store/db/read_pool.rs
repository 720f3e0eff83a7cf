//! Pool of read-only connections.
//!
//! One user holds at most half of the connections. One connection is reserved for statements that must not wait.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use sea_orm::sqlx::{Executor, IntoArguments};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_query_sqlx::SqlxValues;
use tokio::sync::Semaphore;

use super::connection::{ConnectionPool, Connections, Engine, Lane, MAX_ATTEMPTS, Settings, with_pool};
use super::statement_meter::Meter;
use crate::domain::id::UserId;
use crate::domain::share::Shares;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub(in crate::domain) struct ReadPool {
    connections: Connections,
    meter: Meter,
    shares: Arc<Shares<UserId>>,
    /// Limit of the user who reads; `None` for the server itself.
    share: Option<Arc<Semaphore>>,
    lane: Lane,
}

impl ReadPool {
    pub(in crate::domain::store) fn new(pool: &DatabaseConnection, settings: Settings, meter: Meter) -> Self {
        let connections = Connections::of(pool, settings);
        Self {
            shares: Arc::new(Shares::half_of(connections.count().max)),
            connections,
            meter,
            share: None,
            lane: Lane::Shared,
        }
    }

    /// Limits reads to the share of one user.
    pub(in crate::domain::store) fn of_user(&self, user: UserId) -> Self {
        Self {
            share: Some(self.shares.share_of(user)),
            ..self.clone()
        }
    }

    /// Reads on the connection reserved for short statements.
    pub(in crate::domain::store) fn reserved(&self) -> Self {
        Self {
            lane: Lane::Reserved,
            ..self.clone()
        }
    }

    pub(in crate::domain::store) fn connections(&self) -> &Connections {
        &self.connections
    }

    async fn fetch<DB>(&self, pool: &Arc<ConnectionPool<DB>>, statement: Statement) -> Result<Vec<QueryResult>, DbErr>
    where
        DB: Engine,
        SqlxValues: IntoArguments<DB>,
        for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
        QueryResult: From<DB::Row>,
    {
        let mut attempts = 1;
        let rows = loop {
            let borrowed = pool.lend(self.lane, self.share.as_ref()).await?;
            let began = Instant::now();
            let rows = borrowed.fetch_and_give_back(&statement).await;
            self.meter.note(&statement.sql, began.elapsed(), rows.is_err());
            match rows {
                // Reads can be repeated, and the outage may have ended while the connection was idle.
                Err(failure) if failure.was_stale && attempts < MAX_ATTEMPTS => attempts += 1,
                rows => break rows,
            }
        };
        let rows = rows.map_err(|failure| DbErr::Query(RuntimeErr::SqlxError(failure.error.into())))?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

#[async_trait]
impl ConnectionTrait for ReadPool {
    fn get_database_backend(&self) -> DbBackend {
        self.connections.backend()
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        let rows = with_pool!(&self.connections, pool => self.fetch(pool, statement).await)?;
        Ok(rows.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        with_pool!(&self.connections, pool => self.fetch(pool, statement).await)
    }

    async fn execute_raw(&self, _statement: Statement) -> Result<ExecResult, DbErr> {
        Err(reads_only())
    }

    async fn execute_unprepared(&self, _sql: &str) -> Result<ExecResult, DbErr> {
        Err(reads_only())
    }
}

fn reads_only() -> DbErr {
    DbErr::Custom("the connection is read-only; use a transaction to write".to_owned())
}
