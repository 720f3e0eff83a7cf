//! Account data for signing in: names and password hashes.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func};
use sea_orm::{Condition, FromQueryResult, QueryOrder, QuerySelect};

use super::{Column, Entity, Row};
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::policy::System;
use crate::domain::store::WriteTransaction;
use crate::domain::store::query::first_value;
use crate::domain::user::User;

#[derive(Clone, Debug)]
pub(in crate::domain) struct Login {
    pub(in crate::domain) user: User,
    pub(in crate::domain) password_hash: String,
}

/// Finds an account by email address or username, ignoring case. No username contains an `@`.
pub(in crate::domain) async fn find_login(
    connection: &impl ConnectionTrait,
    system: &System,
    name: &str,
) -> Result<Option<Login>> {
    let name = name.trim();
    if name.contains('\0') {
        return Ok(None);
    }
    let named = if name.contains('@') {
        Condition::all().add(Column::Email.eq(name.to_lowercase()))
    } else {
        // The database folds both sides, as for the unique index: in a Turkish database, the lower case of `I` is `ı`.
        let lower = |name: Expr| Expr::expr(Func::lower(name));
        Condition::all().add(lower(Expr::col(Column::Username)).eq(lower(Expr::val(name))))
    };
    login(connection, system, Entity::find().filter(named)).await
}

/// Locks the account until the transaction ends.
pub(in crate::domain) async fn lock_login(
    transaction: &WriteTransaction,
    system: &System,
    id: UserId,
) -> Result<Option<Login>> {
    let query = Entity::find_by_id(id.0).lock_exclusive();
    login(transaction.connection(), system, query).await
}

#[derive(FromQueryResult)]
struct LoginRow {
    #[sea_orm(nested)]
    user: Row,
    password_hash: String,
}

async fn login(connection: &impl ConnectionTrait, system: &System, query: Select<Entity>) -> Result<Option<Login>> {
    let Some(row) = query.into_model::<LoginRow>().one(connection).await? else {
        return Ok(None);
    };
    Ok(Some(Login {
        user: row.user.to_user(&system.users())?,
        password_hash: row.password_hash,
    }))
}

impl Login {
    pub(in crate::domain) fn is_active(&self) -> bool {
        self.user.account.as_ref().is_some_and(|account| account.is_active)
    }
}

pub(in crate::domain) async fn password_hash(
    connection: &impl ConnectionTrait,
    _system: &System,
    id: UserId,
) -> Result<Option<String>> {
    first_value(connection, Entity::find_by_id(id.0), Column::PasswordHash).await
}

/// Active accounts with the same salted hash, which can only be a copy.
#[derive(Debug, FromQueryResult)]
pub(in crate::domain) struct SharedPassword {
    pub(in crate::domain) password_hash: String,
    pub(in crate::domain) accounts: i64,
    /// Email address of one of them.
    pub(in crate::domain) email: String,
}

/// The hash that most active accounts share; `None` if all hashes differ.
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
