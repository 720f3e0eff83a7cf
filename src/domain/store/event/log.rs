//! The logs of events and account changes, read in commit order.

use std::ops::Range;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Query};
use sea_orm::{DbBackend, QueryOrder as _, QuerySelect as _, Statement};
use tokio::time::Instant;

use super::{Column, Entity, Row};
use crate::domain::actor::{ReadStamp, UsersStamp};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventCursor, LogPosition, LogState, LoggedEvent};
use crate::domain::id::{TaskId, UserId};
use crate::domain::notification;
use crate::domain::policy::{Scope, System, Tasks, Visibility};
use crate::domain::store::query::{compare_rows, placeholders, values};
use crate::domain::store::user::account_change;
use crate::domain::store::{WriteTransaction, one_of};

pub(in crate::domain::store) async fn identity(connection: &impl ConnectionTrait) -> Result<String> {
    let statement = Query::select().column("identity").from("event_log").take();
    let row = connection.query_one(&statement).await?;
    let row = row.ok_or_else(no_identity)?;
    Ok(row.try_get("", "identity")?)
}

fn no_identity() -> Error {
    Error::internal(anyhow::anyhow!("the event log has no identity"))
}

/// Zero unsettled events, as a bigint in both databases.
const NONE: &str = "CAST(0 AS bigint)";

/// PostgreSQL: transactions with lower ids have ended.
const OLDEST: &str = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

/// Head of the log: the last settled event, or the last pruned one.
pub(in crate::domain) async fn head(connection: &impl ConnectionTrait, _scope: &Scope<Tasks>) -> Result<EventCursor> {
    // Does not count unsettled events: a long transaction can leave many.
    Ok(read_state(connection, NONE).await?.head)
}

pub(in crate::domain) async fn state(connection: &impl ConnectionTrait, _scope: &Scope<Tasks>) -> Result<LogState> {
    match connection.get_database_backend() {
        DbBackend::Postgres => {
            let unsettled = format!("(SELECT COUNT(*) FROM task_events WHERE transaction_id >= {OLDEST})");
            read_state(connection, &unsettled).await
        }
        // SQLite has one writer: every committed event is settled.
        _ => read_state(connection, NONE).await,
    }
}

/// `unsettled` is the SQL expression for the number of unsettled events.
async fn read_state(connection: &impl ConnectionTrait, unsettled: &str) -> Result<LogState> {
    let settled = match connection.get_database_backend() {
        DbBackend::Postgres => format!("WHERE transaction_id < {OLDEST}"),
        _ => String::new(),
    };
    let sql = format!(
        "SELECT log.identity, COALESCE(last.transaction_id, log.pruned_transaction_id) AS transaction_id, \
                COALESCE(last.id, log.pruned_id) AS id, {unsettled} AS unsettled \
         FROM event_log AS log LEFT JOIN \
              (SELECT transaction_id, id FROM task_events {settled} ORDER BY transaction_id DESC, id DESC LIMIT 1) AS last \
              ON 1 = 1"
    );
    let row = only_row(connection, &sql, []).await?;
    Ok(LogState {
        head: EventCursor {
            log: row.try_get("", "identity")?,
            transaction_id: row.try_get("", "transaction_id")?,
            id: row.try_get("", "id")?,
        },
        unsettled: row.try_get("", "unsettled")?,
    })
}

/// Positions up to which the logs can be read: no row appears before them any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Settled {
    /// Identity of the log.
    pub(in crate::domain) log: String,
    pub(in crate::domain) events: LogPosition,
    /// Whether the log has lost events before the position that the caller has read.
    pub(in crate::domain) has_lost: bool,
    /// Account changes.
    pub(in crate::domain) changes: LogPosition,
    pub(in crate::domain) notifications: notification::NotificationPosition,
    /// The stamp of all accounts, not older than any event before the position.
    pub(in crate::domain) users: ReadStamp,
    /// The last pruned event.
    pub(in crate::domain) pruned: LogPosition,
    /// Whether an older open transaction keeps committed rows from being settled.
    pub(in crate::domain) is_waiting: bool,
}

impl Settled {
    /// Rejects a position in another log, or one before the last pruned event.
    pub(in crate::domain) fn check_known(&self, log: &str, position: LogPosition) -> Result<()> {
        if log == self.log && position >= self.pruned {
            return Ok(());
        }
        Err(Error::ResyncRequired)
    }
}

