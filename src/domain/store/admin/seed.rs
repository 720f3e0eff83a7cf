//! Bulk inserts of example data, and the statistics that the query planner needs afterwards.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::{ConnectionTrait as _, DbBackend, DbErr, EntityTrait as _, Statement};

use super::one;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::event::NewEvent;
use crate::domain::id::TaskId;
use crate::domain::policy::{CreateTask, Permit};
use crate::domain::store::{Store, WriteTransaction, event, tag, task};
use crate::domain::task::{Snapshot, Task};

const TABLES: &str = "users, tasks, tags, task_tags, task_events";

pub(in crate::domain) struct Seeder<'t> {
    transaction: &'t WriteTransaction,
    tags: HashMap<&'static str, i32>,
    /// Definition of the search index if `finish` must create it again.
    search_index: Option<String>,
}

impl<'t> Seeder<'t> {
    /// Creates missing tags. `tags` must be in alphabetical order.
    pub(in crate::domain) async fn begin(
        transaction: &'t WriteTransaction,
        tags: &[&'static str],
        now: Timestamp,
    ) -> Result<Self> {
        let names: Vec<String> = tags.iter().map(ToString::to_string).collect();
        let ids = tag::ensure(transaction, &names.iter().collect::<Vec<_>>(), now).await?;
        Ok(Self {
            transaction,
            tags: tags.iter().copied().zip(ids).collect(),
            search_index: postpone_search_index(transaction).await?,
        })
    }

    /// Call it after the last task.
    pub(in crate::domain) async fn finish(self) -> Result<()> {
        if let Some(definition) = self.search_index {
            self.transaction.connection().execute_unprepared(&definition).await?;
        }
        Ok(())
    }

    /// Inserts up to 1,700 tasks with their tags: SQLite binds at most 32,766 values in a statement.
    pub(in crate::domain) async fn insert(&self, new: Vec<(Permit<CreateTask>, Snapshot)>) -> Result<Vec<Snapshot>> {
        let ids = self.reserve_ids(new.len()).await?;
        let inserted: Vec<Snapshot> = ids
            .into_iter()
            .zip(new)
            .map(|(id, (permit, new))| Snapshot {
                task: Task {
                    id: TaskId(id),
                    owner_id: permit.subject(),
                    ..new.task
                },
                attachments: Vec::new(),
            })
            .collect();
        let rows = inserted.iter().map(|snapshot| task::ActiveModel {
            id: Set(snapshot.task.id.0),
            ..task::columns(&snapshot.task)
        });
        let connection = self.transaction.connection();
        task::Entity::insert_many(rows)
            .exec_without_returning(connection)
            .await?;
        let tags = inserted.iter().flat_map(|snapshot| self.tag_rows(snapshot));
        tag::task_tags::Entity::insert_many(tags)
            .exec_without_returning(connection)
            .await?;
        Ok(inserted)
    }

    fn tag_rows(&self, snapshot: &Snapshot) -> impl Iterator<Item = tag::task_tags::ActiveModel> {
        let ids = snapshot
            .task
            .tags
            .iter()
            .filter_map(|name| self.tags.get(name.as_str()));
        ids.map(|id| tag::task_tags::ActiveModel {
            task_id: Set(snapshot.task.id.0),
            tag_id: Set(*id),
        })
    }

    /// Appends up to 3,000 events.
    pub(in crate::domain) async fn append(&self, events: impl Iterator<Item = NewEvent> + Send) -> Result<()> {
        event::Entity::insert_many(events.map(event::columns))
            .exec_without_returning(self.transaction.connection())
            .await?;
        Ok(())
    }

    /// Unused ids in ascending order. Tags and events can then be inserted without reading back the ids of rows.
    async fn reserve_ids(&self, count: usize) -> Result<Vec<i32>> {
        let connection = self.transaction.connection();
        let count = i32::try_from(count).map_err(Error::internal)?;
        if connection.get_database_backend() == DbBackend::Postgres {
            let sql = "WITH sequence AS MATERIALIZED (SELECT pg_get_serial_sequence('tasks', 'id')::regclass AS name) \
                       SELECT nextval(name)::int4 FROM sequence, generate_series(1, $1)";
            let statement = Statement::from_sql_and_values(DbBackend::Postgres, sql, [count.into()]);
            let rows = connection.query_all_raw(statement).await?;
            let ids = rows.iter().map(|row| row.try_get_by_index(0));
            let mut ids = ids.collect::<Result<Vec<i32>, DbErr>>()?;
            ids.sort_unstable();
            return Ok(ids);
        }
        // This transaction is the only writer. Ids of deleted tasks are not reused.
        let sql = "SELECT max(coalesce((SELECT max(id) FROM tasks), 0), \
                   coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'tasks'), 0))";
        let last: i32 = one(connection, sql).await?;
        Ok((last + 1..=last + count).collect())
    }
}

/// Drops the search index of PostgreSQL and returns its definition. Building it once takes less than half the time of
/// updating it row by row. Only with an empty table, which nobody can read until the transaction ends.
async fn postpone_search_index(transaction: &WriteTransaction) -> Result<Option<String>> {
    let connection = transaction.connection();
    if connection.get_database_backend() != DbBackend::Postgres || task::Entity::find().one(connection).await?.is_some()
    {
        return Ok(None);
    }
    let definition = one(connection, "SELECT pg_get_indexdef('tasks_search'::regclass)").await?;
    connection
        .execute_unprepared("SET LOCAL statement_timeout = 0; DROP INDEX tasks_search")
        .await?;
    Ok(Some(definition))
}

impl Store {
    /// Updates planner statistics, so that query plans are good at once.
    pub(in crate::domain) async fn refresh_statistics(&self) -> Result<()> {
        if self.connection.get_database_backend() != DbBackend::Postgres {
            self.connection.execute_unprepared("ANALYZE").await?;
            return Ok(());
        }
        // It takes longer than a request may.
        let alone = self.alone(None).await?;
        let vacuum = format!("VACUUM (ANALYZE) {TABLES}");
        let vacuumed = alone.connection.execute_unprepared(&vacuum).await;
        alone.close().await?;
        vacuumed?;
        Ok(())
    }
}
