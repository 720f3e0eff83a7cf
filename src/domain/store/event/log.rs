//! The logs of events and of changes to accounts, read as a whole in the order of their commits.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, Query};
use sea_orm::{ConnectionTrait, DbBackend, QueryOrder as _, QuerySelect as _, Statement};

use super::{Column, Entity, Row};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventCursor, LogPosition, LogState, LoggedEvent};
use crate::domain::id::{TaskId, UserId};
use crate::domain::notification;
use crate::domain::policy::{Scope, System, Tasks, Visibility};
use crate::domain::store::user::account_change;
use crate::domain::store::{WriteTransaction, one_of};

/// Which log this is.
pub(in crate::domain::store) async fn identity(connection: &impl ConnectionTrait) -> Result<String> {
    let statement = Query::select().column("identity").from("event_log").take();
    let row = connection.query_one(&statement).await?;
    let row = row.ok_or_else(no_identity)?;
    Ok(row.try_get("", "identity")?)
}

fn no_identity() -> Error {
    Error::internal(anyhow::anyhow!("the event log has no identity"))
}

/// No unsettled event, in the type that both databases count in.
const NONE: &str = "CAST(0 AS bigint)";

/// Before this transaction everything is settled on PostgreSQL.
const OLDEST: &str = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint";

/// The head of the log: the last event that every reader has before it, or the last that was forgotten.
pub(in crate::domain) async fn head(connection: &impl ConnectionTrait, _scope: &Scope<Tasks>) -> Result<EventCursor> {
    // A long transaction elsewhere can keep many events from being settled: nothing is counted here.
    Ok(read_state(connection, NONE).await?.head)
}

/// The state of the log.
pub(in crate::domain) async fn state(connection: &impl ConnectionTrait, _scope: &Scope<Tasks>) -> Result<LogState> {
    match connection.get_database_backend() {
        DbBackend::Postgres => {
            let unsettled = format!("(SELECT COUNT(*) FROM task_events WHERE transaction_id >= {OLDEST})");
            read_state(connection, &unsettled).await
        }
        // There is one writer: all that is committed is settled.
        _ => read_state(connection, NONE).await,
    }
}

/// The state of the log, with this expression for the number of unsettled events.
async fn read_state(connection: &impl ConnectionTrait, unsettled: &str) -> Result<LogState> {
    let backend = connection.get_database_backend();
    let settled = match backend {
        DbBackend::Postgres => format!("WHERE transaction_id < {OLDEST}"),
        _ => String::new(),
    };
    let statement = format!(
        "SELECT log.identity, COALESCE(last.transaction_id, log.pruned_transaction_id) AS transaction_id, \
                COALESCE(last.id, log.pruned_id) AS id, {unsettled} AS unsettled \
         FROM event_log AS log LEFT JOIN \
              (SELECT transaction_id, id FROM task_events {settled} ORDER BY transaction_id DESC, id DESC LIMIT 1) AS last \
              ON 1 = 1"
    );
    let row = connection
        .query_one_raw(Statement::from_string(backend, statement))
        .await?
        .ok_or_else(no_identity)?;
    let head = EventCursor {
        log: row.try_get("", "identity")?,
        transaction_id: row.try_get("", "transaction_id")?,
        id: row.try_get("", "id")?,
    };
    Ok(LogState {
        head,
        unsettled: row.try_get("", "unsettled")?,
    })
}

/// How far the logs can be read: nothing becomes visible before these places any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Settled {
    /// Which log this is.
    pub(in crate::domain) log: String,
    /// Events before this place are settled.
    pub(in crate::domain) events: LogPosition,
    /// Changes to accounts before this place are.
    pub(in crate::domain) changes: LogPosition,
    /// Notifications before this place are.
    pub(in crate::domain) notifications: notification::NotificationPosition,
    /// The last event that was forgotten because of its age.
    pub(in crate::domain) pruned: LogPosition,
    /// Whether something was committed that an older transaction, which is still open, keeps from being settled.
    pub(in crate::domain) is_waiting: bool,
}

impl Settled {
    /// Refuses a place whose log is another by now, or after which something was forgotten.
    pub(in crate::domain) fn check_known(&self, log: &str, place: LogPosition) -> Result<()> {
        if log == self.log && place >= self.pruned {
            return Ok(());
        }
        Err(Error::ResyncRequired)
    }
}

