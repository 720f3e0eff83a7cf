//! Users in the database.

pub(in crate::domain) mod account_change;
pub(in crate::domain::store) mod cache;
pub(in crate::domain) mod email_verification;
mod login;

pub(in crate::domain) use cache::{cached, find_many};
pub(in crate::domain) use login::{Login, find_login, lock_login, password_hash, shared_password};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{CaseStatement, Expr, ExprTrait as _, Func, LockType};
use sea_orm::{
    ActiveValue::{self, NotSet, Set, Unchanged},
    DbBackend, DerivePartialModel, QueryOrder, QuerySelect, SqlErr,
};

use super::db::nullable::Nullable;
use super::query::keyset::{KeyColumn, KeyColumns, KeyType, Keyset};
use super::query::{aggregate, first_value, is_any, values};
use super::{NoRelation as Relation, WriteTransaction, corrupt, one_of};
use crate::domain::actor::Role;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::local_time::{DEFAULT_TIME_ZONE, TimeZone, stored_time_zone};
use crate::domain::page::{Cursor, Direction, Key, Page, PageRequest, Sort};
use crate::domain::patch::Patch;
use crate::domain::policy::{
    ChangePassword, CreateUser, DeleteUser, Directory, EditUser, Permit, Scope, SetActive, SetRole, Users,
};
use crate::domain::user::{Account, CheckedUserChange, NewAccount, User, name_key};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub email: String,
    pub username: Option<String>,
    pub full_name: Option<String>,
    pub password_hash: String,
    pub role: String,
    pub is_active: bool,
    /// Null until the user or an administrator confirmed the address.
    pub email_verified_at: Option<Timestamp>,
    pub verification_token_hash: Option<String>,
    pub verification_expires_at: Option<Timestamp>,
    /// When the last verification email was scheduled for.
    pub verification_mail_at: Option<Timestamp>,
    /// See [`name_key`].
    pub name_key: String,
    pub time_zone: String,
}

/// The columns of a [`User`]. The password hash is read only where it is checked.
#[derive(Clone, Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct Row {
    id: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
    email: String,
    username: Nullable<String>,
    full_name: Nullable<String>,
    role: String,
    is_active: bool,
    email_verified_at: Nullable<Timestamp>,
    time_zone: String,
}

impl Row {
    /// Includes the account only if the scope shows it.
    fn to_user(&self, scope: &Scope<Users>) -> Result<User> {
        let id = UserId(self.id);
        let role = role_of(&self.role)?;
        let account = scope.sees_account(id).then_some(Account {
            email: self.email.clone(),
            role,
            is_active: self.is_active,
            email_verified: self.email_verified_at.0.is_some(),
            time_zone: stored_time_zone(&self.time_zone),
            created_at: self.created_at,
            updated_at: self.updated_at,
        });
        Ok(User {
            id,
            username: self.username.0.clone(),
            full_name: self.full_name.0.clone(),
            account,
        })
    }
}

pub(super) fn role_of(name: &str) -> Result<Role> {
    Role::named(name).ok_or_else(|| corrupt("role", name))
}

/// Users are listed in order of creation.
const BY_ID: [Sort<&str>; 1] = [Sort {
    field: "id",
    direction: Direction::Ascending,
}];

impl KeyColumns<&'static str> for Entity {
    fn column(_id: &'static str) -> KeyColumn {
        (Self::id(), KeyType::Integer)
    }

    fn id() -> Expr {
        Expr::col(Column::Id)
    }
}

async fn rows_of(connection: &impl ConnectionTrait, ids: Vec<i32>) -> Result<Vec<Row>> {
    let query = Entity::find().filter(one_of(connection, Column::Id, ids));
    Ok(query.into_partial_model().all(connection).await?)
}

/// Locks the user until the transaction ends.
pub(in crate::domain) async fn lock(
    transaction: &WriteTransaction,
    scope: &Scope<Users>,
    id: UserId,
) -> Result<Option<User>> {
    let query = Entity::find_by_id(id.0).lock_exclusive();
    let row = query.into_partial_model::<Row>().one(transaction.connection()).await?;
    row.map(|row| row.to_user(scope)).transpose()
}

/// Whether the user exists and is active. The lock keeps the row until the transaction ends.
pub(in crate::domain) async fn is_active(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Users>,
    id: UserId,
) -> Result<bool> {
    is_any(connection, lock_active(id), Column::Id).await
}

