//! Emails sent to each address in the current hour. There is one row for each address, so that all servers count
//! together. Addresses are stored as digests.

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};

use crate::domain::error::Result;
use crate::domain::policy::System;
use crate::domain::store::{NoRelation as Relation, WriteTransaction};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "mail_counts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub recipient: String,
    /// Hours since 1970.
    pub hour: i64,
    pub mails: i32,
}

/// Counts an email and returns the number of this hour.
pub(in crate::domain) async fn add(
    transaction: &WriteTransaction,
    _system: &System,
    recipient: &str,
    hour: i64,
) -> Result<u32> {
    let model = ActiveModel {
        recipient: Set(recipient.to_owned()),
        hour: Set(hour),
        mails: Set(1),
    };
    let mails =
        Expr::cust("CASE WHEN mail_counts.hour = excluded.hour THEN mail_counts.mails + 1 ELSE excluded.mails END");
    let counted = Entity::insert(model)
        .on_conflict(
            OnConflict::column(Column::Recipient)
                .value(Column::Mails, mails)
                .update_column(Column::Hour)
                .to_owned(),
        )
        .exec_with_returning(transaction.connection())
        .await?;
    Ok(u32::try_from(counted.mails).unwrap_or(u32::MAX))
}

/// Uncounts an email that was not sent.
pub(in crate::domain) async fn take_back(
    transaction: &WriteTransaction,
    _system: &System,
    recipient: &str,
    hour: i64,
) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Mails, Expr::col(Column::Mails).sub(1))
        .filter(Column::Recipient.eq(recipient))
        .filter(Column::Hour.eq(hour));
    transaction.execute(update).await
}

pub(in crate::domain) async fn forget_before(
    transaction: &WriteTransaction,
    _system: &System,
    hour: i64,
) -> Result<()> {
    let old = Entity::delete_many().filter(Column::Hour.lt(hour));
    transaction.execute(old).await
}
