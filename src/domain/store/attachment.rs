//! Attachments in the database: metadata of files and their storage keys.

use std::collections::{BTreeMap, HashSet};

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveValue::NotSet, ActiveValue::Set, Condition, DbBackend, JoinType, QueryOrder, QuerySelect, QueryTrait as _,
};

use super::query::{aggregate, is_any, of_user, values};
use super::{WriteTransaction, corrupt, one_of, task};
use crate::config::UploadQuota;
use crate::domain::attachment::{Attachment, NewAttachment, Stored};
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::{AttachmentId, TaskId, UserId};
use crate::domain::policy::{
    AttachFile, DeleteFile, DeleteUser, DetachFile, Files, KeepFile, Permit, PurgeTask, Scope, Tasks,
};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "attachments")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub task_id: Option<i32>,
    pub owner_id: i32,
    pub filename: String,
    pub content_type: String,
    pub size: i64,
    pub sha256: String,
    pub storage_key: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::task::Entity",
        from = "Column::TaskId",
        to = "super::task::Column::Id"
    )]
    Task,
}

impl Related<task::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::Task.def()
    }
}

impl TryFrom<Model> for Stored {
    type Error = Error;

    fn try_from(row: Model) -> Result<Self> {
        Ok(Self {
            attachment: Attachment {
                id: AttachmentId(row.id),
                task_id: row.task_id.map(TaskId),
                owner_id: UserId(row.owner_id),
                filename: row.filename,
                content_type: row.content_type,
                size: u64::try_from(row.size).map_err(|_| corrupt("size of a file", row.size))?,
                sha256: row.sha256,
                created_at: row.created_at,
            },
            storage_key: row.storage_key,
        })
    }
}

/// Files in scope: those of visible tasks outside the trash, and own files without a task.
fn visible(scope: &Scope<Files>) -> Condition {
    let of_no_task = Condition::all()
        .add(of_user(scope, Column::OwnerId))
        .add(Column::TaskId.is_null());
    let of_a_task = Condition::all()
        .add(task::visible(&scope.tasks()))
        .add(Column::TaskId.is_not_null())
        .add(task::Column::DeletedAt.is_null());
    Condition::any().add(of_no_task).add(of_a_task)
}

/// Files in scope, unsorted.
pub(in crate::domain) async fn find_many(
    connection: &impl ConnectionTrait,
    scope: &Scope<Files>,
    ids: &[AttachmentId],
) -> Result<Vec<Stored>> {
    let ids = ids.iter().map(|id| id.0).collect();
    let rows = Entity::find()
        .join(JoinType::LeftJoin, Relation::Task.def())
        .filter(one_of(connection, Column::Id, ids))
        .filter(visible(scope))
        .all(connection)
        .await?;
    rows.into_iter().map(Stored::try_from).collect()
}

/// The newest of the owner's files with this name and without a task.
pub(in crate::domain) async fn newest_own(
    connection: &impl ConnectionTrait,
    scope: &Scope<Files>,
    owner: UserId,
    filename: &str,
) -> Result<Option<Stored>> {
    let row = Entity::find()
        .filter(of_user(scope, Column::OwnerId))
        .filter(Column::OwnerId.eq(owner.0))
        .filter(Column::TaskId.is_null())
        .filter(Column::Filename.eq(filename))
        .order_by_desc(Column::Id)
        .one(connection)
        .await?;
    row.map(Stored::try_from).transpose()
}

/// Maximum number of listed names.
const MAX_NAMES: u64 = 1_000;

