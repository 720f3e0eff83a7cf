//! Keys of writes that may be repeated, in the database: one row a key, with the answer once there is one.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::TryInsertResult;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;

use super::WriteTransaction;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::policy::{Permit, Reach, RepeatRequest, Requests, Scope, SweepUp};

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
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

fn name_of(user: UserId) -> String {
    format!("user:{user}")
}

/// Claims a key; false if it is claimed already.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<RepeatRequest>,
    key: &str,
    request_hash: &str,
    now: Timestamp,
    expires_at: Timestamp,
) -> Result<bool> {
    let model = ActiveModel {
        id: NotSet,
        created_at: Set(now),
        updated_at: Set(now),
        actor: Set(name_of(permit.subject())),
        key: Set(key.to_owned()),
        request_hash: Set(request_hash.to_owned()),
        response: Set(None),
        expires_at: Set(expires_at),
    };
    let inserted = Entity::insert(model)
        .on_conflict_do_nothing_on([Column::Actor, Column::Key])
        .exec_without_returning(transaction.connection())
        .await?;
    Ok(matches!(inserted, TryInsertResult::Inserted(rows) if rows > 0))
}

/// The row of a key of one's own.
pub(in crate::domain) async fn find(
    transaction: &WriteTransaction,
    scope: &Scope<Requests>,
    key: &str,
) -> Result<Option<Model>> {
    let query = Entity::find().filter(Column::Key.eq(key));
    let query = match scope.reach() {
        Reach::Everything => query,
        Reach::Of(user) => query.filter(Column::Actor.eq(name_of(user))),
    };
    Ok(query.one(transaction.connection()).await?)
}

/// Notes the answer to the request of a key.
pub(in crate::domain) async fn set_response(
    transaction: &WriteTransaction,
    permit: &Permit<RepeatRequest>,
    key: &str,
    response: &str,
    now: Timestamp,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::Response, Expr::value(response))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Actor.eq(name_of(permit.subject())))
        .filter(Column::Key.eq(key))
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets a key.
pub(in crate::domain) async fn delete(
    transaction: &WriteTransaction,
    permit: &Permit<RepeatRequest>,
    key: &str,
) -> Result<()> {
    Entity::delete_many()
        .filter(Column::Actor.eq(name_of(permit.subject())))
        .filter(Column::Key.eq(key))
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
pub(in crate::domain) async fn sweep(
    transaction: &WriteTransaction,
    _permit: &Permit<SweepUp>,
    now: Timestamp,
) -> Result<u64> {
    let forgotten = Entity::delete_many()
        .filter(Column::ExpiresAt.lte(now))
        .exec(transaction.connection())
        .await?;
    Ok(forgotten.rows_affected)
}
