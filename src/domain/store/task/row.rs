//! What is read of tasks: their columns in a statement, and how a row becomes a task.

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::Expr;
use sea_orm::{JoinType, QuerySelect, QueryTrait as _, RelationDef, Select};

use super::{Column, Entity, priority_of, status_of};
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::store::query::positional_row::PositionalRow;
use crate::domain::store::{corrupt, user};
use crate::domain::tag::Tags;
use crate::domain::task::{Detail, People, Task};
use crate::domain::user::User;

/// What the owner and the assignee are called in a statement.
const PEOPLE: [(&str, Column); 2] = [("owner", Column::OwnerId), ("assignee", Column::AssigneeId)];

/// A task, with more or less of what belongs to it.
pub(in crate::domain::store) trait Listed: Sized {
    /// Selects its columns.
    fn select<Q: QuerySelect>(query: Q, detail: Detail) -> Q;

    /// Reads them, and leaves them behind.
    fn read(columns: &mut PositionalRow<'_>) -> Result<Self>;

    /// The task itself.
    fn task(&self) -> &Task;
}

impl Listed for Task {
    fn select<Q: QuerySelect>(query: Q, detail: Detail) -> Q {
        let query = query.columns([Column::Id, Column::CreatedAt, Column::UpdatedAt, Column::Title]);
        let query = match detail {
            Detail::Whole => query.column(Column::Description),
            Detail::Brief => query.expr_as(Expr::cust("CAST(NULL AS text)"), Column::Description),
        };
        query.columns([
            Column::Status,
            Column::Priority,
            Column::DueDate,
            Column::DueOn,
            Column::OwnerId,
            Column::AssigneeId,
            Column::Version,
            Column::CompletedAt,
            Column::DeletedAt,
            Column::ClientKey,
        ])
    }

    fn read(columns: &mut PositionalRow<'_>) -> Result<Self> {
        Ok(Self {
            id: TaskId(columns.next()?),
            created_at: columns.next()?,
            updated_at: columns.next()?,
            title: columns.next()?,
            description: columns.next()?,
            status: status_of(columns.next()?)?,
            priority: priority_of(columns.next()?)?,
            due_date: columns.next()?,
            due_on: columns.next()?,
            owner_id: UserId(columns.next()?),
            assignee_id: columns.next::<Option<i32>>()?.map(UserId),
            version: columns.next()?,
            completed_at: columns.next()?,
            deleted_at: columns.next()?,
            client_key: columns.next()?,
        })
    }

    fn task(&self) -> &Task {
        self
    }
}

impl Listed for (Task, People) {
    fn select<Q: QuerySelect>(query: Q, detail: Detail) -> Q {
        PEOPLE
            .into_iter()
            .fold(Task::select(query, detail), |query, (name, id)| {
                let relation: RelationDef = Entity::belongs_to(user::Entity).from(id).to(user::Column::Id).into();
                [user::Column::Username, user::Column::FullName, user::Column::Email]
                    .into_iter()
                    .fold(query.join_as(JoinType::LeftJoin, relation, name), |query, column| {
                        query.expr_as(Expr::col((name, column)), format!("{name}_{}", column.to_string()))
                    })
            })
    }

    fn read(columns: &mut PositionalRow<'_>) -> Result<Self> {
        let task = Task::read(columns)?;
        let mut person = |id: Option<UserId>| -> Result<(Option<User>, Option<String>)> {
            let (username, full_name, email) = (columns.next()?, columns.next()?, columns.next()?);
            let user = id.map(|id| User {
                id,
                username,
                full_name,
                account: None,
            });
            Ok((user, email))
        };
        let (owner, owner_email) = person(Some(task.owner_id))?;
        let owner = owner.ok_or_else(|| corrupt("owner", task.owner_id))?;
        let (assignee, assignee_email) = person(task.assignee_id)?;
        let people = People {
            owner,
            assignee,
            owner_email,
            assignee_email,
        };
        Ok((task, people))
    }

    fn task(&self) -> &Task {
        &self.0
    }
}

impl<T: Listed> Listed for (T, Tags) {
    fn select<Q: QuerySelect>(query: Q, detail: Detail) -> Q {
        T::select(query, detail).column(Column::TagNames)
    }

    fn read(columns: &mut PositionalRow<'_>) -> Result<Self> {
        Ok((T::read(columns)?, tags_of(&columns.next::<String>()?)))
    }

    fn task(&self) -> &Task {
        self.0.task()
    }
}

/// The one task of a query, if there is one.
pub(in crate::domain::store) async fn one<T: Listed>(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
) -> Result<Option<T>> {
    let query = T::select(query.select_only(), Detail::Whole).into_query();
    let row = connection.query_one(&query).await?;
    row.map(|row| T::read(&mut PositionalRow::of(&row))).transpose()
}

/// The tasks of a query.
pub(in crate::domain::store) async fn all<T: Listed>(
    connection: &impl ConnectionTrait,
    query: Select<Entity>,
) -> Result<Vec<T>> {
    let query = T::select(query.select_only(), Detail::Whole).into_query();
    let rows = connection.query_all(&query).await?;
    rows.iter().map(|row| T::read(&mut PositionalRow::of(row))).collect()
}

/// The tags as a task's row holds them: a line each, which no tag can have in it.
pub(in crate::domain::store) fn names_of(tags: &Tags) -> String {
    let names: Vec<&str> = tags.iter().map(String::as_str).collect();
    names.join("\n")
}

/// The tags of a task whose row holds these lines.
pub(in crate::domain::store) fn tags_of(names: &str) -> Tags {
    let names = names.split('\n').filter(|name| !name.is_empty());
    names.map(str::to_owned).collect()
}
