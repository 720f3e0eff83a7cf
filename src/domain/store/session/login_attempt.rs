//! Failed sign-ins. Subjects are stored as digests. Only the sign-in reads them, so functions take neither scope nor
//! permit.
//!
//! An account has one row, and one for each address. Each change locks the row of the account first.

use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, OnConflict};

use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::policy::System;
use crate::domain::store::{NoRelation as Relation, WriteTransaction};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "login_attempts")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    pub failures: i32,
    /// In the row of an account: the time since which failures expire one by one.
    pub last_failed_at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::domain) struct Failures {
    pub(in crate::domain) count: u32,
    pub(in crate::domain) at: Timestamp,
}

impl Failures {
    pub(in crate::domain) fn none(now: Timestamp) -> Self {
        Self { count: 0, at: now }
    }
}

impl From<Model> for Failures {
    fn from(model: Model) -> Self {
        Self {
            count: u32::try_from(model.failures).unwrap_or_default(),
            at: model.last_failed_at,
        }
    }
}

/// Locks the failures of an account until the transaction ends. Creates the row if it is missing.
pub(in crate::domain) async fn lock(
    transaction: &WriteTransaction,
    _system: &System,
    account: &str,
    now: Timestamp,
) -> Result<Failures> {
    let missing = Entity::insert_many([row(account, Failures::none(now))])
        .on_conflict(OnConflict::column(Column::Subject).do_nothing().to_owned());
    transaction.execute(missing).await?;
    let query = Entity::find_by_id(account).lock_exclusive();
    let model = query.one(transaction.connection()).await?;
    Ok(model.map_or(Failures::none(now), Failures::from))
}

pub(in crate::domain) async fn find(
    transaction: &WriteTransaction,
    _system: &System,
    subject: &str,
) -> Result<Option<Failures>> {
    let model = Entity::find_by_id(subject).one(transaction.connection()).await?;
    Ok(model.map(Failures::from))
}

pub(in crate::domain) async fn set(
    transaction: &WriteTransaction,
    _system: &System,
    rows: [(&str, Failures); 2],
) -> Result<()> {
    let known = OnConflict::column(Column::Subject)
        .update_columns([Column::Failures, Column::LastFailedAt])
        .to_owned();
    let rows = Entity::insert_many(rows.map(|(subject, failures)| row(subject, failures)));
    transaction.execute(rows.on_conflict(known)).await
}

pub(in crate::domain) async fn take_back(
    transaction: &WriteTransaction,
    _system: &System,
    subject: &str,
) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Failures, Expr::col(Column::Failures).sub(1))
        .filter(Column::Subject.eq(subject))
        .filter(Column::Failures.gt(0));
    transaction.execute(update).await
}

pub(in crate::domain) async fn clear(transaction: &WriteTransaction, _system: &System, subject: &str) -> Result<()> {
    transaction.execute(Entity::delete_by_id(subject)).await
}

/// Deletes subjects without a failure since `moment`.
pub(in crate::domain) async fn forget_before(
    transaction: &WriteTransaction,
    _system: &System,
    moment: Timestamp,
) -> Result<()> {
    let old = Entity::delete_many().filter(Column::LastFailedAt.lt(moment));
    transaction.execute(old).await
}

fn row(subject: &str, failures: Failures) -> ActiveModel {
    ActiveModel {
        subject: Set(subject.to_owned()),
        failures: Set(i32::try_from(failures.count).unwrap_or(i32::MAX)),
        last_failed_at: Set(failures.at),
    }
}
