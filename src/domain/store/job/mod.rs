//! The job queue: one row for each job, kept for a while after its end.

pub(in crate::domain) mod mail_count;

use chrono::TimeDelta;
use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict};
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _, Select, UpdateMany};
use serde_json::json;

use super::query::{as_count, is_any, of_user};
use super::{NoRelation as Relation, WriteTransaction, corrupt, one_of};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::{NotificationId, UserId};
use crate::domain::job::{BackgroundTask, BackgroundTaskStatus, Claim, JobId, JobKind, JobOutcome, NewJob, QueueStats};
use crate::domain::policy::{Jobs, Permit, QueueJob, Scope, System};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "jobs")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub kind: String,
    pub payload: Json,
    /// Earliest start.
    pub run_at: Timestamp,
    /// Number of started attempts.
    pub attempts: i32,
    /// When the worker's lease expires; null if no worker has the job.
    pub locked_until: Option<Timestamp>,
    /// The worker that runs it; null if none does.
    pub locked_by: Option<String>,
    /// Error of the last failed attempt.
    pub last_error: Option<String>,
    /// When it succeeded or was abandoned; null until then.
    pub finished_at: Option<Timestamp>,
    /// Whether it was abandoned after too many failures.
    pub is_dead: bool,
    /// At most one job has a given key.
    pub dedup_key: Option<String>,
    /// The user who requested it; null for jobs of the server.
    pub user_id: Option<i32>,
}

impl From<NewJob> for ActiveModel {
    fn from(job: NewJob) -> Self {
        Self {
            id: NotSet,
            created_at: Set(job.now),
            updated_at: Set(job.now),
            kind: Set(job.kind.as_str().to_owned()),
            payload: Set(job.payload),
            run_at: Set(job.run_at),
            attempts: Set(0),
            locked_until: Set(None),
            locked_by: Set(None),
            last_error: Set(None),
            finished_at: Set(None),
            is_dead: Set(false),
            dedup_key: Set(None),
            user_id: Set(None),
        }
    }
}

/// Adds a job in the transaction of the write that causes it (transactional outbox).
pub(in crate::domain) async fn enqueue(transaction: &WriteTransaction, _system: &System, job: NewJob) -> Result<JobId> {
    insert(transaction, job.into()).await
}

/// Adds a job on behalf of a user.
pub(in crate::domain) async fn enqueue_for(
    transaction: &WriteTransaction,
    permit: &Permit<QueueJob>,
    job: NewJob,
) -> Result<JobId> {
    let model = ActiveModel {
        user_id: Set(Some(permit.subject().0)),
        ..job.into()
    };
    insert(transaction, model).await
}

/// Unfinished background tasks that were requested without signing in.
pub(in crate::domain) async fn count_anonymous_tasks(transaction: &WriteTransaction, _system: &System) -> Result<u64> {
    let waiting = Entity::find()
        .filter(Column::FinishedAt.is_null())
        .filter(Column::Kind.eq(JobKind::BackgroundTask.as_str()))
        .filter(Column::UserId.is_null());
    Ok(waiting.count(transaction.connection()).await?)
}

async fn insert(transaction: &WriteTransaction, model: ActiveModel) -> Result<JobId> {
    transaction.announce_work();
    let inserted = Entity::insert(model).exec(transaction.connection()).await?;
    Ok(JobId(inserted.last_insert_id))
}

/// Adds the job that sends a notification by email, in the same transaction as the notification.
pub(super) async fn enqueue_mail(
    transaction: &WriteTransaction,
    notification: NotificationId,
    now: Timestamp,
) -> Result<()> {
    let payload = json!({ "notification_id": notification });
    insert(transaction, NewJob::new(JobKind::SendMail, payload, now).into()).await?;
    Ok(())
}

/// The clocks of servers differ by less than this.
const MAX_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Whether a recurring job starts later than after its period: the clock was ahead when it was scheduled. It would not
/// run before that time comes.
fn is_adrift(kind: JobKind, now: Timestamp) -> Expr {
    let latest = now + kind.recurs_after().unwrap_or_default() + MAX_SKEW;
    Column::DedupKey.eq(kind.as_str()).and(Column::RunAt.gt(latest))
}

/// Adds recurring jobs that are missing, and reschedules those that are adrift. `dedup_key` prevents duplicates.
pub(in crate::domain) async fn schedule(
    transaction: &WriteTransaction,
    _system: &System,
    recurring: Vec<NewJob>,
) -> Result<()> {
    for job in &recurring {
        let update = Entity::update_many()
            .col_expr(Column::RunAt, Expr::value(job.run_at))
            .col_expr(Column::UpdatedAt, Expr::value(job.now))
            .filter(Column::FinishedAt.is_null())
            .filter(is_adrift(job.kind, job.now));
        transaction.execute(update).await?;
    }
    let rows = recurring.into_iter().map(|job| ActiveModel {
        dedup_key: Set(Some(job.kind.as_str().to_owned())),
        ..job.into()
    });
    Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .try_insert()
        .exec_without_returning(transaction.connection())
        .await?;
    Ok(())
}

