//! Tasks in the database.

pub(in crate::domain) mod create;
pub(super) mod filter;
pub(in crate::domain) mod list;
mod lock;
pub(in crate::domain) mod of_users;

pub(in crate::domain) use self::lock::{ids_of, lock, lock_all_of, lock_ids_of, lock_many};

use std::collections::HashMap;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, ExprTrait as _, Func};
use sea_orm::{
    ActiveValue::{NotSet, Set, Unchanged},
    Condition, FromQueryResult as _, QueryOrder, QueryResult, QuerySelect, Select,
};

use super::db::by_position::by_position;
use super::db::nullable::Nullable;
use super::query::keyset::{KeyColumn, KeyColumns, KeyType};
use super::query::values;
use super::{WriteTransaction, attachment, corrupt, one_of, tag};
use crate::domain::clock::{LAST_MOMENT, Timestamp};
use crate::domain::error::{Error, Result};
use crate::domain::id::{TaskId, UserId};
use crate::domain::policy::{ChangeTask, Permit, PurgeTask, Scope, Tasks, Visibility};
use crate::domain::task::workflow::Status;
use crate::domain::task::{DESCRIPTION_KEY_LENGTH, Priority, Snapshot, Task, TaskSortField};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "tasks")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub title: String,
    pub description: Option<String>,
    pub status: i16,
    pub priority: i16,
    pub due_date: Option<Timestamp>,
    pub due_on: Option<Date>,
    /// Due date, end of the due day in UTC, or the maximum timestamp. It is never null, so that a page is one index
    /// range.
    pub due_key: Timestamp,
    pub owner_id: i32,
    pub assignee_id: Option<i32>,
    pub version: i32,
    pub completed_at: Option<Timestamp>,
    pub deleted_at: Option<Timestamp>,
    /// Title in lower case, for sorting.
    pub title_key: String,
    /// Title and description in lower case, for searching.
    pub search_text: String,
    /// Names of the tags, one in each line, so that they are read with the task. They equal `task_tags`.
    pub tag_names: String,
    /// Key assigned by the client, unique among the tasks of the owner.
    pub client_key: Option<String>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::OwnerId",
        to = "super::user::Column::Id"
    )]
    Owner,
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::AssigneeId",
        to = "super::user::Column::Id"
    )]
    Assignee,
    #[sea_orm(has_many = "super::tag::task_tags::Entity")]
    TaskTags,
    #[sea_orm(has_many = "super::attachment::Entity")]
    Attachments,
    #[sea_orm(has_many = "super::event::Entity")]
    Events,
}

by_position! {
    /// The columns that reads select: all but those for searching and sorting.
    pub(super) struct TaskRow {
        id: i32,
        created_at: Timestamp,
        updated_at: Timestamp,
        title: String,
        description: Nullable<String>,
        status: i16,
        priority: i16,
        due_date: Nullable<Timestamp>,
        due_on: Nullable<Date>,
        owner_id: i32,
        assignee_id: Nullable<i32>,
        version: i32,
        completed_at: Nullable<Timestamp>,
        deleted_at: Nullable<Timestamp>,
        tag_names: String,
        client_key: Nullable<String>,
    }
}

impl TryFrom<TaskRow> for Task {
    type Error = Error;

