//! The event log, read as a whole in the order of its commits.

use sea_orm::sea_query::Query;
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::domain::error::{Error, Result};
use crate::domain::event::EventCursor;
use crate::domain::policy::{Scope, Tasks};

/// Which log this is.
pub(super) async fn identity(connection: &impl ConnectionTrait) -> Result<String> {
    let statement = Query::select().column("identity").from("event_log").take();
    let row = connection.query_one(&statement).await?;
    let row = row.ok_or_else(no_identity)?;
    Ok(row.try_get("", "identity")?)
}

fn no_identity() -> Error {
    Error::internal(anyhow::anyhow!("the event log has no identity"))
}

/// Where the log stands: the last event that every reader has before it, or the last that was forgotten.
pub(in crate::domain) async fn head(connection: &impl ConnectionTrait, _scope: &Scope<Tasks>) -> Result<EventCursor> {
    let backend = connection.get_database_backend();
    let settled = match backend {
        DbBackend::Postgres => "WHERE transaction_id < pg_snapshot_xmin(pg_current_snapshot())::text::bigint",
        _ => "",
    };
    let statement = format!(
        "SELECT log.identity, COALESCE(last.transaction_id, log.pruned_transaction_id) AS transaction_id, \
                COALESCE(last.id, log.pruned_id) AS id \
         FROM event_log AS log LEFT JOIN \
              (SELECT transaction_id, id FROM task_events {settled} ORDER BY transaction_id DESC, id DESC LIMIT 1) AS last \
              ON 1 = 1"
    );
    let row = connection
        .query_one_raw(Statement::from_string(backend, statement))
        .await?
        .ok_or_else(no_identity)?;
    Ok(EventCursor {
        log: row.try_get("", "identity")?,
        transaction_id: row.try_get("", "transaction_id")?,
        id: row.try_get("", "id")?,
    })
}