/// Names of the owner's files without a task, sorted bytewise.
pub(in crate::domain) async fn own_names(
    connection: &impl ConnectionTrait,
    scope: &Scope<Files>,
    owner: UserId,
) -> Result<Vec<String>> {
    let bytewise = match connection.get_database_backend() {
        // PostgreSQL sorts by the locale of the database.
        DbBackend::Postgres => Expr::cust("filename COLLATE \"C\""),
        _ => Expr::col(Column::Filename),
    };
    // Grouped, because PostgreSQL sorts DISTINCT rows only by what is selected.
    let query = Entity::find()
        .filter(of_user(scope, Column::OwnerId))
        .filter(Column::OwnerId.eq(owner.0))
        .filter(Column::TaskId.is_null())
        .group_by(Column::Filename)
        .order_by_asc(bytewise)
        .limit(MAX_NAMES);
    values(connection, query, Column::Filename).await
}

/// Whether a row has this storage key. Its task may be in the trash.
pub(in crate::domain) async fn is_recorded(
    connection: &impl ConnectionTrait,
    scope: &Scope<Files>,
    storage_key: &str,
) -> Result<bool> {
    let query = Entity::find()
        .filter(Column::StorageKey.eq(storage_key))
        .filter(of_user(scope, Column::OwnerId));
    is_any(connection, query, Column::Id).await
}

/// The keys that a row in scope has. Its task may be in the trash.
pub(in crate::domain) async fn recorded(
    connection: &impl ConnectionTrait,
    scope: &Scope<Files>,
    storage_keys: &[String],
) -> Result<HashSet<String>> {
    let query = Entity::find()
        .filter(Column::StorageKey.is_in(storage_keys))
        .filter(of_user(scope, Column::OwnerId));
    let known: Vec<String> = values(connection, query, Column::StorageKey).await?;
    Ok(known.into_iter().collect())
}

/// Whether any file is in scope, including those of tasks in the trash.
pub(in crate::domain) async fn is_any_recorded(
    connection: &impl ConnectionTrait,
    scope: &Scope<Files>,
) -> Result<bool> {
    let query = Entity::find().filter(of_user(scope, Column::OwnerId));
    is_any(connection, query, Column::Id).await
}

/// Tasks in one statement. SQLite binds at most 32,766 values, and a deleted user may have more tasks.
const MAX_TASKS: usize = 10_000;

/// Files of the tasks in scope, including the trash, oldest first. Tasks without files are omitted.
pub(in crate::domain) async fn of_tasks(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    ids: &[TaskId],
) -> Result<Vec<(TaskId, Vec<Attachment>)>> {
    let mut files: BTreeMap<TaskId, Vec<Attachment>> = BTreeMap::new();
    for ids in ids.chunks(MAX_TASKS) {
        let ids = ids.iter().map(|id| id.0).collect();
        let rows = Entity::find()
            .join(JoinType::InnerJoin, Relation::Task.def())
            .filter(one_of(connection, Column::TaskId, ids))
            .filter(task::visible(scope))
            .order_by_asc(Column::Id)
            .all(connection)
            .await?;
        for row in rows {
            let Stored { attachment, .. } = row.try_into()?;
            if let Some(task) = attachment.task_id {
                files.entry(task).or_default().push(attachment);
            }
        }
    }
    Ok(files.into_iter().collect())
}

pub(in crate::domain) async fn attach(
    transaction: &WriteTransaction,
    permit: &Permit<AttachFile>,
    new: NewAttachment,
) -> Result<Attachment> {
    add(transaction, Some(permit.subject()), new).await
}

/// Adds a file without a task.
pub(in crate::domain) async fn insert(
    transaction: &WriteTransaction,
    permit: &Permit<KeepFile>,
    new: NewAttachment,
) -> Result<Attachment> {
    let owner_id = permit.subject();
    add(transaction, None, NewAttachment { owner_id, ..new }).await
}

async fn add(transaction: &WriteTransaction, task: Option<TaskId>, new: NewAttachment) -> Result<Attachment> {
    check_quota(transaction, &new).await?;
    let model = ActiveModel {
        id: NotSet,
        created_at: Set(new.created_at),
        updated_at: Set(new.created_at),
        task_id: Set(task.map(|task| task.0)),
        owner_id: Set(new.owner_id.0),
        filename: Set(new.filename),
        content_type: Set(new.content_type.to_owned()),
        size: Set(i64::try_from(new.size).map_err(Error::internal)?),
        sha256: Set(new.sha256),
        storage_key: Set(new.storage_key),
    };
    let row = Entity::insert(model)
        .exec_with_returning(transaction.connection())
        .await?;
    Stored::try_from(row).map(|stored| stored.attachment)
}

