//! Idempotency keys: one row for each key, with the response once the request has ended.

use std::sync::Arc;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{Condition, TryInsertResult};

use super::{NoRelation as Relation, WriteTransaction};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::idempotency::Omitted;
use crate::domain::policy::{Permit, RepeatRequest, Requests, Scope, System, Visibility};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
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
    /// Id of the attempt that may write.
    pub owner: String,
    /// Lease expiry: until then no other attempt may take over the key. Null once the attempt has ended.
    pub leased_until: Option<Timestamp>,
    /// Whether an attempt has committed a write.
    pub is_written: bool,
    /// Why the response is not stored; null if it is stored or the attempt has not ended. See [`Omitted`].
    pub omitted: Option<String>,
    /// The task that was written; null if none was.
    pub task_id: Option<i32>,
}

fn name_of(user: UserId) -> String {
    format!("user:{user}")
}

/// One attempt's right to write under a key.
#[derive(Debug)]
pub(in crate::domain) struct Claim {
    pub(in crate::domain) user: UserId,
    pub(in crate::domain) key: String,
    /// Unique id of the attempt.
    pub(in crate::domain) owner: String,
}

tokio::task_local! {
    static CURRENT: Arc<Claim>;
}

/// Runs a write under its claim. Each of its transactions records that it was committed.
pub(in crate::domain) fn under<T>(claim: Arc<Claim>, write: impl Future<Output = T>) -> impl Future<Output = T> {
    CURRENT.scope(claim, write)
}

/// The claim of the current async task.
pub(super) fn current() -> Option<Arc<Claim>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Records in the transaction that it was committed, and which task it wrote. False if another attempt has taken over
/// the key.
pub(super) async fn mark_written(transaction: &WriteTransaction, claim: &Claim, task: Option<TaskId>) -> Result<bool> {
    let update = Entity::update_many()
        .col_expr(Column::IsWritten, Expr::value(true))
        .col_expr(Column::TaskId, Expr::value(task.map(|task| task.0)))
        .filter(of_claim(claim));
    Ok(transaction.count_affected(update).await? == 1)
}

/// Matches the row of the key while this attempt owns it.
fn of_claim(claim: &Claim) -> Condition {
    Condition::all()
        .add(Column::Actor.eq(name_of(claim.user)))
        .add(Column::Key.eq(&claim.key))
        .add(Column::Owner.eq(&claim.owner))
}

/// False if the key is claimed already.
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

/// Takes over a key whose last attempt wrote nothing and whose lease has ended. False if the key is not free.
pub(in crate::domain) async fn take_over(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
    [now, leased_until]: [Timestamp; 2],
) -> Result<bool> {
    let is_free = Condition::any()
        .add(Column::LeasedUntil.is_null())
        .add(Column::LeasedUntil.lte(now));
    let update = Entity::update_many()
        .col_expr(Column::Owner, Expr::value(claim.owner.clone()))
        .col_expr(Column::LeasedUntil, Expr::value(leased_until))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Actor.eq(name_of(claim.user)))
        .filter(Column::Key.eq(&claim.key))
        .filter(Column::Response.is_null())
        .filter(Column::IsWritten.eq(false))
        .filter(is_free);
    Ok(transaction.count_affected(update).await? == 1)
}

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

/// Stores the response, or why it is omitted.
pub(in crate::domain) async fn set_response(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
    response: Result<&str, Omitted>,
    now: Timestamp,
) -> Result<()> {
    let columns = match response {
        Ok(response) => vec![(Column::Response, Expr::value(response))],
        // Ending the lease lets the next request see this at once.
        Err(omitted) => vec![
            (Column::Omitted, Expr::value(omitted.as_str())),
            (Column::IsWritten, Expr::value(true)),
            (Column::LeasedUntil, Expr::value(None::<Timestamp>)),
        ],
    };
    let update = columns
        .into_iter()
        .fold(Entity::update_many(), |update, (column, value)| {
            update.col_expr(column, value)
        })
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(of_claim(claim));
    transaction.execute(update).await
}

/// Ends the lease of an attempt that ended without a response.
pub(in crate::domain) async fn end_lease(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::LeasedUntil, Expr::value(None::<Timestamp>))
        .filter(of_claim(claim));
    transaction.execute(update).await
}

/// Deletes the key, unless something was written under it.
pub(in crate::domain) async fn delete(
    transaction: &WriteTransaction,
    _permit: &Permit<RepeatRequest>,
    claim: &Claim,
) -> Result<()> {
    let unused = Entity::delete_many()
        .filter(of_claim(claim))
        .filter(Column::IsWritten.eq(false));
    transaction.execute(unused).await
}

pub(in crate::domain) async fn forget_expired(
    transaction: &WriteTransaction,
    permit: &Permit<RepeatRequest>,
    now: Timestamp,
) -> Result<()> {
    let expired = Entity::delete_many()
        .filter(Column::Actor.eq(name_of(permit.subject())))
        .filter(Column::ExpiresAt.lte(now));
    transaction.execute(expired).await
}

/// Deletes all expired keys and returns their number.
pub(in crate::domain) async fn sweep(transaction: &WriteTransaction, _system: &System, now: Timestamp) -> Result<u64> {
    let expired = Entity::delete_many().filter(Column::ExpiresAt.lte(now));
    transaction.count_affected(expired).await
}