/// Due jobs without an unexpired lease.
fn due(now: Timestamp) -> Select<Entity> {
    let is_unclaimed = Condition::any()
        .add(Column::LockedUntil.is_null())
        .add(Column::LockedUntil.lte(now));
    Entity::find()
        .filter(Column::FinishedAt.is_null())
        .filter(Column::RunAt.lte(now))
        .filter(is_unclaimed)
}

/// Kinds of a newer version are left to its servers.
fn of_kinds(kinds: &[JobKind]) -> Expr {
    Column::Kind.is_in(kinds.iter().map(|kind| kind.as_str()))
}

pub(in crate::domain) async fn is_any_due(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Jobs>,
    now: Timestamp,
) -> Result<bool> {
    is_any(connection, due(now).filter(of_kinds(&JobKind::ALL)), Column::Id).await
}

/// Leases up to `limit` due jobs, the longest due first. Concurrent workers get different jobs.
pub(in crate::domain) async fn claim(
    transaction: &WriteTransaction,
    _system: &System,
    kinds: &[JobKind],
    owner: &str,
    [now, leased_until]: [Timestamp; 2],
    limit: u64,
) -> Result<Vec<Claim>> {
    let connection = transaction.connection();
    let rows = due(now)
        .filter(of_kinds(kinds))
        .order_by_asc(Column::RunAt)
        .order_by_asc(Column::Id)
        .limit(limit)
        // SQLite ignores this; it has one writer at a time.
        .lock_with_behavior(LockType::Update, LockBehavior::SkipLocked)
        .all(connection)
        .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let ids = rows.iter().map(|row| row.id).collect();
    let update = Entity::update_many()
        .col_expr(Column::LockedBy, Expr::value(owner))
        .col_expr(Column::LockedUntil, Expr::value(leased_until))
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(one_of(connection, Column::Id, ids));
    transaction.execute(update).await?;
    rows.into_iter().map(|row| claim_of(row, owner)).collect()
}

fn claim_of(row: Model, owner: &str) -> Result<Claim> {
    Ok(Claim {
        id: JobId(row.id),
        kind: JobKind::named(&row.kind).ok_or_else(|| corrupt("kind of a job", &row.kind))?,
        payload: row.payload,
        user_id: row.user_id.map(UserId),
        owner: owner.to_owned(),
        attempt: row.attempts + 1,
    })
}

/// Matches the job while the claim is valid.
fn claimed(claim: &Claim) -> Condition {
    Condition::all()
        .add(Column::Id.eq(claim.id.0))
        .add(Column::LockedBy.eq(claim.owner.as_str()))
        .add(Column::Attempts.eq(claim.attempt))
        .add(Column::FinishedAt.is_null())
}

/// Ends the lease.
fn released(now: Timestamp) -> UpdateMany<Entity> {
    Entity::update_many()
        .col_expr(Column::LockedBy, Expr::value(None::<String>))
        .col_expr(Column::LockedUntil, Expr::value(None::<Timestamp>))
        .col_expr(Column::UpdatedAt, Expr::value(now))
}

/// Extends the lease. False if another worker has taken the job.
pub(in crate::domain) async fn renew(
    transaction: &WriteTransaction,
    _system: &System,
    claim: &Claim,
    until: Timestamp,
) -> Result<bool> {
    let update = Entity::update_many()
        .col_expr(Column::LockedUntil, Expr::value(until))
        .filter(claimed(claim));
    Ok(transaction.count_affected(update).await? > 0)
}

/// Stores the outcome of a job. False if another worker has taken the job.
pub(in crate::domain) async fn settle(
    transaction: &WriteTransaction,
    _system: &System,
    claim: &Claim,
    job_outcome: &JobOutcome,
    now: Timestamp,
) -> Result<bool> {
    let update = match job_outcome {
        JobOutcome::Done => released(now)
            .col_expr(Column::FinishedAt, Expr::value(now))
            .col_expr(Column::LastError, Expr::value(None::<String>)),
        JobOutcome::Again { at } => released(now)
            .col_expr(Column::RunAt, Expr::value(*at))
            .col_expr(Column::Attempts, Expr::value(0))
            .col_expr(Column::LastError, Expr::value(None::<String>)),
        JobOutcome::Retry { at, error } => released(now)
            .col_expr(Column::RunAt, Expr::value(*at))
            .col_expr(Column::LastError, Expr::value(error.as_str())),
        JobOutcome::Dead { error } => released(now)
            .col_expr(Column::FinishedAt, Expr::value(now))
            .col_expr(Column::IsDead, Expr::value(true))
            .col_expr(Column::LastError, Expr::value(error.as_str())),
    };
    Ok(transaction.count_affected(update.filter(claimed(claim))).await? > 0)
}