/// How far the logs can be read.
///
/// The places are read first and the rows before them afterwards, in a statement of their own: whatever is
/// before a place was committed by then.
pub(in crate::domain) async fn settled(connection: &impl ConnectionTrait, _scope: &Scope<Tasks>) -> Result<Settled> {
    const POSTGRES: &str = "SELECT identity, pruned_transaction_id, pruned_id, \
            oldest AS transaction_id, 0::bigint AS event_id, 0::bigint AS change_id, \
            0::bigint AS notified_event_id, 0::bigint AS notification_id, \
            CASE WHEN EXISTS (SELECT 1 FROM task_events WHERE transaction_id >= oldest) \
                   OR EXISTS (SELECT 1 FROM account_changes WHERE transaction_id >= oldest) \
                   OR EXISTS (SELECT 1 FROM notifications WHERE log_transaction_id >= oldest) \
                 THEN 1 ELSE 0 END AS is_waiting \
         FROM event_log, (SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest) AS snapshot";
    const SQLITE: &str = "SELECT identity, pruned_transaction_id, pruned_id, 0 AS transaction_id, \
            MAX(pruned_id, (SELECT COALESCE(MAX(id), 0) FROM task_events)) + 1 AS event_id, \
            (SELECT COALESCE(MAX(id), 0) + 1 FROM account_changes) AS change_id, \
            COALESCE((SELECT log_event_id FROM notifications ORDER BY id DESC LIMIT 1), 0) AS notified_event_id, \
            (SELECT COALESCE(MAX(id), 0) + 1 FROM notifications) AS notification_id, 0 AS is_waiting \
         FROM event_log";

    let backend = connection.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let row = connection
        .query_one_raw(Statement::from_string(backend, statement))
        .await?
        .ok_or_else(no_identity)?;
    let place = |transaction_id, id| -> Result<LogPosition> {
        Ok(LogPosition {
            transaction_id: row.try_get("", transaction_id)?,
            id: row.try_get("", id)?,
        })
    };
    Ok(Settled {
        log: row.try_get("", "identity")?,
        events: place("transaction_id", "event_id")?,
        changes: place("transaction_id", "change_id")?,
        notifications: notification::NotificationPosition {
            event: place("transaction_id", "notified_event_id")?,
            id: row.try_get("", "notification_id")?,
        },
        pruned: place("pruned_transaction_id", "pruned_id")?,
        is_waiting: row.try_get::<i32>("", "is_waiting")? == 1,
    })
}

/// The columns that hold a place in a log.
const PLACE: &str = "transaction_id, id";
/// The columns that hold the last place that was forgotten.
const PRUNED: &str = "pruned_transaction_id, pruned_id";

/// Two columns compared with a place as one value.
fn compared(connection: &impl ConnectionTrait, columns: &str, operator: &str, place: LogPosition) -> Expr {
    let condition = match connection.get_database_backend() {
        DbBackend::Postgres => format!("({columns}) {operator} ($1, $2)"),
        _ => format!("({columns}) {operator} (?, ?)"),
    };
    Expr::cust_with_values(condition, [place.transaction_id, place.id])
}

/// The place of something that is no event and is written in a transaction of its own: after the newest event.
pub(in crate::domain::store) async fn place_of_now(transaction: &WriteTransaction) -> Result<LogPosition> {
    const POSTGRES: &str = "SELECT GREATEST(pg_current_xact_id()::text::bigint, \
            pg_snapshot_xmax(pg_current_snapshot())::text::bigint) AS transaction_id, \
            GREATEST(pruned_id, (SELECT MAX(id) FROM task_events)) AS id FROM event_log";
    const SQLITE: &str = "SELECT 0 AS transaction_id, \
            MAX(pruned_id, (SELECT COALESCE(MAX(id), 0) FROM task_events)) AS id FROM event_log";

    let connection = transaction.connection();
    let backend = connection.get_database_backend();
    let statement = match backend {
        DbBackend::Postgres => POSTGRES,
        _ => SQLITE,
    };
    let row = connection
        .query_one_raw(Statement::from_string(backend, statement))
        .await?
        .ok_or_else(no_identity)?;
    Ok(LogPosition {
        transaction_id: row.try_get("", "transaction_id")?,
        id: row.try_get("", "id")?,
    })
}