/// PostgreSQL: advisory lock for quota checks.
const QUOTA_LOCK: &str = "SELECT pg_advisory_xact_lock(8470267413)";

/// Rejects a file that exceeds a quota. Uploads are serialized from here to their commit, so that concurrent ones
/// cannot exceed a quota together. SQLite always serializes writes.
async fn check_quota(transaction: &WriteTransaction, new: &NewAttachment) -> Result<()> {
    let connection = transaction.connection();
    let UploadQuota { per_user, total } = new.quota;
    if (per_user.is_some() || total.is_some()) && connection.get_database_backend() == DbBackend::Postgres {
        connection.execute_unprepared(QUOTA_LOCK).await?;
    }
    for (quota, owner) in [(per_user, Some(new.owner_id)), (total, None)] {
        let Some(quota) = quota else { continue };
        let files = Entity::find().apply_if(owner, |files, owner| files.filter(Column::OwnerId.eq(owner.0)));
        let used = aggregate(connection, files, "CAST(COALESCE(SUM(size), 0) AS BIGINT)").await?;
        if used + new.size > quota {
            return Err(Error::QuotaExceeded {
                field: "file",
                whose: if owner.is_some() { "you have" } else { "this server has" },
                used,
                size: new.size,
                quota,
            });
        }
    }
    Ok(())
}

pub(in crate::domain) async fn detach(
    transaction: &WriteTransaction,
    permit: &Permit<DetachFile>,
    id: AttachmentId,
) -> Result<()> {
    let file = Entity::delete_many()
        .filter(Column::Id.eq(id.0))
        .filter(Column::TaskId.eq(permit.subject().0));
    transaction.execute(file).await
}

/// Removes a file without a task.
pub(in crate::domain) async fn delete(transaction: &WriteTransaction, permit: &Permit<DeleteFile>) -> Result<()> {
    let file = Entity::delete_many()
        .filter(Column::Id.eq(permit.subject().0))
        .filter(Column::TaskId.is_null());
    if transaction.count_affected(file).await? == 0 {
        return Err(Error::not_found(permit.subject()));
    }
    Ok(())
}

/// Storage keys of the files of a task that is about to be purged.
pub(in crate::domain) async fn keys_of_task(
    transaction: &WriteTransaction,
    permit: &Permit<PurgeTask>,
) -> Result<Vec<String>> {
    let files = Entity::find().filter(Column::TaskId.eq(permit.subject().0));
    values(transaction.connection(), files, Column::StorageKey).await
}

/// Storage keys of the files without a task of a user who is about to be deleted.
pub(in crate::domain) async fn keys_of_user(
    transaction: &WriteTransaction,
    permit: &Permit<DeleteUser>,
) -> Result<Vec<String>> {
    let files = Entity::find()
        .filter(Column::OwnerId.eq(permit.subject().0))
        .filter(Column::TaskId.is_null());
    values(transaction.connection(), files, Column::StorageKey).await
}

/// Transfers files that the user attached to tasks of others to the owners of these tasks.
pub(in crate::domain) async fn hand_over(
    transaction: &WriteTransaction,
    permit: &Permit<DeleteUser>,
    now: Timestamp,
) -> Result<()> {
    let owner_of_task = Expr::cust("(SELECT tasks.owner_id FROM tasks WHERE tasks.id = attachments.task_id)");
    let update = Entity::update_many()
        .col_expr(Column::OwnerId, owner_of_task)
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::OwnerId.eq(permit.subject().0))
        .filter(Column::TaskId.is_not_null());
    transaction.execute(update).await
}
