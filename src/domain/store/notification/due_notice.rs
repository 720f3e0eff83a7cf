//! Sent reminders of due dates, stored so that each is sent once.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{DbBackend, QueryOrder as _, QuerySelect as _, TryInsertResult, Value};

use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::local_time::{LocalNow, start_of};
use crate::domain::notification::{DueAt, NotificationKind};
use crate::domain::policy::{Permit, RemindOfTask, Scope, Tasks};
use crate::domain::store::query::{placeholders, values};
use crate::domain::store::{NoRelation as Relation, WriteTransaction, notification, task};
use crate::domain::task::Task;
use crate::domain::task::workflow::Status;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "due_notices")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// Id of the writing transaction on PostgreSQL, set by the database; 0 on SQLite.
    pub transaction_id: i64,
    pub task_id: i32,
    pub user_id: i32,
    pub kind: String,
    /// The task's due date, or the end of its due day in UTC.
    pub due_date: Timestamp,
    pub occurred_at: Timestamp,
}

/// A user with this stored time zone has not yet been notified that the task is overdue or due soon.
fn needs_notice(backend: DbBackend, now: LocalNow, zone: &str) -> Expr {
    let [name, moment, today] = placeholders::<3>(backend);
    Expr::cust_with_values(
        format!(
            "EXISTS (SELECT 1 FROM users WHERE users.is_active AND users.id IN (tasks.owner_id, tasks.assignee_id) \
             AND users.time_zone = {name} \
             AND NOT EXISTS (SELECT 1 FROM due_notices AS sent WHERE sent.task_id = tasks.id \
             AND sent.user_id = users.id AND sent.due_date = tasks.due_key \
             AND sent.kind = CASE WHEN tasks.due_on IS NULL AND tasks.due_key < {moment} \
             OR tasks.due_on IS NOT NULL AND tasks.due_key < {today} THEN '{}' ELSE '{}' END))",
            NotificationKind::Overdue.as_str(),
            NotificationKind::DueSoon.as_str(),
        ),
        [Value::from(zone), now.moment.into(), start_of(now.today).into()],
    )
}

/// The first `limit` open tasks in scope that are due soon or overdue, and of which a user with this stored time
/// zone has not been notified.
pub(in crate::domain) async fn find_due(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    DueAt { now, soon }: DueAt,
    zone: &str,
    limit: u64,
) -> Result<Vec<TaskId>> {
    let open = Status::ALL.into_iter().filter(|status| !status.is_closed());
    let (key, day) = (task::Column::DueKey, task::Column::DueOn);
    let end_of_days = start_of(soon.today);
    let by_moment = day.is_null().and(key.lte(soon.moment));
    let by_day = day.is_not_null().and(key.lt(end_of_days));
    let query = task::Entity::find()
        .filter(task::visible(scope))
        .filter(task::Column::DeletedAt.is_null())
        .filter(task::Column::Status.is_in(open.map(Status::rank)))
        .filter(key.lte(Ord::max(soon.moment, end_of_days)))
        .filter(by_moment.or(by_day))
        .filter(needs_notice(connection.get_database_backend(), now, zone))
        .order_by_asc(task::Column::Id)
        .limit(limit);
    let ids: Vec<i32> = values(connection, query, task::Column::Id).await?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// Records the reminder and creates its notification. False if the user was notified before.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<RemindOfTask>,
    task: &Task,
    (user, kind): (UserId, NotificationKind),
    now: Timestamp,
) -> Result<bool> {
    let notice = ActiveModel {
        id: NotSet,
        transaction_id: NotSet,
        task_id: Set(permit.subject().0),
        user_id: Set(user.0),
        kind: Set(kind.as_str().to_owned()),
        due_date: Set(task.due_key()),
        occurred_at: Set(now),
    };
    let inserted = Entity::insert(notice)
        .on_conflict_do_nothing_on([Column::TaskId, Column::UserId, Column::Kind, Column::DueDate])
        .exec(transaction.connection())
        .await?;
    let TryInsertResult::Inserted(notice) = inserted else {
        return Ok(false);
    };
    transaction.announce();
    notification::remind(transaction, permit, task, notice.last_insert_id, (user, kind), now).await?;
    Ok(true)
}
