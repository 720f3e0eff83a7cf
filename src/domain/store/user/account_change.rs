//! Log of account changes that open connections of the user must react to.

use sea_orm::ActiveValue::{NotSet, Set};
use sea_orm::entity::prelude::*;

use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::store::{NoRelation as Relation, WriteTransaction};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "account_changes")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i64,
    /// As in the event log.
    pub transaction_id: i64,
    pub user_id: i32,
    pub occurred_at: Timestamp,
}

/// Records in the transaction of the change that a session ended or the account changed.
pub(in crate::domain::store) async fn append(
    transaction: &WriteTransaction,
    user: UserId,
    now: Timestamp,
) -> Result<()> {
    transaction.announce();
    let change = ActiveModel {
        id: NotSet,
        transaction_id: NotSet,
        user_id: Set(user.0),
        occurred_at: Set(now),
    };
    transaction.execute(Entity::insert(change)).await
}
