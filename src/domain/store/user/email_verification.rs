//! Email verification, in the rows of the users.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QuerySelect as _, sea_query::Expr};

use super::{ActiveModel, Column, Entity, store_change, touched};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::policy::{EditUser, Permit, SendVerification, System, VerifyEmail};
use crate::domain::store::WriteTransaction;
use crate::domain::store::query::first_value;

/// Locks the account that a token verifies until the transaction ends. `None` if the token expired or was used.
pub(in crate::domain) async fn owner_of(
    transaction: &WriteTransaction,
    _system: &System,
    token_hash: &str,
    now: Timestamp,
) -> Result<Option<UserId>> {
    let query = Entity::find()
        .filter(Column::VerificationTokenHash.eq(token_hash))
        .filter(Column::VerificationExpiresAt.gt(now))
        .lock_exclusive();
    let found = first_value(transaction.connection(), query, Column::Id).await?;
    Ok(found.map(UserId))
}

/// Marks the address as verified and invalidates its token.
pub(in crate::domain) async fn verify(
    transaction: &WriteTransaction,
    permit: &Permit<VerifyEmail>,
    now: Timestamp,
) -> Result<()> {
    set_verified(transaction, permit.subject(), Some(now), now).await
}

/// Marks a changed address as unverified and invalidates the token of the old one.
pub(in crate::domain) async fn reset(
    transaction: &WriteTransaction,
    permit: &Permit<EditUser>,
    now: Timestamp,
) -> Result<()> {
    set_verified(transaction, permit.subject(), None, now).await
}

async fn set_verified(
    transaction: &WriteTransaction,
    user: UserId,
    verified_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        email_verified_at: Set(verified_at),
        verification_token_hash: Set(None),
        verification_expires_at: Set(None),
        ..touched(user, now)
    };
    Ok(store_change(transaction, model).await?)
}

/// When the last verification email was scheduled for.
pub(in crate::domain) async fn last_mail_at(
    transaction: &WriteTransaction,
    permit: &Permit<SendVerification>,
) -> Result<Option<Timestamp>> {
    let user = Entity::find_by_id(permit.subject().0);
    let at = first_value::<_, Option<Timestamp>>(transaction.connection(), user, Column::VerificationMailAt);
    Ok(at.await?.flatten())
}

pub(in crate::domain) async fn set_mail_at(
    transaction: &WriteTransaction,
    permit: &Permit<SendVerification>,
    at: Timestamp,
) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::VerificationMailAt, Expr::value(at))
        .filter(Column::Id.eq(permit.subject().0));
    transaction.execute(update).await
}

/// Replaces the last token.
pub(in crate::domain) async fn set_token(
    transaction: &WriteTransaction,
    permit: &Permit<SendVerification>,
    token_hash: &str,
    expires_at: Timestamp,
) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::VerificationTokenHash, Expr::value(token_hash))
        .col_expr(Column::VerificationExpiresAt, Expr::value(expires_at))
        .filter(Column::Id.eq(permit.subject().0));
    transaction.execute(update).await
}
