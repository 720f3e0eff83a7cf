//! Networks from which users have signed in.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::network::Network;
use crate::domain::policy::{BeginSession, ChangePassword, Permit, System};
use crate::domain::store::{NoRelation as Relation, WriteTransaction};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "login_addresses")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub user_id: i32,
    #[sea_orm(primary_key, auto_increment = false)]
    pub network: String,
    pub last_login_at: Timestamp,
}

pub(in crate::domain) async fn remember(
    transaction: &WriteTransaction,
    permit: &Permit<BeginSession>,
    network: Network,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        user_id: Set(permit.subject().0),
        network: Set(network.to_string()),
        last_login_at: Set(now),
    };
    let known = OnConflict::columns([Column::UserId, Column::Network])
        .update_column(Column::LastLoginAt)
        .to_owned();
    transaction.execute(Entity::insert(model).on_conflict(known)).await
}

/// Whether the user has signed in from this network since `moment`.
pub(in crate::domain) async fn is_known(
    connection: &impl ConnectionTrait,
    _system: &System,
    user: UserId,
    network: Network,
    moment: Timestamp,
) -> Result<bool> {
    let query = Entity::find_by_id((user.0, network.to_string())).filter(Column::LastLoginAt.gte(moment));
    Ok(query.one(connection).await?.is_some())
}

pub(in crate::domain) async fn forget_all(
    transaction: &WriteTransaction,
    permit: &Permit<ChangePassword>,
) -> Result<()> {
    let networks = Entity::delete_many().filter(Column::UserId.eq(permit.subject().0));
    transaction.execute(networks).await
}

/// Deletes networks that were not used since `moment`.
pub(in crate::domain) async fn sweep(
    transaction: &WriteTransaction,
    _system: &System,
    moment: Timestamp,
) -> Result<()> {
    let old = Entity::delete_many().filter(Column::LastLoginAt.lt(moment));
    transaction.execute(old).await
}