/// Read the positions first and the rows in a later statement: every row before a position is committed by then. Each
/// position is the one after a row, not the id of the oldest open transaction: after a crash or a failover PostgreSQL
/// may assign ids again, and rows would appear before it.
///
/// `read` is the position up to which the caller has read the events.
pub(in crate::domain) async fn settled(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Tasks>,
    read: Option<LogPosition>,
) -> Result<Settled> {
    const POSTGRES: &str = "identity, users_stamp, pruned_transaction_id, pruned_id, \
            COALESCE(event.transaction_id, pruned_transaction_id) AS event_transaction_id, \
            COALESCE(event.id, pruned_id) + 1 AS event_id, \
            COALESCE(change.transaction_id, 0) AS change_transaction_id, COALESCE(change.id, 0) + 1 AS change_id, \
            COALESCE(notice.log_transaction_id, 0) AS notified_transaction_id, \
            COALESCE(notice.log_event_id, 0) AS notified_event_id, \
            COALESCE(notice.id, 0) + 1::bigint AS notification_id, \
            CASE WHEN EXISTS (SELECT 1 FROM task_events WHERE transaction_id >= oldest) \
                   OR EXISTS (SELECT 1 FROM account_changes WHERE transaction_id >= oldest) \
                   OR EXISTS (SELECT 1 FROM notifications WHERE log_transaction_id >= oldest) \
                 THEN 1 ELSE 0 END AS is_waiting \
         FROM event_log \
         CROSS JOIN (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest) AS snapshot \
         LEFT JOIN LATERAL (SELECT transaction_id, id FROM task_events WHERE transaction_id < oldest \
              ORDER BY transaction_id DESC, id DESC LIMIT 1) AS event ON TRUE \
         LEFT JOIN LATERAL (SELECT transaction_id, id FROM account_changes WHERE transaction_id < oldest \
              ORDER BY transaction_id DESC, id DESC LIMIT 1) AS change ON TRUE \
         LEFT JOIN LATERAL (SELECT log_transaction_id, log_event_id, id FROM notifications \
              WHERE log_transaction_id < oldest \
              ORDER BY log_transaction_id DESC, log_event_id DESC, id DESC LIMIT 1) AS notice ON TRUE";
    const SQLITE: &str = "identity, users_stamp, pruned_transaction_id, pruned_id, 0 AS event_transaction_id, \
            MAX(pruned_id, (SELECT COALESCE(MAX(id), 0) FROM task_events)) + 1 AS event_id, \
            0 AS change_transaction_id, (SELECT COALESCE(MAX(id), 0) + 1 FROM account_changes) AS change_id, \
            0 AS notified_transaction_id, \
            COALESCE((SELECT log_event_id FROM notifications ORDER BY id DESC LIMIT 1), 0) AS notified_event_id, \
            (SELECT COALESCE(MAX(id), 0) + 1 FROM notifications) AS notification_id, 0 AS is_waiting \
         FROM event_log";

    let backend = connection.get_database_backend();
    let positions = match backend {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let (is_kept, last_read) = if let Some(read) = read {
        let [transaction_id, id] = placeholders(backend);
        let last = format!("SELECT 1 FROM task_events WHERE transaction_id = {transaction_id} AND id = {id}");
        let is_kept = format!("CASE WHEN EXISTS ({last}) THEN 1 ELSE 0 END");
        (is_kept, vec![read.transaction_id, read.previous().id])
    } else {
        ("1".to_owned(), Vec::new())
    };
    let sql = format!("SELECT {is_kept} AS is_kept, {positions}");
    let read_at = Instant::now();
    let row = only_row(connection, &sql, last_read).await?;
    let position = |transaction_id, id| position_in(&row, transaction_id, id);
    let events = position("event_transaction_id", "event_id")?;
    let pruned = position("pruned_transaction_id", "pruned_id")?;
    let is_kept = row.try_get::<i32>("", "is_kept")? == 1;
    Ok(Settled {
        log: row.try_get("", "identity")?,
        events,
        // Another event may already have the position of a lost one. An event that was pruned is not lost.
        has_lost: read.is_some_and(|read| events < read || (!is_kept && pruned.next() < read)),
        changes: position("change_transaction_id", "change_id")?,
        notifications: notification::NotificationPosition {
            event: position("notified_transaction_id", "notified_event_id")?,
            id: row.try_get("", "notification_id")?,
        },
        users: ReadStamp::new(UsersStamp(row.try_get("", "users_stamp")?), read_at),
        pruned,
        is_waiting: row.try_get::<i32>("", "is_waiting")? == 1,
    })
}

/// Gives the log a new identity if it still has the old one. Every cursor becomes invalid.
pub(in crate::domain) async fn renew(
    transaction: &WriteTransaction,
    _system: &System,
    old: &str,
    new: &str,
) -> Result<()> {
    let update = Query::update()
        .table("event_log")
        .value("identity", new)
        .and_where(Expr::col("identity").eq(old))
        .take();
    transaction.connection().execute(&update).await?;
    Ok(())
}

/// Columns of a log position.
const POSITION: &str = "transaction_id, id";
/// Columns of the last pruned position.
const PRUNED: &str = "pruned_transaction_id, pruned_id";

/// Compares two columns with a position.
fn compared(connection: &impl ConnectionTrait, columns: &str, operator: &str, position: LogPosition) -> Expr {
    compare_rows(connection, columns, operator, [position.transaction_id, position.id])
}

/// The first position after the newest event, for rows that are not events and have their own transaction. It is not
/// that of the event: its cursor is after all rows at its position. It is settled when the transaction has ended.
pub(in crate::domain::store) async fn current_position(transaction: &WriteTransaction) -> Result<LogPosition> {
    const POSTGRES: &str = "SELECT GREATEST(pg_current_xact_id()::text::bigint, \
            pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1) AS transaction_id, \
            GREATEST(pruned_id, (SELECT MAX(id) FROM task_events)) AS id FROM event_log";
    const SQLITE: &str = "SELECT 0 AS transaction_id, \
            MAX(pruned_id, (SELECT COALESCE(MAX(id), 0) FROM task_events)) AS id FROM event_log";

    let connection = transaction.connection();
    let sql = match connection.get_database_backend() {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let newest = position_in(&only_row(connection, sql, []).await?, "transaction_id", "id")?;
    Ok(newest.next())
}

/// Every statement here returns the row of `event_log`.
async fn only_row(
    connection: &impl ConnectionTrait,
    sql: &str,
    values: impl IntoIterator<Item = i64>,
) -> Result<QueryResult> {
    let values = values.into_iter().map(Value::from);
    let statement = Statement::from_sql_and_values(connection.get_database_backend(), sql, values);
    connection.query_one_raw(statement).await?.ok_or_else(no_identity)
}

fn position_in(row: &QueryResult, transaction_id: &str, id: &str) -> Result<LogPosition> {
    Ok(LogPosition {
        transaction_id: row.try_get("", transaction_id)?,
        id: row.try_get("", id)?,
    })
}

/// The first `limit` events in scope and range, and the start of the next batch; `None` after the last. Unreadable rows
/// are skipped and logged, so that they do not block later events. Without `tasks`, events of all tasks.
pub(in crate::domain) async fn read(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    range: Range<LogPosition>,
    tasks: Option<&[TaskId]>,
    limit: u64,
) -> Result<(Vec<LoggedEvent>, Option<LogPosition>)> {
    let mut query = Entity::find()
        .filter(compared(connection, POSITION, ">=", range.start))
        .filter(compared(connection, POSITION, "<", range.end));
    if let Visibility::Of(user) = scope.visibility() {
        query = query.filter(is_in_audience(connection, user));
    }
    if let Some(tasks) = tasks {
        let tasks = tasks.iter().map(|task| task.0).collect();
        query = query.filter(one_of(connection, Column::TaskId, tasks));
    }
    let rows: Vec<Row> = query
        .order_by_asc(Column::TransactionId)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_partial_model()
        .all(connection)
        .await?;
    let is_full = u64::try_from(rows.len()).is_ok_and(|length| length >= limit);
    let more_from = rows.last().filter(|_| is_full).map(|row| row.position().next());
    let events = rows.into_iter().filter_map(|row| {
        let id = row.position().id;
        LoggedEvent::try_from(row)
            .inspect_err(|error| tracing::error!("the event {id} cannot be read: {:?}", error.cause()))
            .ok()
    });
    Ok((events.collect(), more_from))
}

fn is_in_audience(connection: &impl ConnectionTrait, user: UserId) -> Expr {
    let condition = match connection.get_database_backend() {
        DbBackend::Postgres => "audience @> jsonb_build_array($1)",
        _ => "EXISTS (SELECT 1 FROM json_each(audience) WHERE value = ?)",
    };
    Expr::cust_with_values(condition, [user.0])
}

/// Users whose accounts changed in this range. For the server only.
pub(in crate::domain) async fn changed_accounts(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Tasks>,
    range: Range<LogPosition>,
) -> Result<Vec<UserId>> {
    let query = account_change::Entity::find()
        .distinct()
        .filter(compared(connection, POSITION, ">=", range.start))
        .filter(compared(connection, POSITION, "<", range.end));
    let users: Vec<i32> = values(connection, query, account_change::Column::UserId).await?;
    Ok(users.into_iter().map(UserId).collect())
}

/// Deletes up to `limit` events older than `before` and records the pruned position. Also deletes older account
/// changes. Returns the number of deleted events.
pub(in crate::domain) async fn prune(
    transaction: &WriteTransaction,
    _system: &System,
    before: Timestamp,
    limit: u64,
) -> Result<u64> {
    let connection = transaction.connection();
    let changes = account_change::Entity::delete_many().filter(account_change::Column::OccurredAt.lt(before));
    transaction.execute(changes).await?;
    let old: Vec<(i64, i64)> = Entity::find()
        .select_only()
        .column(Column::TransactionId)
        .column(Column::Id)
        .filter(Column::OccurredAt.lt(before))
        .order_by_asc(Column::TransactionId)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    let Some((transaction_id, id)) = old.last().copied() else {
        return Ok(0);
    };
    let horizon = LogPosition { transaction_id, id };
    // Another server may have pruned more meanwhile.
    let update = Query::update()
        .table("event_log")
        .value("pruned_transaction_id", horizon.transaction_id)
        .value("pruned_id", horizon.id)
        .and_where(compared(connection, PRUNED, "<", horizon))
        .take();
    connection.execute(&update).await?;
    let events = Entity::delete_many()
        .filter(Column::OccurredAt.lt(before))
        .filter(compared(connection, POSITION, "<=", horizon));
    transaction.count_affected(events).await
}
