//! The use cases that read the history of tasks.

use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::event::TaskEvent;
use crate::domain::id::TaskId;
use crate::domain::page::{Page, PageRequest};
use crate::domain::{policy, store};

use super::Tasks;

impl Tasks<'_> {
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
}
