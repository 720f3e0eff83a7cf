//! Failed sign-ins in the database. Who they are about is a digest; nobody reads them but the
//! sign-in itself, so they take neither scope nor permit.

use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

use super::WriteTransaction;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "login_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    pub failures: i32,
    pub last_failed_at: Timestamp,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// How often in a row it failed, and when last; locked until the transaction ends.
pub(in crate::domain) async fn lock(transaction: &WriteTransaction, subject: &str) -> Result<Option<(u32, Timestamp)>> {
    let model = Entity::find_by_id(subject)
        .lock_exclusive()
        .one(transaction.connection())
        .await?;
    Ok(model.map(|model| (u32::try_from(model.failures).unwrap_or_default(), model.last_failed_at)))
}

/// Notes an attempt.
pub(in crate::domain) async fn set(
    transaction: &WriteTransaction,
    subject: &str,
    failures: u32,
    now: Timestamp,
) -> Result<()> {
    let model = ActiveModel {
        subject: Set(subject.to_owned()),
        failures: Set(i32::try_from(failures).unwrap_or(i32::MAX)),
        last_failed_at: Set(now),
    };
    Entity::insert(model)
        .on_conflict(
            OnConflict::column(Column::Subject)
                .update_columns([Column::Failures, Column::LastFailedAt])
                .to_owned(),
        )
        .exec_without_returning(transaction.connection())
        .await?;
    Ok(())
}

/// Forgets the failures after a success.
pub(in crate::domain) async fn clear(transaction: &WriteTransaction, subject: &str) -> Result<()> {
    Entity::delete_by_id(subject).exec(transaction.connection()).await?;
    Ok(())
}

/// Forgets those who have not tried since `moment`.
pub(in crate::domain) async fn forget_before(transaction: &WriteTransaction, moment: Timestamp) -> Result<()> {
    Entity::delete_many()
        .filter(Column::LastFailedAt.lt(moment))
        .exec(transaction.connection())
        .await?;
    Ok(())
}