    fn try_from(row: TaskRow) -> Result<Self> {
        Ok(Self {
            id: TaskId(row.id),
            title: row.title,
            description: row.description.0,
            status: status_of(row.status)?,
            priority: priority_of(row.priority)?,
            due_date: row.due_date.0,
            due_on: row.due_on.0,
            owner_id: UserId(row.owner_id),
            assignee_id: row.assignee_id.0.map(UserId),
            tags: tag::from_names(&row.tag_names),
            client_key: row.client_key.0,
            version: row.version,
            completed_at: row.completed_at.0,
            deleted_at: row.deleted_at.0,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }
}

/// `row` must have the columns of [`TaskRow`].
pub(super) fn read(row: &QueryResult) -> Result<Task> {
    TaskRow::from_query_result(row, "")?.try_into()
}

async fn all(connection: &impl ConnectionTrait, query: Select<Entity>) -> Result<Vec<Task>> {
    let rows: Vec<TaskRow> = query.into_partial_model().all(connection).await?;
    rows.into_iter().map(Task::try_from).collect()
}

pub(super) fn status_of(rank: i16) -> Result<Status> {
    Status::ALL
        .into_iter()
        .find(|status| status.rank() == rank)
        .ok_or_else(|| corrupt("status", rank))
}

pub(super) fn priority_of(rank: i16) -> Result<Priority> {
    Priority::ALL
        .into_iter()
        .find(|priority| priority.rank() == rank)
        .ok_or_else(|| corrupt("priority", rank))
}

/// Condition for tasks in scope, for tasks that another condition selects. It compares sums, which no index serves.
/// Otherwise the database might read everything that the user sees.
pub(super) fn visible(scope: &Scope<Tasks>) -> Condition {
    match scope.visibility() {
        Visibility::Everything => Condition::all(),
        Visibility::Of(user) => Condition::any()
            .add(is_user(Column::OwnerId, user))
            .add(is_user(Column::AssigneeId, user)),
    }
}

/// Compares a sum, which no index serves.
fn is_user(column: Column, user: UserId) -> Expr {
    Expr::col((Entity, column)).add(0).eq(user.0)
}

/// Condition for selecting all tasks in scope, which can use indexes.
pub(super) fn all_visible(scope: &Scope<Tasks>) -> Condition {
    match scope.visibility() {
        Visibility::Everything => Condition::all(),
        Visibility::Of(user) => of_participant(user),
    }
}

fn of_participant(user: UserId) -> Condition {
    Condition::any()
        .add(Column::OwnerId.eq(user.0))
        .add(Column::AssigneeId.eq(user.0))
}

/// Start of the description in lower case, taken from `search_text`. That column compares bytewise in both databases;
/// PostgreSQL compares the description by locale.
fn description_key() -> Expr {
    let [text, title] = [Column::SearchText, Column::TitleKey].map(|column| Expr::col((Entity, column)));
    let start = Expr::expr(Func::cust("LENGTH").arg(title)).add(2);
    let length = Expr::cust(DESCRIPTION_KEY_LENGTH.to_string());
    Func::cust("SUBSTR").arg(text).arg(start).arg(length).into()
}

impl KeyColumns<TaskSortField> for Entity {
    fn column(field: TaskSortField) -> KeyColumn {
        let (column, key_type) = match field {
            TaskSortField::CreatedAt => (Column::CreatedAt, KeyType::Moment),
            TaskSortField::UpdatedAt => (Column::UpdatedAt, KeyType::Moment),
            TaskSortField::DueDate => (Column::DueKey, KeyType::Moment),
            TaskSortField::Priority => (Column::Priority, KeyType::Small),
            TaskSortField::Status => (Column::Status, KeyType::Small),
            TaskSortField::Title => (Column::TitleKey, KeyType::Text),
            TaskSortField::DeletedAt => (Column::DeletedAt, KeyType::Moment),
            TaskSortField::Id => (Column::Id, KeyType::Integer),
            TaskSortField::CompletedAt => (Column::CompletedAt, KeyType::Moment),
            TaskSortField::Completed => (Column::Status, KeyType::Integer),
            TaskSortField::Owner => (Column::OwnerId, KeyType::Integer),
            TaskSortField::Assignee => (Column::AssigneeId, KeyType::Integer),
            TaskSortField::Description => (Column::Description, KeyType::Text),
            TaskSortField::Version => (Column::Version, KeyType::Integer),
        };
        let column = Expr::col((Entity, column));
        let or_last = |column: Expr, last: Expr| Expr::from(Func::coalesce([column, last]));
        let expr = match field {
            // A sort key is never NULL.
            TaskSortField::DeletedAt | TaskSortField::CompletedAt => or_last(column, Expr::val(LAST_MOMENT)),
            TaskSortField::Completed => Expr::case(column.eq(Status::Done.rank()), 1).finally(0).into(),
            TaskSortField::Assignee => or_last(column, Expr::val(i32::MAX)),
            TaskSortField::Description => description_key(),
            _ => column,
        };
        (expr, key_type)
    }

    fn id() -> Expr {
        Expr::col((Entity, Column::Id))
    }

    /// The indexes on owner and assignee are sorted by creation time. `COALESCE` prevents the use of other indexes.
    fn column_for_few_rows(field: TaskSortField) -> KeyColumn {
        let (expr, key_type) = Self::column(field);
        let expr = match field {
            TaskSortField::CreatedAt => expr,
            _ => Func::coalesce([expr.clone(), expr]).into(),
        };
        (expr, key_type)
    }
}

/// Includes tasks in the trash.
pub(in crate::domain) async fn find(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    id: TaskId,
) -> Result<Option<Task>> {
    let query = Entity::find_by_id(id.0).filter(visible(scope));
    Ok(all(connection, query).await?.pop())
}

/// Includes tasks in the trash; omits tasks out of scope.
pub(in crate::domain) async fn find_many(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    ids: &[TaskId],
) -> Result<Vec<Task>> {
    let ids = ids.iter().map(|id| id.0).collect();
    let query = Entity::find().filter(one_of(connection, Column::Id, ids));
    all(connection, query.filter(visible(scope))).await
}

/// Up to `limit` tasks in scope that were moved to the trash at `moment` or before.
pub(in crate::domain) async fn in_trash_since(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    moment: Timestamp,
    limit: u64,
) -> Result<Vec<TaskId>> {
    let query = Entity::find()
        .filter(visible(scope))
        .filter(Column::DeletedAt.lte(moment))
        .order_by_asc(Column::DeletedAt)
        .limit(limit);
    let ids = values(connection, query, Column::Id).await?;
    Ok(ids.into_iter().map(TaskId).collect())
}

/// The task in scope with the same owner and client key, with tags and files. It may be in the trash.
pub(in crate::domain) async fn find_by_client_key(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    task: &Task,
) -> Result<Option<Snapshot>> {
    let query = Entity::find()
        .filter(Column::OwnerId.eq(task.owner_id.0))
        .filter(Column::ClientKey.eq(task.client_key.as_deref()))
        .filter(visible(scope));
    Ok(snapshots(connection, scope, query).await?.pop())
}

async fn snapshots(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    query: Select<Entity>,
) -> Result<Vec<Snapshot>> {
    let tasks = all(connection, query).await?;
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let mut attachments: HashMap<_, _> = attachment::of_tasks(connection, scope, &ids)
        .await?
        .into_iter()
        .collect();
    Ok(tasks
        .into_iter()
        .map(|task| Snapshot {
            attachments: attachments.remove(&task.id).unwrap_or_default(),
            task,
        })
        .collect())
}

/// Writes only columns that may have changed.
pub(in crate::domain) async fn update<A: ChangeTask>(
    transaction: &WriteTransaction,
    permit: &Permit<A>,
    before: &Snapshot,
    after: &Snapshot,
) -> Result<()> {
    let id = permit.subject();
    let mut model = ActiveModel {
        id: Unchanged(id.0),
        ..columns(&after.task)
    };
    model.created_at = NotSet;
    if before.task.tags == after.task.tags {
        model.tag_names = NotSet;
    }
    if before.task.client_key == after.task.client_key {
        model.client_key = NotSet;
    }
    if before.task.title == after.task.title && before.task.description == after.task.description {
        model.title_key = NotSet;
        model.search_text = NotSet;
    }
    // Boxed, because the enclosing futures are moved several times.
    Box::pin(Entity::update(model).exec_without_returning(transaction.connection())).await?;
    tag::replace(
        transaction,
        id,
        &before.task.tags,
        &after.task.tags,
        after.task.updated_at,
    )
    .await
}

pub(in crate::domain) async fn delete(transaction: &WriteTransaction, permit: &Permit<PurgeTask>) -> Result<()> {
    transaction.execute(Entity::delete_by_id(permit.subject().0)).await
}

/// Every column except the id.
pub(super) fn columns(task: &Task) -> ActiveModel {
    ActiveModel {
        id: NotSet,
        created_at: Set(task.created_at),
        updated_at: Set(task.updated_at),
        title: Set(task.title.clone()),
        description: Set(task.description.clone()),
        status: Set(task.status.rank()),
        priority: Set(task.priority.rank()),
        due_date: Set(task.due_date),
        due_on: Set(task.due_on),
        due_key: Set(task.due_key()),
        owner_id: Set(task.owner_id.0),
        assignee_id: Set(task.assignee_id.map(|assignee| assignee.0)),
        version: Set(task.version),
        completed_at: Set(task.completed_at),
        deleted_at: Set(task.deleted_at),
        title_key: Set(task.title_key()),
        search_text: Set(task.search_text()),
        tag_names: Set(tag::to_names(&task.tags)),
        client_key: Set(task.client_key.clone()),
    }
}
