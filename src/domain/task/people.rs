//! Those who take part in a task, by name alone: that much every signed-in user may see, and it is read with the task.

use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::tag::Tags;
use crate::domain::user::User;
use crate::domain::{policy, store};

use super::{Task, TaskList, Tasks};

/// Those who take part in a task, without their accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    /// Whose it is.
    pub owner: User,
    /// Who is to do it.
    pub assignee: Option<User>,
}

impl Tasks<'_> {
    /// The task with those who take part in it, unless it is in the trash or not the actor's to see.
    #[tracing::instrument(target = "taskwire::span", name = "task.find_with_people", skip_all)]
    pub async fn find_with_people(self, actor: &Actor, id: TaskId) -> Result<Option<(Task, People)>> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let found = store::task_list::find_with_people(self.core.store.reader(), &scope, &names, id).await?;
        Ok(found.filter(|(task, _)| task.deleted_at.is_none()))
    }

    /// One page of the tasks that the actor may see, with those who take part in them.
    #[tracing::instrument(target = "taskwire::span", name = "task.list_with_people", skip_all)]
    pub async fn list_with_people(
        self,
        actor: &Actor,
        list: &TaskList,
        page: &PageRequest,
    ) -> Result<Page<(Task, People)>> {
        let (scope, names) = (policy::scope(actor)?, policy::scope(actor)?);
        let (reader, now) = (self.core.store.reader(), self.core.clock.now());
        store::task_list::page_with_people(reader, &scope, &names, list, page, now).await
    }

    /// The same with their tags.
    #[tracing::instrument(target = "taskwire::span", name = "task.list_in_full", skip_all)]
    pub async fn list_in_full(
        self,
        actor: &Actor,
        list: &TaskList,
        page: &PageRequest,
    ) -> Result<Page<(Task, People, Tags)>> {
        let found = self.list_with_people(actor, list, page).await?;
        let tasks = found.items.iter().map(|(_, (task, _))| task);
        let mut tags = store::tag::of_read(self.core.store.reader(), tasks).await?;
        Ok(found.map(|(task, people)| {
            let tags = tags.remove(&task.id).unwrap_or_default();
            (task, people, tags)
        }))
    }
}
