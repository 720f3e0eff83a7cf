//! Open transactions that block others, on PostgreSQL.

use sea_orm::{DbBackend, FromQueryResult, Statement};

use crate::config::Backend;
use crate::domain::error::Result;
use crate::domain::store::Store;

/// An open transaction in the database cluster.
#[derive(Clone, Debug, PartialEq, Eq, FromQueryResult)]
pub struct OpenTransaction {
    /// Unique id of the transaction.
    pub id: String,
    /// Server process for `pg_terminate_backend`; `None` for a prepared transaction.
    pub process: Option<i32>,
    /// The database user.
    pub user: String,
    /// Application name of the client, or name of the prepared transaction.
    pub name: String,
    /// Such as `idle in transaction`; empty if the server may not see it.
    pub state: String,
    /// Age in seconds; `None` if the server may not see it, because the transaction belongs to another user.
    pub seconds: Option<i64>,
}

impl Store {
    /// The oldest transaction that writes. Delivery of events waits for its end, which keeps them in order. `None` on
    /// SQLite, where delivery does not wait.
    pub(in crate::domain) async fn oldest_transaction(&self) -> Result<Option<OpenTransaction>> {
        self.open_transaction(
            "SELECT id::text, process, \"user\", name, state, seconds::bigint FROM ( \
                SELECT backend_xid AS id, pid AS process, COALESCE(usename, '')::text AS \"user\", \
                       COALESCE(application_name, '') AS name, COALESCE(state, '') AS state, \
                       EXTRACT(EPOCH FROM clock_timestamp() - xact_start) AS seconds \
                FROM pg_stat_activity WHERE backend_xid IS NOT NULL AND pid <> pg_backend_pid() \
                UNION ALL \
                SELECT transaction, NULL, owner::text, gid, 'prepared', EXTRACT(EPOCH FROM clock_timestamp() - prepared) \
                FROM pg_prepared_xacts) AS open ORDER BY age(id) DESC LIMIT 1",
        )
        .await
    }

    /// The oldest transaction that may block writes to the event log. `None` on SQLite.
    pub(in crate::domain) async fn lock_holder(&self) -> Result<Option<OpenTransaction>> {
        self.open_transaction(
            "SELECT COALESCE(backend_xid::text, '') AS id, activity.pid AS process, COALESCE(usename, '')::text AS \"user\", \
                    COALESCE(application_name, '') AS name, COALESCE(state, '') AS state, \
                    EXTRACT(EPOCH FROM clock_timestamp() - xact_start)::bigint AS seconds \
             FROM pg_locks AS held JOIN pg_stat_activity AS activity ON activity.pid = held.pid \
             WHERE held.relation = to_regclass('event_log') AND held.granted AND held.mode <> 'AccessShareLock' \
                   AND held.pid <> pg_backend_pid() \
             ORDER BY xact_start NULLS FIRST LIMIT 1",
        )
        .await
    }

    async fn open_transaction(&self, sql: &str) -> Result<Option<OpenTransaction>> {
        if self.backend() != Backend::Postgres {
            return Ok(None);
        }
        let found = OpenTransaction::find_by_statement(Statement::from_string(DbBackend::Postgres, sql));
        Ok(found.one(&self.reader).await?)
    }
}
