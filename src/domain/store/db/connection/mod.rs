//! Connections to the database, for reading and for writing.
//!
//! The driver's own pool asks the database after every statement whether the connection is still alive, which costs
//! about as much as a small statement. Here a connection goes straight from one user to the next; only one that failed,
//! or that has been idle for long, goes through the driver's pool.
//!
//! Every statement has a time limit on this side too. A statement that exceeds it, or that nobody waits for any more,
//! is ended and holds its connection until it has. A connection in doubt is closed, never used again.

mod engine;
mod pool;
mod pooled;
mod share;

pub(in crate::domain::store) use engine::Engine;
pub(in crate::domain::store) use pool::{ConnectionPool, Lane, Settings};
pub(in crate::domain::store) use pooled::PooledConnection;
pub(in crate::domain::store) use share::Shares;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::{Postgres, Sqlite};
use sea_orm::{DatabaseConnection, DbBackend};

use crate::domain::store::Pool;

/// How long a request waits for a connection of the pool.
pub(in crate::domain::store) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often work is begun, as long as it only meets connections that broke while they were kept. The first that is met
/// empties what is kept, so that a second comes of another outage.
pub(in crate::domain::store) const MAX_ATTEMPTS: usize = 3;

/// Connections to either database. Cloning it is cheap.
#[derive(Clone)]
pub(in crate::domain::store) enum Connections {
    Postgres(Arc<ConnectionPool<Postgres>>),
    Sqlite(Arc<ConnectionPool<Sqlite>>),
}

/// Does the same with the pool of either database.
macro_rules! with_pool {
    ($connections:expr, $pool:ident => $work:expr) => {
        match $connections {
            Connections::Postgres($pool) => $work,
            Connections::Sqlite($pool) => $work,
        }
    };
}
pub(in crate::domain::store) use with_pool;

impl Connections {
    /// Those of a pool of the driver.
    pub(in crate::domain::store) fn of(pool: &DatabaseConnection, settings: Settings) -> Self {
        if pool.get_database_backend() == DbBackend::Postgres {
            let pool = ConnectionPool::new(pool.get_postgres_connection_pool().clone(), settings);
            Self::Postgres(Arc::new(pool))
        } else {
            let pool = ConnectionPool::new(pool.get_sqlite_connection_pool().clone(), settings);
            Self::Sqlite(Arc::new(pool))
        }
    }

    /// The kind of database.
    pub(in crate::domain::store) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    /// How many there are, and how many of them are idle.
    pub(in crate::domain::store) fn count(&self) -> Pool {
        with_pool!(self, pool => pool.count())
    }

    /// Gives up all of them: the database has moved, or does not answer over them. Statements that run fail.
    pub(in crate::domain::store) fn abandon(&self) {
        with_pool!(self, pool => pool.abandon());
    }

    /// Closes those that are idle.
    pub(in crate::domain::store) fn forget_idle(&self) {
        with_pool!(self, pool => pool.forget_idle());
    }

    /// Closes all of them.
    pub(in crate::domain::store) async fn close(&self) {
        with_pool!(self, pool => pool.close().await);
    }
}
