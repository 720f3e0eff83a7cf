//! Keys of writes that may be repeated, in the database: one row a key, with the answer once there is one.

use std::sync::Arc;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, TryInsertResult};

use super::WriteTransaction;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::idempotency::Omitted;
use crate::domain::policy::{Permit, RepeatRequest, Requests, Scope, System, Visibility};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency_keys")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub actor: String,
    pub key: String,
    pub request_hash: String,
    pub response: Option<String>,
    pub expires_at: Timestamp,
    /// The attempt that may write.
    pub owner: String,
    /// Until then nobody else may take the key over; none once the attempt has ended.
    pub leased_until: Option<Timestamp>,
    /// Whether an owner committed something.
    pub is_written: bool,
    /// Why the response is not stored, if it was known: see [`Omitted`].
    pub omitted: Option<String>,
    /// The task that was written, if one was.
    pub task_id: Option<i32>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn name_of(user: UserId) -> String {
    format!("user:{user}")
}

/// The right of one attempt to write under a key.
#[derive(Debug)]
pub(in crate::domain) struct Claim {
    pub(in crate::domain) user: UserId,
    pub(in crate::domain) key: String,
    /// Tells the attempt from others with the same key.
    pub(in crate::domain) owner: String,
}

tokio::task_local! {
    static CURRENT: Arc<Claim>;
}

/// Runs a write under its claim: each of its transactions notes that it was committed.
pub(in crate::domain) fn under<T>(claim: Arc<Claim>, write: impl Future<Output = T>) -> impl Future<Output = T> {
    CURRENT.scope(claim, write)
}

/// The claim that the present task writes under.
pub(super) fn current() -> Option<Arc<Claim>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Notes in the transaction of a write that it was committed, and the task that it wrote; false when another attempt has
/// taken the key over.
pub(super) async fn mark_written(
    connection: &impl ConnectionTrait,
    claim: &Claim,
    task: Option<TaskId>,
) -> Result<bool> {
    let marked = Entity::update_many()
        .col_expr(Column::IsWritten, Expr::value(true))
        .col_expr(Column::TaskId, Expr::value(task.map(|task| task.0)))
        .filter(of_claim(claim))
        .exec(connection)
        .await?;
    Ok(marked.rows_affected == 1)
}

/// The row of a key, as long as this attempt owns it.
fn of_claim(claim: &Claim) -> Condition {
    Condition::all()
        .add(Column::Actor.eq(name_of(claim.user)))
        .add(Column::Key.eq(&claim.key))
        .add(Column::Owner.eq(&claim.owner))
}

/// Claims a key; false if it is claimed already.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
    request_hash: &str,
    [now, leased_until, expires_at]: [Timestamp; 3],
) -> Result<bool> {
    let model = ActiveModel {
        id: NotSet,
        created_at: Set(now),
        updated_at: Set(now),
        actor: Set(name_of(claim.user)),
        key: Set(claim.key.clone()),
        request_hash: Set(request_hash.to_owned()),
        response: Set(None),
        expires_at: Set(expires_at),
        owner: Set(claim.owner.clone()),
        leased_until: Set(Some(leased_until)),
        is_written: Set(false),
        omitted: Set(None),
        task_id: Set(None),
    };
    let inserted = Entity::insert(model)
        .on_conflict_do_nothing_on([Column::Actor, Column::Key])
        .exec_without_returning(transaction.connection())
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0))
}

/// Takes a key over from an attempt that wrote nothing and whose lease is over; false if there is none such.
pub(in crate::domain) async fn take_over(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
    [now, leased_until]: [Timestamp; 2],
) -> Result<bool> {
    let is_free = Condition::any()
        .add(Column::LeasedUntil.is_null())
        .add(Column::LeasedUntil.lte(now));
    let taken = Entity::update_many()
        .col_expr(Column::Owner, Expr::value(claim.owner.clone()))
        .col_expr(Column::LeasedUntil, Expr::value(leased_until))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Actor.eq(name_of(claim.user)))
        .filter(Column::Key.eq(&claim.key))
        .filter(Column::Response.is_null())
        .filter(Column::IsWritten.eq(false))
        .filter(is_free)
        .exec(transaction.connection())
        .await?;
    Ok(taken.rows_affected == 1)
}

/// The row of a key of one's own.
pub(in crate::domain) async fn find(
    transaction: &WriteTransaction,
    scope: &Scope<Requests>,
    key: &str,
) -> Result<Option<Model>> {
    let query = Entity::find().filter(Column::Key.eq(key));
    let query = match scope.visibility() {
        Visibility::Everything => query,
        Visibility::Of(user) => query.filter(Column::Actor.eq(name_of(user))),
    };
    Ok(query.one(transaction.connection()).await?)
}

/// Notes the response to the request of a key, or why it is not stored.
pub(in crate::domain) async fn set_response(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
    response: Result<&str, Omitted>,
    now: Timestamp,
) -> Result<()> {
    let columns = match response {
        Ok(response) => vec![(Column::Response, Expr::value(response))],
        // The write has ended, and the next request finds that out at once.
        Err(omitted) => vec![
            (Column::Omitted, Expr::value(omitted.as_str())),
            (Column::IsWritten, Expr::value(true)),
            (Column::LeasedUntil, Expr::value(None::<Timestamp>)),
        ],
    };
    columns
        .into_iter()
        .fold(Entity::update_many(), |update, (column, value)| {
            update.col_expr(column, value)
        })
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(of_claim(claim))
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Ends the lease of an attempt that has ended without an answer.
pub(in crate::domain) async fn end_lease(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::LeasedUntil, Expr::value(None::<Timestamp>))
        .filter(of_claim(claim))
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets a key under which nothing was written.
pub(in crate::domain) async fn delete(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
) -> Result<()> {
    Entity::delete_many()
        .filter(of_claim(claim))
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets those keys of the user whose time is over.
pub(in crate::domain) async fn forget_expired(
    transaction: &WriteTransaction,
    permit: &Permit<RepeatRequest>,
    now: Timestamp,
) -> Result<()> {
    Entity::delete_many()
        .filter(Column::Actor.eq(name_of(permit.subject())))
        .filter(Column::ExpiresAt.lte(now))
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets the keys of everybody whose time is over, and tells how many there were.
pub(in crate::domain) async fn sweep(transaction: &WriteTransaction, _system: &System, now: Timestamp) -> Result<u64> {
    let forgotten = Entity::delete_many()
        .filter(Column::ExpiresAt.lte(now))
        .exec(transaction.connection())
        .await?;
    Ok(forgotten.rows_affected)
}
