//! The use cases that read tasks with those who take part in them.

use super::people::{CountedPage, FullTask, WithPeople};
use super::{TaskList, Tasks, TasksOf};
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::{TaskId, UserId};
use crate::domain::page::{Page, PageRequest};
use crate::domain::policy::{Scope, Users};
use crate::domain::{policy, store};

fn seen_by(names: &Scope<Users>) -> impl Fn(FullTask) -> FullTask + '_ {
    |((task, people), tags)| ((task, people.seen_by(names)), tags)
}

impl Tasks<'_> {
    /// The task with those who take part in it, unless it is in the trash or not the actor's to see.
    #[tracing::instrument(target = "taskwire::span", name = "task.find_with_people", skip_all)]
    pub async fn find_with_people(self, actor: &Actor, id: TaskId) -> Result<Option<WithPeople>> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let found = store::task::find_with_people(&self.core.store.reader(actor), &scope, &names, id).await?;
        Ok(found.filter(|(task, _)| task.deleted_at.is_none()))
    }

    /// The same with its tags. Not finding it is an error.
    #[tracing::instrument(target = "taskwire::span", name = "task.get_in_full", skip_all)]
    pub async fn get_in_full(self, actor: &Actor, id: TaskId) -> Result<FullTask> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let found = store::task::find_in_full(&self.core.store.reader(actor), &scope, &names, id).await?;
        let live = found.filter(|((task, _), _)| task.deleted_at.is_none());
        live.map(seen_by(&names)).ok_or_else(|| Error::not_found("task", id))
    }

    /// One page of the tasks that the actor may see, with those who take part in them.
    #[tracing::instrument(target = "taskwire::span", name = "task.list_with_people", skip_all)]
    pub async fn list_with_people(
        self,
        actor: &Actor,
        list: &TaskList,
        page: &PageRequest,
    ) -> Result<Page<WithPeople>> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let request = self.request(actor, &scope, list, page);
        request.with_people(&self.core.store.reader(actor), &names).await
    }

    /// The same with their tags.
    #[tracing::instrument(target = "taskwire::span", name = "task.list_in_full", skip_all)]
    pub async fn list_in_full(self, actor: &Actor, list: &TaskList, page: &PageRequest) -> Result<Page<FullTask>> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let request = self.request(actor, &scope, list, page);
        request.in_full(&self.core.store.reader(actor), &names).await
    }

    /// The same with the number of all of them, in one statement.
    #[tracing::instrument(target = "taskwire::span", name = "task.list_counted", skip_all)]
    pub async fn list_counted(self, actor: &Actor, list: &TaskList, page: &PageRequest) -> Result<CountedPage> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let request = self.request(actor, &scope, list, page);
        let (page, total) = request.counted(&self.core.store.reader(actor), &names).await?;
        let page = page.map(seen_by(&names));
        Ok(CountedPage { page, total })
    }

    /// The same page of the tasks of each of the users, with those who take part in them.
    #[tracing::instrument(target = "taskwire::span", name = "task.lists_of_users_with_people", skip_all)]
    pub async fn lists_of_users_with_people(
        self,
        actor: &Actor,
        users: &[UserId],
        of: &TasksOf,
        page: &PageRequest,
    ) -> Result<Vec<(UserId, Page<WithPeople>)>> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let (reader, now) = (self.core.store.reader(actor), self.core.local_now(actor));
        store::task::of_users::pages_with_people(&reader, &scope, &names, users, of, page, now).await
    }
}