/// Releases every job of `owner` without counting the attempt.
pub(in crate::domain) async fn give_back(
    transaction: &WriteTransaction,
    _system: &System,
    owner: &str,
    now: Timestamp,
) -> Result<u64> {
    let update = released(now)
        .col_expr(Column::Attempts, Expr::col(Column::Attempts).sub(1))
        .filter(Column::LockedBy.eq(owner))
        .filter(Column::FinishedAt.is_null());
    transaction.count_affected(update).await
}

/// Deletes a job whose work is already done.
pub(in crate::domain) async fn cancel(transaction: &WriteTransaction, _system: &System, id: JobId) -> Result<()> {
    transaction.execute(Entity::delete_by_id(id.0)).await
}

/// Deletes jobs that succeeded before `done_before` or were abandoned before `dead_before`.
pub(in crate::domain) async fn forget(
    transaction: &WriteTransaction,
    _system: &System,
    done_before: Timestamp,
    dead_before: Timestamp,
) -> Result<u64> {
    let done = Condition::all()
        .add(Column::IsDead.eq(false))
        .add(Column::FinishedAt.lt(done_before));
    let dead = Condition::all()
        .add(Column::IsDead.eq(true))
        .add(Column::FinishedAt.lt(dead_before));
    let old = Entity::delete_many().filter(Condition::any().add(done).add(dead));
    transaction.count_affected(old).await
}

pub(in crate::domain) async fn find_background_task(
    connection: &impl ConnectionTrait,
    scope: &Scope<Jobs>,
    id: JobId,
    now: Timestamp,
) -> Result<Option<BackgroundTask>> {
    let query = Entity::find_by_id(id.0).filter(Column::UserId.is_not_null());
    let found = query.filter(of_user(scope, Column::UserId)).one(connection).await?;
    Ok(found.map(|row| {
        let is_running = row.locked_until.is_some_and(|until| until > now);
        BackgroundTask {
            id: JobId(row.id),
            status: match row.finished_at {
                Some(_) if row.is_dead => BackgroundTaskStatus::Failed,
                Some(_) => BackgroundTaskStatus::Done,
                None if is_running => BackgroundTaskStatus::Running,
                None => BackgroundTaskStatus::Queued,
            },
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }))
}

/// Pending, running and recurring jobs, and since when the first of the pending ones waits.
type Counts = (Option<i64>, Option<i64>, Option<i64>, Option<Timestamp>);

/// Excludes finished jobs, which are many. Recurring jobs that are adrift do not count as recurring, so that the worker
/// schedules them again.
pub(in crate::domain) async fn queue_stats(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Jobs>,
    now: Timestamp,
) -> Result<QueueStats> {
    let is_running = || Column::LockedUntil.is_not_null().and(Column::LockedUntil.gt(now));
    let is_waiting = || Column::RunAt.lte(now).and(is_running().not());
    let in_time = JobKind::ALL.into_iter().map(|kind| is_adrift(kind, now).not());
    let recurs = in_time.fold(Column::DedupKey.is_not_null(), ExprTrait::and);
    let counted = |condition: Expr| Expr::expr(Expr::case(condition, 1).finally(0)).sum();
    let (pending, running, recurring, waiting_since) = Entity::find()
        .select_only()
        .column_as(counted(is_waiting()), "pending")
        .column_as(counted(is_running()), "running")
        .column_as(counted(recurs), "recurring")
        .column_as(
            Expr::expr(Expr::case(is_waiting(), Expr::col(Column::RunAt))).min(),
            "waiting_since",
        )
        .filter(Column::FinishedAt.is_null())
        .into_tuple::<Counts>()
        .one(connection)
        .await?
        .ok_or_else(|| Error::internal(anyhow::anyhow!("the jobs cannot be counted")))?;
    let dead = Entity::find().filter(Column::IsDead.eq(true)).count(connection).await?;
    let failing = Entity::find()
        .filter(Column::LastError.is_not_null())
        .filter(
            Condition::any()
                .add(Column::FinishedAt.is_null())
                .add(Column::IsDead.eq(true)),
        )
        .order_by_desc(Column::UpdatedAt)
        .one(connection)
        .await?;
    Ok(QueueStats {
        pending: as_count(pending.unwrap_or_default()),
        running: as_count(running.unwrap_or_default()),
        recurring: as_count(recurring.unwrap_or_default()),
        dead,
        waiting_since,
        newest_failure: failing.and_then(|row| Some((row.kind, row.last_error?))),
    })
}
