//! What signing in reads of accounts: names and password hashes.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func};
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect};

use super::{Column, Entity, Model, Row};
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::policy::System;
use crate::domain::store::WriteTransaction;
use crate::domain::user::User;

/// What signing in checks.
#[derive(Clone, Debug)]
pub(in crate::domain) struct Login {
    pub(in crate::domain) user: User,
    pub(in crate::domain) password_hash: String,
}

/// The account with this e-mail address or username, in any case. No username contains an `@`.
pub(in crate::domain) async fn find_login(
    connection: &impl ConnectionTrait,
    system: &System,
    name: &str,
) -> Result<Option<Login>> {
    let name = name.trim().to_lowercase();
    if name.contains('\0') {
        return Ok(None);
    }
    let named = if name.contains('@') {
        Condition::all().add(Column::Email.eq(name))
    } else {
        Condition::all().add(Expr::expr(Func::lower(Expr::col(Column::Username))).eq(name))
    };
    let model = Entity::find().filter(named).one(connection).await?;
    model.map(|model| Login::of(model, system)).transpose()
}

/// The account as it is now, locked until the transaction ends.
pub(in crate::domain) async fn lock_login(
    transaction: &WriteTransaction,
    system: &System,
    id: UserId,
) -> Result<Option<Login>> {
    let query = Entity::find_by_id(id.0).lock_exclusive();
    let model = query.one(transaction.connection()).await?;
    model.map(|model| Login::of(model, system)).transpose()
}

impl Login {
    fn of(model: Model, system: &System) -> Result<Self> {
        let password_hash = model.password_hash.clone();
        Ok(Self {
            user: Row::from(model).to_user(&system.users())?,
            password_hash,
        })
    }

    /// Whether the account may sign in.
    pub(in crate::domain) fn is_active(&self) -> bool {
        self.user.account.as_ref().is_some_and(|account| account.is_active)
    }
}

/// The hash that a password is checked against.
pub(in crate::domain) async fn password_hash(
    connection: &impl ConnectionTrait,
    _system: &System,
    id: UserId,
) -> Result<Option<String>> {
    let query = Entity::find_by_id(id.0).select_only().column(Column::PasswordHash);
    Ok(query.into_tuple().one(connection).await?)
}

/// Active accounts with one password hash, which only a copy of it explains.
#[derive(Debug, FromQueryResult)]
pub(in crate::domain) struct SharedPassword {
    pub(in crate::domain) password_hash: String,
    pub(in crate::domain) accounts: i64,
    /// The address of one of them.
    pub(in crate::domain) email: String,
}

/// The hash that most active accounts share, if any do.
pub(in crate::domain) async fn shared_password(
    connection: &impl ConnectionTrait,
    _system: &System,
) -> Result<Option<SharedPassword>> {
    let query = Entity::find()
        .select_only()
        .column(Column::PasswordHash)
        .column_as(Column::Id.count(), "accounts")
        .column_as(Column::Email.min(), "email")
        .filter(Column::IsActive.eq(true))
        .group_by(Column::PasswordHash)
        .having(Column::Id.count().gt(1))
        .order_by_desc(Column::Id.count());
    Ok(query.into_model().one(connection).await?)
}