/// A part of the log.
#[derive(Clone, Copy, Debug)]
pub(in crate::domain) struct LogRange<'a> {
    /// From this place on,
    pub(in crate::domain) from: LogPosition,
    /// and before this one.
    pub(in crate::domain) until: LogPosition,
    /// Only the events of these tasks.
    pub(in crate::domain) tasks: Option<&'a [TaskId]>,
}

/// Events as they were read.
#[derive(Debug)]
pub(in crate::domain) struct Batch {
    pub(in crate::domain) events: Vec<LoggedEvent>,
    /// Where to go on; `None` when these were the last.
    pub(in crate::domain) more_from: Option<LogPosition>,
}

/// The first `limit` events of a part of the log whose audience is in scope. A row that cannot be understood is
/// left out, and said to be: it must not keep back what comes after it.
pub(in crate::domain) async fn read(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    part: LogRange<'_>,
    limit: u64,
) -> Result<Batch> {
    let mut query = Entity::find()
        .filter(compared(connection, PLACE, ">=", part.from))
        .filter(compared(connection, PLACE, "<", part.until));
    if let Visibility::Of(user) = scope.visibility() {
        query = query.filter(concerns(connection, user));
    }
    if let Some(tasks) = part.tasks {
        query = query.filter(one_of(
            connection,
            Column::TaskId,
            tasks.iter().map(|task| task.0).collect(),
        ));
    }
    let rows: Vec<Row> = query
        .order_by_asc(Column::TransactionId)
        .order_by_asc(Column::Id)
        .limit(limit)
        .into_partial_model()
        .all(connection)
        .await?;
    let is_full = u64::try_from(rows.len()).is_ok_and(|length| length >= limit);
    let more_from = rows.last().filter(|_| is_full).map(|row| row.place().next());
    let events = rows.into_iter().filter_map(|row| {
        let id = row.place().id;
        LoggedEvent::try_from(row)
            .inspect_err(|error| tracing::error!("the event {id} cannot be read: {:?}", error.cause()))
            .ok()
    });
    Ok(Batch {
        events: events.collect(),
        more_from,
    })
}

/// Whether the user is in the audience of an event.
fn concerns(connection: &impl ConnectionTrait, user: UserId) -> Expr {
    let condition = match connection.get_database_backend() {
        DbBackend::Postgres => "audience @> jsonb_build_array($1)",
        _ => "EXISTS (SELECT 1 FROM json_each(audience) WHERE value = ?)",
    };
    Expr::cust_with_values(condition, [user.0])
}

/// The users whose accounts changed in a part of the log of changes, which only the server reads.
pub(in crate::domain) async fn changed_accounts(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Tasks>,
    from: LogPosition,
    until: LogPosition,
) -> Result<Vec<UserId>> {
    let users: Vec<i32> = account_change::Entity::find()
        .select_only()
        .column(account_change::Column::UserId)
        .distinct()
        .filter(compared(connection, PLACE, ">=", from))
        .filter(compared(connection, PLACE, "<", until))
        .into_tuple()
        .all(connection)
        .await?;
    Ok(users.into_iter().map(UserId).collect())
}

/// Forgets up to `limit` of the events that are older than a moment, and how far the log is forgotten by
/// then; and the changes to accounts before that moment. Returns how many events were forgotten.
pub(in crate::domain) async fn prune(
    transaction: &WriteTransaction,
    _system: &System,
    before: Timestamp,
    limit: u64,
) -> Result<u64> {
    let connection = transaction.connection();
    account_change::Entity::delete_many()
        .filter(account_change::Column::OccurredAt.lt(before))
        .exec(connection)
        .await?;
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
    // Another node may have come further meanwhile.
    let update = Query::update()
        .table("event_log")
        .value("pruned_transaction_id", horizon.transaction_id)
        .value("pruned_id", horizon.id)
        .and_where(compared(connection, PRUNED, "<", horizon))
        .take();
    connection.execute(&update).await?;
    let deleted = Entity::delete_many()
        .filter(Column::OccurredAt.lt(before))
        .filter(compared(connection, PLACE, "<=", horizon))
        .exec(connection)
        .await?;
    Ok(deleted.rows_affected)
}
