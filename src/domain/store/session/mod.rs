//! Sessions in the database: one row for each refresh token.

pub(in crate::domain) mod login_address;
pub(in crate::domain) mod login_attempt;

use std::collections::HashMap;

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{Condition, DerivePartialModel, JoinType, QueryOrder as _, QuerySelect, QueryTrait as _};

use super::query::{first_value, is_any, of_user, placeholders};
use super::user::{account_change, cache};
use super::{WriteTransaction, one_of};
use crate::domain::actor::{AccountState, UsersStamp};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::{SessionId, UserId};
use crate::domain::local_time::stored_time_zone;
use crate::domain::policy::{BeginSession, EndSessions, Permit, Scope, Sessions, System};
use crate::domain::session::{Device, LiveSession, NewSession, Session, StoredSession};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
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

/// Users of live sessions, with role, time zone and the stamp of all accounts. Omits ended sessions and inactive
/// accounts.
pub(super) async fn states_of_sessions(
    connection: &impl ConnectionTrait,
    _system: &System,
    sessions: &[SessionId],
) -> Result<HashMap<SessionId, (UserId, AccountState)>> {
    let ids = sessions.iter().map(|session| session.0).collect();
    let rows: Vec<(i32, i32, String, String, i64)> = Entity::find()
        .select_only()
        .columns([Column::Id, Column::UserId])
        .columns([super::user::Column::Role, super::user::Column::TimeZone])
        .expr(Expr::cust(cache::STAMP))
        .join(JoinType::InnerJoin, Relation::User.def())
        .filter(one_of(connection, Column::Id, ids))
        .filter(Column::RevokedAt.is_null())
        .filter(super::user::Column::IsActive.eq(true))
        .into_tuple()
        .all(connection)
        .await?;
    rows.into_iter()
        .map(|(session, user, role, time_zone, stamp)| {
            let state = AccountState {
                role: super::user::role_of(&role)?,
                time_zone: stored_time_zone(&time_zone),
                users: UsersStamp(stamp),
            };
            Ok((SessionId(session), (UserId(user), state)))
        })
        .collect()
}

/// The user of a refresh token.
pub(in crate::domain) async fn owner(
    transaction: &WriteTransaction,
    _system: &System,
    refresh_token_hash: &str,
) -> Result<Option<UserId>> {
    let query = Entity::find().filter(Column::RefreshTokenHash.eq(refresh_token_hash));
    let owner = first_value(transaction.connection(), query, Column::UserId).await?;
    Ok(owner.map(UserId))
}

/// The id of a session is that of its first refresh token.
pub(in crate::domain) async fn first_of_token(
    connection: &impl ConnectionTrait,
    _system: &System,
    refresh_token_hash: &str,
) -> Result<Option<SessionId>> {
    let query = Entity::find()
        .filter(Column::RefreshTokenHash.eq(refresh_token_hash))
        .select_only()
        .expr(of_family("MIN(id)"));
    Ok(query.into_tuple::<i32>().one(connection).await?.map(SessionId))
}

/// Whether the session is live. The lock keeps it so until the transaction ends.
pub(in crate::domain) async fn lock_live(
    transaction: &WriteTransaction,
    _system: &System,
    session: SessionId,
) -> Result<bool> {
    let query = Entity::find_by_id(session.0)
        .filter(Column::RevokedAt.is_null())
        .lock_exclusive();
    is_any(transaction.connection(), query, Column::Id).await
}

