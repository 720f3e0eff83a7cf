//! The use cases that read tasks, their history and their tags.

use super::{Task, TaskList, TasksOf};
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::event::TaskEvent;
use crate::domain::id::{TaskId, UserId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{AssignTask, EditTask, PurgeTask, TrashTask};
use crate::domain::statistics::{Counted, Statistics};
use crate::domain::tag::TagCount;
use crate::domain::{Core, policy, store};

/// The use cases of tasks.
#[derive(Clone, Copy, Debug)]
pub struct Tasks<'a> {
    pub(super) core: &'a Core,
}

impl<'a> Tasks<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// The task; `None` if it is in the trash or not visible to the actor.
    #[tracing::instrument(target = "taskwire::span", name = "task.find", skip_all)]
    pub async fn find(self, actor: &Actor, id: TaskId) -> Result<Option<Task>> {
        let scope = policy::scope(actor)?;
        let found = store::task::find(&self.core.store.reader(actor), &scope, id).await?;
        Ok(found.filter(|task| task.deleted_at.is_none()))
    }

    /// The visible tasks among these, without the trash.
    #[tracing::instrument(target = "taskwire::span", name = "task.find_many", skip_all)]
    pub async fn find_many(self, actor: &Actor, ids: &[TaskId]) -> Result<Vec<Task>> {
        let scope = policy::scope(actor)?;
        let found = store::task::find_many(&self.core.store.reader(actor), &scope, ids).await?;
        Ok(found.into_iter().filter(|task| task.deleted_at.is_none()).collect())
    }

    /// Like [`find`](Self::find), but returns an error if the task is not found.
    #[tracing::instrument(target = "taskwire::span", name = "task.get", skip_all)]
    pub async fn get(self, actor: &Actor, id: TaskId) -> Result<Task> {
        self.find(actor, id).await?.ok_or_else(|| Error::not_found(id))
    }

    /// One page of the tasks that the actor sees.
    #[tracing::instrument(target = "taskwire::span", name = "task.list", skip_all)]
    pub async fn list(self, actor: &Actor, list: &TaskList, page: &PageRequest) -> Result<Page<Task>> {
        let scope = policy::scope(actor)?;
        let (reader, now) = (self.core.store.reader(actor), self.core.local_now(actor));
        store::task::list::page(&reader, &scope, list, page, now).await
    }

    /// One page of the tasks that the actor sees, with the number of tasks on all pages.
    #[tracing::instrument(target = "taskwire::span", name = "task.list_with_total", skip_all)]
    pub async fn list_with_total(
        self,
        actor: &Actor,
        list: &TaskList,
        page: &PageRequest,
    ) -> Result<(Page<Task>, u64)> {
        let scope = policy::scope(actor)?;
        let (reader, now) = (self.core.store.reader(actor), self.core.local_now(actor));
        store::task::list::page_with_total(&reader, &scope, list, page, now).await
    }

    /// The total number of tasks in the list.
    #[tracing::instrument(target = "taskwire::span", name = "task.count", skip_all)]
    pub async fn count(self, actor: &Actor, list: &TaskList) -> Result<u64> {
        let scope = policy::scope(actor)?;
        store::task::list::count(&self.core.store.reader(actor), &scope, list, self.core.local_now(actor)).await
    }

    /// One page of the tasks of each of these users, as far as the actor sees them.
    #[tracing::instrument(target = "taskwire::span", name = "task.lists_of_users", skip_all)]
    pub async fn lists_of_users(
        self,
        actor: &Actor,
        users: &[UserId],
        of: &TasksOf,
        page: &PageRequest,
    ) -> Result<Vec<(UserId, Page<Task>)>> {
        let scope = policy::scope(actor)?;
        let (reader, now) = (self.core.store.reader(actor), self.core.local_now(actor));
        store::task::of_users::pages(&reader, &scope, users, of, page, now).await
    }

    /// The total number of tasks for each of these users; users without tasks are left out.
    #[tracing::instrument(target = "taskwire::span", name = "task.counts_of_users", skip_all)]
    pub async fn counts_of_users(self, actor: &Actor, users: &[UserId], of: &TasksOf) -> Result<Vec<(UserId, u64)>> {
        let scope = policy::scope(actor)?;
        let (reader, now) = (self.core.store.reader(actor), self.core.local_now(actor));
        store::task::of_users::counts(&reader, &scope, users, of, now).await
    }

    /// One page of the events of each visible task, oldest first. Includes tasks in the trash.
    #[tracing::instrument(target = "taskwire::span", name = "task.histories", skip_all)]
    pub async fn histories(
        self,
        actor: &Actor,
        tasks: &[TaskId],
        page: &PageRequest,
    ) -> Result<Vec<(TaskId, Page<TaskEvent>)>> {
        let scope = policy::scope(actor)?;
        store::event::history::pages(&self.core.store.reader(actor), &scope, tasks, page).await
    }

    /// The number of events of each visible task.
    #[tracing::instrument(target = "taskwire::span", name = "task.history_counts", skip_all)]
    pub async fn history_counts(self, actor: &Actor, tasks: &[TaskId]) -> Result<Vec<(TaskId, u64)>> {
        let scope = policy::scope(actor)?;
        store::event::history::counts(&self.core.store.reader(actor), &scope, tasks).await
    }

    /// One page of the tags of the visible tasks, without the trash, in alphabetical order.
    #[tracing::instrument(target = "taskwire::span", name = "task.tags", skip_all)]
    pub async fn tags(self, actor: &Actor, page: &PageRequest) -> Result<Page<TagCount>> {
        let scope = policy::scope(actor)?;
        store::tag::page(&self.core.store.reader(actor), &scope, page).await
    }

    /// The total number of different tags.
    #[tracing::instrument(target = "taskwire::span", name = "task.tag_count", skip_all)]
    pub async fn tag_count(self, actor: &Actor) -> Result<u64> {
        let scope = policy::scope(actor)?;
        store::tag::count(&self.core.store.reader(actor), &scope).await
    }

    /// Computes the statistics of a list without the cache. Counts per tag are included if `with_tags` is set.
    #[tracing::instrument(target = "taskwire::span", name = "task.statistics_of", skip_all)]
    pub async fn statistics_of(self, actor: &Actor, list: &TaskList, with_tags: bool) -> Result<Statistics> {
        let scope = policy::scope(actor)?;
        let (store, now) = (&self.core.store, self.core.local_now(actor));
        store::statistics::of_list(&store.reader(actor), &scope, list, with_tags, now).await
    }

    /// Statistics of all tasks that the actor sees, without the trash. They are cached for `STATISTICS_CACHE_SECONDS`,
    /// or until a task changes. A task that becomes overdue may be counted with that delay.
    #[tracing::instrument(target = "taskwire::span", name = "task.statistics", skip_all)]
    pub async fn statistics(self, actor: &Actor) -> Result<Counted> {
        let scope = policy::scope(actor)?;
        let (store, now) = (&self.core.store, self.core.local_now(actor));
        let (reader, cache, whose) = (store.reader(actor), &self.core.statistics, scope.visibility());
        let log = if cache.is_on() {
            Some(store::event::log::state(&reader, &scope).await?)
        } else {
            None
        };
        if let Some(statistics) = log.as_ref().and_then(|log| cache.find(whose, log, now)) {
            return Ok(Counted {
                statistics,
                is_cached: true,
            });
        }
        let statistics = store::statistics::of_list(&reader, &scope, &TaskList::default(), true, now).await?;
        if let Some(log) = log {
            cache.keep(whose, log, now, &statistics);
        }
        Ok(Counted {
            statistics,
            is_cached: false,
        })
    }

    /// Whether the actor may edit this task.
    #[must_use]
    pub fn may_update(self, actor: &Actor, task: &Task) -> bool {
        policy::permit(actor, EditTask, task).is_ok()
    }

    /// Whether the actor may delete this task.
    #[must_use]
    pub fn may_delete(self, actor: &Actor, task: &Task) -> bool {
        policy::permit(actor, TrashTask, task).is_ok()
    }

    /// Whether the actor may delete this task permanently.
    #[must_use]
    pub fn may_purge(self, actor: &Actor, task: &Task) -> bool {
        policy::permit(actor, PurgeTask, task).is_ok()
    }

    /// Whether the actor may assign this task to any user.
    #[must_use]
    pub fn may_assign(self, actor: &Actor, task: &Task) -> bool {
        let to = Some(task.owner_id);
        policy::permit(actor, AssignTask { to }, task).is_ok()
    }

    /// Whether the task is open and past its due date, or its due day in the actor's time zone.
    #[must_use]
    pub fn is_overdue(self, actor: &Actor, task: &Task) -> bool {
        task.is_overdue(self.core.local_now(actor))
    }
}
