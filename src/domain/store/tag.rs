//! Tags, and their assignment to tasks.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{ActiveValue::NotSet, ActiveValue::Set, JoinType, QueryOrder, QuerySelect, Select};

use super::query::keyset::{KeyColumn, KeyColumns, KeyType, Keyset};
use super::query::{aggregate, as_count, values};
use super::{NoRelation as Relation, WriteTransaction, task};
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::domain::page::{Cursor, Direction, Key, Page, PageRequest, Sort};
use crate::domain::policy::{Scope, Tasks};
use crate::domain::tag::{TagCount, Tags};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
#[sea_orm(table_name = "tags")]
pub struct Model {
    #[sea_orm(primary_key)]
    pub id: i32,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub name: String,
}

pub(super) mod task_tags {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, DeriveActiveModelBehavior)]
    #[sea_orm(table_name = "task_tags")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub task_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub tag_id: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        #[sea_orm(belongs_to = "super::Entity", from = "Column::TagId", to = "super::Column::Id")]
        Tag,
        #[sea_orm(
            belongs_to = "super::super::task::Entity",
            from = "Column::TaskId",
            to = "super::super::task::Column::Id"
        )]
        Task,
    }

    impl Related<super::super::task::Entity> for Entity {
        fn to() -> RelationDef {
            Relation::Task.def()
        }
    }
}

/// Format of `tasks.tag_names`: one tag in each line. A tag contains no line break.
pub(super) fn to_names(tags: &Tags) -> String {
    let names: Vec<&str> = tags.iter().map(String::as_str).collect();
    names.join("\n")
}

/// Parses `tasks.tag_names`.
pub(super) fn from_names(names: &str) -> Tags {
    let names = names.split('\n').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}

const BY_NAME: [Sort<&str>; 1] = [Sort {
    field: "name",
    direction: Direction::Ascending,
}];

impl KeyColumns<&'static str> for Entity {
    fn column(_name: &'static str) -> KeyColumn {
        (Expr::col((Self, Column::Name)), KeyType::Text)
    }

    fn id() -> Expr {
        Expr::col((Self, Column::Id))
    }
}

/// Tags of tasks in scope, without the trash.
fn used(scope: &Scope<Tasks>) -> Select<task_tags::Entity> {
    task_tags::Entity::find()
        .select_only()
        .join(JoinType::InnerJoin, task_tags::Relation::Tag.def())
        .join(JoinType::InnerJoin, task_tags::Relation::Task.def())
        .filter(task::all_visible(scope))
        .filter(task::Column::DeletedAt.is_null())
}

/// Excludes tasks in the trash.
pub(in crate::domain) async fn page(
    connection: &impl ConnectionTrait,
    scope: &Scope<Tasks>,
    page: &PageRequest,
) -> Result<Page<TagCount>> {
    let keyset = Keyset::new(&BY_NAME, page)?;
    if page.is_empty() {
        return Ok(Page::default());
    }
    let query = used(scope)
        .column(Column::Id)
        .column(Column::Name)
        .expr_as(Expr::cust("COUNT(*)"), "tasks")
        .group_by(Column::Id)
        .group_by(Column::Name);
    let rows: Vec<(i32, String, i64)> = keyset.apply::<Entity, _>(query)?.into_tuple().all(connection).await?;
    let beyond = keyset.is_any_beyond::<Entity, _>(connection, || used(scope), Column::Id);
    let beyond = beyond.await?;
    Ok(keyset.cut(rows, beyond, |(id, name, tasks)| {
        let keys = vec![Key::Text(name.clone())];
        let tasks = as_count(tasks);
        (Cursor { keys, id }, TagCount { name, tasks })
    }))
}

/// Excludes tasks in the trash.
pub(in crate::domain) async fn count(connection: &impl ConnectionTrait, scope: &Scope<Tasks>) -> Result<u64> {
    aggregate(connection, used(scope), "COUNT(DISTINCT task_tags.tag_id)").await
}

/// Replaces the tags in `before` with those in `after`.
pub(super) async fn replace(
    transaction: &WriteTransaction,
    task: TaskId,
    before: &Tags,
    after: &Tags,
    now: Timestamp,
) -> Result<()> {
    let removed: Vec<&String> = before.difference(after).collect();
    if !removed.is_empty() {
        let ids = ids_of(transaction, &removed).await?;
        let rows = task_tags::Entity::delete_many()
            .filter(task_tags::Column::TaskId.eq(task.0))
            .filter(task_tags::Column::TagId.is_in(ids));
        transaction.execute(rows).await?;
    }
    let added: Vec<&String> = after.difference(before).collect();
    let ids = ensure(transaction, &added, now).await?;
    assign(transaction, task, ids).await
}

/// Adds tags to a task.
pub(super) async fn assign(transaction: &WriteTransaction, task: TaskId, tags: Vec<i32>) -> Result<()> {
    if tags.is_empty() {
        return Ok(());
    }
    let rows = tags.into_iter().map(|tag| task_tags::ActiveModel {
        task_id: Set(task.0),
        tag_id: Set(tag),
    });
    let insert = task_tags::Entity::insert_many(rows);
    insert.exec_without_returning(transaction.connection()).await?;
    Ok(())
}

/// Creates missing tags and returns all ids. `names` must be in alphabetical order, so that concurrent writers of the
/// same tags wait instead of deadlocking.
pub(super) async fn ensure(transaction: &WriteTransaction, names: &[&String], now: Timestamp) -> Result<Vec<i32>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = names.iter().map(|name| ActiveModel {
        id: NotSet,
        created_at: Set(now),
        updated_at: Set(now),
        name: Set((*name).clone()),
    });
    let missing = Entity::insert_many(rows).on_conflict(OnConflict::column(Column::Name).do_nothing().to_owned());
    missing.exec_without_returning(transaction.connection()).await?;
    ids_of(transaction, names).await
}

/// In alphabetical order of the names.
async fn ids_of(transaction: &WriteTransaction, names: &[&String]) -> Result<Vec<i32>> {
    let query = Entity::find()
        .filter(Column::Name.is_in(names.iter().map(|name| name.as_str())))
        .order_by_asc(Column::Name);
    values(transaction.connection(), query, Column::Id).await
}