/// Locks the row of a refresh token until the transaction ends.
pub(in crate::domain) async fn lock(
    transaction: &WriteTransaction,
    _system: &System,
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

/// Maximum number of listed sessions.
const MAX_LISTED: u64 = 100;

/// A refresh token with the first id and start time of its session.
#[derive(Debug, DerivePartialModel)]
#[sea_orm(entity = "Entity")]
struct LiveRow {
    #[sea_orm(from_expr = "of_family(\"MIN(id)\")")]
    first_id: i32,
    #[sea_orm(from_expr = "of_family(\"MIN(created_at)\")")]
    began_at: Timestamp,
    family: String,
    user_agent: Option<String>,
    ip: Option<String>,
    last_used_at: Timestamp,
    expires_at: Timestamp,
}

/// An aggregate over all refresh tokens of the session.
fn of_family(aggregate: &str) -> Expr {
    Expr::cust(format!(
        "(SELECT {aggregate} FROM sessions AS other WHERE other.family = sessions.family)"
    ))
}

/// Live sessions in scope, most recently used first.
pub(in crate::domain) async fn live(
    connection: &impl ConnectionTrait,
    scope: &Scope<Sessions>,
    now: Timestamp,
) -> Result<Vec<LiveSession>> {
    let newest = unused_tokens(scope, now)
        .order_by_desc(Column::LastUsedAt)
        .order_by_desc(Column::Id)
        .limit(MAX_LISTED);
    sessions_of(connection, newest).await
}

/// Live sessions in scope with these ids.
pub(in crate::domain) async fn find_many(
    connection: &impl ConnectionTrait,
    scope: &Scope<Sessions>,
    ids: &[SessionId],
    now: Timestamp,
) -> Result<Vec<LiveSession>> {
    let tokens = ids.iter().map(|id| id.0).collect();
    let families = Entity::find()
        .select_only()
        .column(Column::Family)
        .filter(one_of(connection, Column::Id, tokens))
        .into_query();
    let wanted = unused_tokens(scope, now).filter(Column::Family.in_subquery(families));
    let mut found = sessions_of(connection, wanted).await?;
    // The id of a later refresh token is not that of its session.
    found.retain(|live| ids.contains(&live.session.id));
    Ok(found)
}

/// The unused refresh token of each live session in scope.
fn unused_tokens(scope: &Scope<Sessions>, now: Timestamp) -> Select<Entity> {
    Entity::find()
        .filter(of_user(scope, Column::UserId))
        .filter(Column::RevokedAt.is_null())
        .filter(Column::RotatedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
}

async fn sessions_of(connection: &impl ConnectionTrait, tokens: Select<Entity>) -> Result<Vec<LiveSession>> {
    let rows = tokens.into_partial_model::<LiveRow>().all(connection).await?;
    Ok(rows.into_iter().map(LiveSession::from).collect())
}

impl From<LiveRow> for LiveSession {
    fn from(row: LiveRow) -> Self {
        Self {
            family: row.family,
            session: Session {
                id: SessionId(row.first_id),
                device: Device {
                    user_agent: row.user_agent,
                    ip: row.ip.and_then(|ip| ip.parse().ok()),
                },
                created_at: row.began_at,
                last_used_at: row.last_used_at,
                expires_at: row.expires_at,
                is_current: false,
            },
        }
    }
}

pub(in crate::domain) async fn family(
    connection: &impl ConnectionTrait,
    scope: &Scope<Sessions>,
    session: SessionId,
) -> Result<Option<String>> {
    let row = Entity::find_by_id(session.0).filter(of_user(scope, Column::UserId));
    first_value(connection, row, Column::Family).await
}

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
        ip: Set(session.device.ip.map(|ip| ip.to_string())),
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
    let update = Entity::update_many()
        .col_expr(Column::RotatedAt, Expr::val(now))
        .col_expr(Column::LastUsedAt, Expr::val(now))
        .filter(Column::Id.eq(id.0))
        .filter(Column::UserId.eq(permit.subject().0));
    transaction.execute(update).await
}

pub(in crate::domain) async fn end_all(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    now: Timestamp,
) -> Result<()> {
    end(transaction, permit, Expr::val(true), now).await
}

pub(in crate::domain) async fn end_family(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    family: &str,
    now: Timestamp,
) -> Result<()> {
    end(transaction, permit, Column::Family.eq(family), now).await
}

pub(in crate::domain) async fn end_family_of(
    transaction: &WriteTransaction,
    permit: &Permit<EndSessions>,
    session: SessionId,
    now: Timestamp,
) -> Result<()> {
    let row = Entity::find_by_id(session.0);
    match first_value::<_, String>(transaction.connection(), row, Column::Family).await? {
        Some(family) => end_family(transaction, permit, &family, now).await,
        None => Ok(()),
    }
}

async fn end(transaction: &WriteTransaction, permit: &Permit<EndSessions>, which: Expr, now: Timestamp) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::RevokedAt, Expr::val(now))
        .col_expr(Column::UpdatedAt, Expr::val(now))
        .filter(Column::UserId.eq(permit.subject().0))
        .filter(Column::RevokedAt.is_null())
        .filter(which);
    transaction.execute(update).await?;
    account_change::append(transaction, permit.subject(), now).await
}

/// Deletes tokens that expired or were revoked before `before`, except the first token of a live session. Returns their
/// number.
pub(in crate::domain) async fn sweep(
    transaction: &WriteTransaction,
    _system: &System,
    before: Timestamp,
) -> Result<u64> {
    let [placeholder] = placeholders::<1>(transaction.connection().get_database_backend());
    let begins_live_session = Expr::cust_with_values(
        format!(
            "(NOT EXISTS (SELECT 1 FROM sessions AS older WHERE older.family = sessions.family AND older.id < sessions.id) \
             AND EXISTS (SELECT 1 FROM sessions AS living WHERE living.family = sessions.family \
             AND living.revoked_at IS NULL AND living.expires_at >= {placeholder}))"
        ),
        [before],
    );
    let is_over = Condition::any()
        .add(Column::ExpiresAt.lt(before))
        .add(Column::RevokedAt.lt(before));
    let old = Entity::delete_many().filter(is_over).filter(begins_live_session.not());
    transaction.count_affected(old).await
}
