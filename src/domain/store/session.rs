//! Sessions in the database: one row a refresh token.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{JoinType, QuerySelect};

use super::{WriteTransaction, user};
use crate::domain::actor::Role;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{SessionId, UserId};
use crate::domain::policy::{BeginSession, Credentials, EndSessions, Permit, Scope};
use crate::domain::session::{NewSession, StoredSession};
use crate::domain::token::Bearer;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub user_id: i32,
    pub family: String,
    pub refresh_token_hash: String,
    pub user_agent: Option<String>,
    pub ip: Option<String>,
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
    pub rotated_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id"
    )]
    User,
}

impl ActiveModelBehavior for ActiveModel {}

/// The role that the bearer of a token has now; `None` when the session or the account has ended.
pub(in crate::domain) async fn role_of_bearer(
    connection: &impl ConnectionTrait,
    _scope: &Scope<Credentials>,
    bearer: Bearer,
) -> Result<Option<Role>> {
    let role: Option<String> = Entity::find_by_id(bearer.session.0)
        .select_only()
        .column(user::Column::Role)
        .join(JoinType::InnerJoin, Relation::User.def())
        .filter(Column::UserId.eq(bearer.user.0))
        .filter(Column::RevokedAt.is_null())
        .filter(user::Column::IsActive.eq(true))
        .into_tuple()
        .one(connection)
        .await?;
    role.as_deref().map(user::role_of).transpose()
}

/// Whose refresh token this is.
pub(in crate::domain) async fn owner(
    transaction: &WriteTransaction,
    _scope: &Scope<Credentials>,
    refresh_token_hash: &str,
) -> Result<Option<UserId>> {
    let query = Entity::find()
        .filter(Column::RefreshTokenHash.eq(refresh_token_hash))
        .select_only()
        .column(Column::UserId);
    let owner = query.into_tuple::<i32>().one(transaction.connection()).await?;
    Ok(owner.map(UserId))
}

/// The session of this refresh token, locked until the transaction ends.
pub(in crate::domain) async fn lock(
    transaction: &WriteTransaction,
    _scope: &Scope<Credentials>,
    refresh_token_hash: &str,
) -> Result<Option<StoredSession>> {
    let model = Entity::find()
        .filter(Column::RefreshTokenHash.eq(refresh_token_hash))
        .lock_exclusive()
        .one(transaction.connection())
        .await?;
    Ok(model.map(|model| StoredSession {
        id: SessionId(model.id),
        family: model.family,
        expires_at: model.expires_at,
        rotated_at: model.rotated_at,
        revoked_at: model.revoked_at,
    }))
}

/// Adds a session.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<BeginSession>,
    session: NewSession,
) -> Result<SessionId> {
    let model = ActiveModel {
        id: NotSet,
        created_at: Set(session.now),
        updated_at: Set(session.now),
        user_id: Set(permit.subject().0),
        family: Set(session.family),
        refresh_token_hash: Set(session.refresh_token_hash),
        user_agent: Set(session.device.user_agent),
        ip: Set(session.device.ip),
        last_used_at: Set(session.now),
        expires_at: Set(session.expires_at),
        rotated_at: Set(None),
        revoked_at: Set(None),
    };
    let inserted = Entity::insert(model).exec(transaction.connection()).await?;
    Ok(SessionId(inserted.last_insert_id))
}

/// Marks a refresh token as used.
pub(in crate::domain) async fn spend(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    id: SessionId,
    now: Timestamp,
) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::RotatedAt, Expr::val(now))
        .col_expr(Column::LastUsedAt, Expr::val(now))
        .filter(Column::Id.eq(id.0))
        .filter(Column::UserId.eq(permit.subject().0))
        .exec(transaction.connection())
        .await?;
    Ok(())
}

/// Ends every session of the account.
pub(in crate::domain) async fn end_all(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    now: Timestamp,
) -> Result<()> {
    end(transaction, permit, Expr::val(true), now).await
}

/// Ends the sessions of one family.
pub(in crate::domain) async fn end_family(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    family: &str,
    now: Timestamp,
) -> Result<()> {
    end(transaction, permit, Column::Family.eq(family), now).await
}

/// Ends the sessions of the family that a session belongs to.
pub(in crate::domain) async fn end_family_of(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    session: SessionId,
    now: Timestamp,
) -> Result<()> {
    let family = Entity::find_by_id(session.0).select_only().column(Column::Family);
    match family.into_tuple::<String>().one(transaction.connection()).await? {
        Some(family) => end_family(transaction, permit, &family, now).await,
        None => Ok(()),
    }
}

async fn end(transaction: &WriteTransaction, permit: &Permit<EndSessions>, which: Expr, now: Timestamp) -> Result<()> {
    Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::val(now))
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::UserId.eq(permit.subject().0))
        .filter(Column::RevokedAt.is_null())
        .filter(which)
        .exec(transaction.connection())
        .await?;
    Ok(())
}
