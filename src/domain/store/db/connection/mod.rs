//! Connection pools for reads and writes.
//!
//! The driver's pool pings a connection after every statement, which costs about as much as a small statement. Here a
//! connection passes directly to its next user. One that was idle for long is tested before use. Only one that broke
//! goes back to the driver's pool.
//!
//! The server also limits the time of every statement itself, in addition to the database. A statement that exceeds it,
//! or whose caller has gone, is cancelled and keeps its connection until it has ended. A connection in an unknown state
//! is closed.

mod engine;
mod pool;
mod pooled;

pub(in crate::domain::store) use engine::Engine;
pub(in crate::domain::store) use pool::{ConnectionPool, Lane, Settings};
pub(in crate::domain::store) use pooled::PooledConnection;

use std::sync::Arc;
use std::time::Duration;

use sea_orm::sqlx::{Postgres, Sqlite};
use sea_orm::{DatabaseConnection, DbBackend};

use crate::domain::store::Pool;

/// How long a request waits for a connection.
pub(in crate::domain::store) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts, as long as each one gets a connection that broke while it was idle. The first failure clears all idle
/// connections, so a second means another outage.
pub(in crate::domain::store) const MAX_ATTEMPTS: usize = 3;

/// A connection pool of either engine. Cheap to clone.
#[derive(Clone)]
pub(in crate::domain::store) enum Connections {
    Postgres(Arc<ConnectionPool<Postgres>>),
    Sqlite(Arc<ConnectionPool<Sqlite>>),
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").finish_non_exhaustive()
    }
}

/// Runs the same code on the pool of either engine.
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
    /// Wraps a pool of the driver.
    pub(in crate::domain::store) fn of(pool: &DatabaseConnection, settings: Settings) -> Self {
        if pool.get_database_backend() == DbBackend::Postgres {
            let pool = ConnectionPool::new(pool.get_postgres_connection_pool().clone(), settings);
            Self::Postgres(Arc::new(pool))
        } else {
            let pool = ConnectionPool::new(pool.get_sqlite_connection_pool().clone(), settings);
            Self::Sqlite(Arc::new(pool))
        }
    }

    pub(in crate::domain::store) fn backend(&self) -> DbBackend {
        match self {
            Self::Postgres(_) => DbBackend::Postgres,
            Self::Sqlite(_) => DbBackend::Sqlite,
        }
    }

    pub(in crate::domain::store) fn count(&self) -> Pool {
        with_pool!(self, pool => pool.count())
    }

    /// Drops all connections after a failover, or when the database does not answer on them. Running statements fail.
    pub(in crate::domain::store) fn abandon(&self) {
        with_pool!(self, pool => pool.abandon());
    }

    pub(in crate::domain::store) fn forget_idle(&self) {
        with_pool!(self, pool => pool.forget_idle());
    }

    pub(in crate::domain::store) async fn close(&self) {
        with_pool!(self, pool => pool.close().await);
    }
}