fn lock_active(id: UserId) -> Select<Entity> {
    Entity::find_by_id(id.0)
        .filter(Column::IsActive.eq(true))
        .lock(LockType::KeyShare)
}

/// The time zone of an active user. The lock keeps the row until the transaction ends.
pub(in crate::domain) async fn lock_time_zone(
    transaction: &WriteTransaction,
    _scope: &Scope<Users>,
    id: UserId,
) -> Result<Option<TimeZone>> {
    let name: Option<String> = first_value(transaction.connection(), lock_active(id), Column::TimeZone).await?;
    Ok(name.map(|name| stored_time_zone(&name)))
}

/// Stored names of the time zones of active users. This server may not know all of them.
pub(in crate::domain) async fn active_time_zones(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Users>,
) -> Result<Vec<String>> {
    let query = Entity::find().filter(Column::IsActive.eq(true)).distinct();
    values(connection, query, Column::TimeZone).await
}

/// Locks the active administrators, so that two of them cannot leave at the same time. Others may still reference the
/// rows: a write of a task that notifies an administrator does not wait.
pub(in crate::domain) async fn lock_active_admins(
    transaction: &WriteTransaction,
    _scope: &Scope<Directory>,
) -> Result<Vec<UserId>> {
    let query = Entity::find()
        .filter(Column::Role.eq(Role::Admin.as_str()))
        .filter(Column::IsActive.eq(true))
        .order_by_asc(Column::Id)
        .lock(LockType::NoKeyUpdate);
    let ids = values(transaction.connection(), query, Column::Id).await?;
    Ok(ids.into_iter().map(UserId).collect())
}

pub(in crate::domain) async fn page(
    connection: &impl ConnectionTrait,
    scope: &Scope<Users>,
    page: &PageRequest,
) -> Result<Page<User>> {
    let keyset = Keyset::new(&BY_ID, page)?;
    if page.is_empty() {
        return Ok(Page::default());
    }
    let users = users_of(connection, scope, keyset.apply::<Entity, _>(Entity::find())?).await?;
    let beyond = keyset.is_any_beyond::<Entity, _>(connection, Entity::find, Column::Id);
    let beyond = beyond.await?;
    Ok(keyset.finish(users, beyond, |user| Cursor {
        keys: vec![Key::Number(i64::from(user.id.0))],
        id: user.id.0,
    }))
}

/// Active users whose display name or username contains `text`, which must be in lower case.
pub(in crate::domain) async fn search(
    connection: &impl ConnectionTrait,
    scope: &Scope<Users>,
    text: &str,
    limit: u32,
) -> Result<Vec<User>> {
    let mut query = Entity::find().filter(Column::IsActive.eq(true));
    if !text.is_empty() {
        let position = match connection.get_database_backend() {
            DbBackend::Postgres => "strpos",
            _ => "instr",
        };
        let is_found = |text: String| {
            let found = Func::cust(position).arg(Expr::col(Column::NameKey)).arg(text);
            Expr::expr(found).gt(0)
        };
        let begins = CaseStatement::new().case(is_found(format!("\n{text}")), 0).finally(1);
        query = query.filter(is_found(text.to_owned())).order_by_asc(Expr::expr(begins));
    }
    let query = query
        .order_by_asc(Column::NameKey)
        .order_by_asc(Column::Id)
        .limit(u64::from(limit));
    users_of(connection, scope, query).await
}

async fn users_of(connection: &impl ConnectionTrait, scope: &Scope<Users>, query: Select<Entity>) -> Result<Vec<User>> {
    let rows = query.into_partial_model::<Row>().all(connection).await?;
    rows.iter().map(|row| row.to_user(scope)).collect()
}

pub(in crate::domain) async fn count(connection: &impl ConnectionTrait, _scope: &Scope<Users>) -> Result<u64> {
    aggregate(connection, Entity::find(), "COUNT(*)").await
}

pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    _permit: &Permit<CreateUser>,
    account: NewAccount,
) -> Result<User> {
    let model = ActiveModel {
        id: NotSet,
        created_at: Set(account.now),
        updated_at: Set(account.now),
        email: Set(account.email.clone()),
        username: Set(account.username.clone()),
        full_name: Set(account.full_name.clone()),
        password_hash: Set(account.password_hash),
        role: Set(account.role.as_str().to_owned()),
        is_active: Set(true),
        email_verified_at: Set(account.is_verified.then_some(account.now)),
        verification_token_hash: Set(None),
        verification_expires_at: Set(None),
        verification_mail_at: Set(None),
        name_key: Set(name_key(account.username.as_deref(), account.full_name.as_deref())),
        time_zone: Set(DEFAULT_TIME_ZONE.name().to_owned()),
    };
    let inserted = Entity::insert(model)
        .exec(transaction.connection())
        .await
        .map_err(|error| taken(error, Some(&account.email), account.username.as_deref()))?;
    Ok(User {
        id: UserId(inserted.last_insert_id),
        username: account.username,
        full_name: account.full_name,
        account: Some(Account {
            email: account.email,
            role: account.role,
            is_active: true,
            email_verified: account.is_verified,
            time_zone: DEFAULT_TIME_ZONE,
            created_at: account.now,
            updated_at: account.now,
        }),
    })
}

/// Maps a unique constraint violation to the value that is taken.
fn taken(error: DbErr, email: Option<&str>, username: Option<&str>) -> Error {
    match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(constraint)) if constraint.contains("email") => {
            Error::taken("email", email.unwrap_or_default())
        }
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::taken("username", username.unwrap_or_default()),
        _ => error.into(),
    }
}

pub(in crate::domain) async fn set_time_zone(
    transaction: &WriteTransaction,
    permit: &Permit<EditUser>,
    time_zone: TimeZone,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        time_zone: Set(time_zone.name().to_owned()),
        ..touched(permit.subject(), now)
    };
    store_change(transaction, model).await?;
    // Open connections use the new time zone.
    account_change::append(transaction, permit.subject(), now).await
}

pub(in crate::domain) async fn update(
    transaction: &WriteTransaction,
    permit: &Permit<EditUser>,
    change: CheckedUserChange,
    name_key: String,
    now: Timestamp,
) -> Result<()> {
    let email = change.email.clone();
    let username = match &change.username {
        Patch::Value(username) => Some(username.clone()),
        Patch::Absent | Patch::Null => None,
    };
    let model = ActiveModel {
        email: change.email.map_or(NotSet, Set),
        username: column(change.username),
        full_name: column(change.full_name),
        name_key: Set(name_key),
        ..touched(permit.subject(), now)
    };
    let changed = store_change(transaction, model).await;
    changed.map_err(|error| taken(error, email.as_deref(), username.as_deref()))
}

async fn store_change(transaction: &WriteTransaction, model: ActiveModel) -> std::result::Result<(), DbErr> {
    Entity::update(model)
        .exec_without_returning(transaction.connection())
        .await?;
    cache::change_stamp(transaction).await
}

fn column(patch: Patch<String>) -> ActiveValue<Option<String>> {
    match patch {
        Patch::Absent => NotSet,
        Patch::Null => Set(None),
        Patch::Value(value) => Set(Some(value)),
    }
}

pub(in crate::domain) async fn set_password(
    transaction: &WriteTransaction,
    permit: &Permit<ChangePassword>,
    password_hash: String,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        password_hash: Set(password_hash),
        ..touched(permit.subject(), now)
    };
    Ok(store_change(transaction, model).await?)
}

pub(in crate::domain) async fn set_role(
    transaction: &WriteTransaction,
    permit: &Permit<SetRole>,
    role: Role,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        role: Set(role.as_str().to_owned()),
        ..touched(permit.subject(), now)
    };
    store_change(transaction, model).await?;
    account_change::append(transaction, permit.subject(), now).await
}

pub(in crate::domain) async fn set_active(
    transaction: &WriteTransaction,
    permit: &Permit<SetActive>,
    is_active: bool,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        is_active: Set(is_active),
        ..touched(permit.subject(), now)
    };
    store_change(transaction, model).await?;
    account_change::append(transaction, permit.subject(), now).await
}

/// No task may reference the account any more.
pub(in crate::domain) async fn delete(
    transaction: &WriteTransaction,
    permit: &Permit<DeleteUser>,
    now: Timestamp,
) -> Result<()> {
    transaction.execute(Entity::delete_by_id(permit.subject().0)).await?;
    cache::change_stamp(transaction).await?;
    account_change::append(transaction, permit.subject(), now).await
}

/// Changes only `updated_at`.
fn touched(id: UserId, now: Timestamp) -> ActiveModel {
    ActiveModel {
        id: Unchanged(id.0),
        updated_at: Set(now),
        ..Default::default()
    }
}
