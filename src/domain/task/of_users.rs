//! The use cases that read the tasks of several users at once.

use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::id::UserId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::{policy, store};

use super::{Task, Tasks, TasksOf};

impl Tasks<'_> {
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
        store::task::of_users::pages(
            &self.core.store.reader(actor),
            &scope,
            users,
            of,
            page,
            self.core.local_now(actor),
        )
        .await
    }

    /// The total number of tasks for each of these users; users without tasks are left out.
    #[tracing::instrument(target = "taskwire::span", name = "task.counts_of_users", skip_all)]
    pub async fn counts_of_users(self, actor: &Actor, users: &[UserId], of: &TasksOf) -> Result<Vec<(UserId, u64)>> {
        let scope = policy::scope(actor)?;
        store::task::of_users::counts(
            &self.core.store.reader(actor),
            &scope,
            users,
            of,
            self.core.local_now(actor),
        )
        .await
    }
}
