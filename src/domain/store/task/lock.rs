//! Locks of tasks, which last until the transaction ends.
//!
//! Writes lock tasks in the order of their ids, then users: a reference to a user, such as that of a notification, locks
//! it too. In one order, writers wait for each other instead of deadlocking.

use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _, Select};

use super::{Column, Entity, of_participant, snapshots, visible};
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::policy::{Scope, Tasks};
use crate::domain::store::query::values;
use crate::domain::store::{WriteTransaction, one_of};
use crate::domain::task::Snapshot;

/// Locks the task with its tags and files.
pub(in crate::domain) async fn lock(
    transaction: &WriteTransaction,
    scope: &Scope<Tasks>,
    id: TaskId,
) -> Result<Option<Snapshot>> {
    let query = Entity::find_by_id(id.0).filter(visible(scope)).lock_exclusive();
    Ok(snapshots(transaction.connection(), scope, query).await?.pop())
}

/// Locks tasks with tags and files, including those in the trash.
pub(in crate::domain) async fn lock_many(
    transaction: &WriteTransaction,
    scope: &Scope<Tasks>,
    ids: &[TaskId],
) -> Result<Vec<Snapshot>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids = ids.iter().map(|id| id.0).collect();
    let query = Entity::find()
        .filter(one_of(transaction.connection(), Column::Id, ids))
        .filter(visible(scope))
        .order_by_asc(Column::Id)
        .lock_exclusive();
    snapshots(transaction.connection(), scope, query).await
}

/// Every task that a user owns or is assigned to, including the trash.
fn all_of(scope: &Scope<Tasks>, user: UserId) -> Select<Entity> {
    Entity::find()
        .filter(visible(scope))
        .filter(of_participant(user))
        .order_by_asc(Column::Id)
}

/// Locks all tasks of a user, with tags and files.
pub(in crate::domain) async fn lock_all_of(
    transaction: &WriteTransaction,
    scope: &Scope<Tasks>,
    user: UserId,
) -> Result<Vec<Snapshot>> {
    let query = all_of(scope, user).lock_exclusive();
    snapshots(transaction.connection(), scope, query).await
}

/// Locks all tasks of a user and returns only their ids.
pub(in crate::domain) async fn lock_ids_of(
    transaction: &WriteTransaction,
    scope: &Scope<Tasks>,
    user: UserId,
) -> Result<Vec<TaskId>> {
    ids(transaction, all_of(scope, user).lock_exclusive()).await
}

/// The ids of all tasks of a user. Does not wait for locks.
pub(in crate::domain) async fn ids_of(
    transaction: &WriteTransaction,
    scope: &Scope<Tasks>,
    user: UserId,
) -> Result<Vec<TaskId>> {
    ids(transaction, all_of(scope, user)).await
}

async fn ids(transaction: &WriteTransaction, query: Select<Entity>) -> Result<Vec<TaskId>> {
    let ids = values(transaction.connection(), query, Column::Id).await?;
    Ok(ids.into_iter().map(TaskId).collect())
}
