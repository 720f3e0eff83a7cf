//! Updates that take two transitions of the workflow.

use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::id::TaskId;
use crate::domain::task::workflow::Status;

use super::task_change::Locked;
use super::write::TrashState;
use super::{ExpectedVersion, TaskChange, Tasks, WrittenTask};

/// Which status changes an update accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// Allowed transitions only.
    Direct,
    /// Also any change of a closed task, which is reopened first. Boards of older clients drag a card between any two
    /// columns.
    ThroughTodo,
}

impl Tasks<'_> {
    /// Changes a task like [`update`](Self::update). A transition that is not allowed goes through `todo`: two changes
    /// with their events, in one transaction.
    #[tracing::instrument(target = "taskwire::span", name = "task.update", skip_all)]
    pub async fn update_by(
        self,
        actor: &Actor,
        id: TaskId,
        change: TaskChange,
        expected: ExpectedVersion,
        moves: Moves,
    ) -> Result<WrittenTask> {
        if moves == Moves::Direct {
            return self.update(actor, id, change, expected).await;
        }
        let change = change.check()?;
        let write = self.open(actor, id, TrashState::Live, expected).await?;
        let now = self.core.clock.now();
        let from = write.before.task.status;
        let before = match change.status().filter(|to| from.transition(*to).is_err()) {
            Some(_) => write.locked().transition(actor, Status::Todo, now).await?.snapshot,
            None => write.before.clone(),
        };
        let locked = Locked {
            transaction: &write.transaction,
            before: &before,
        };
        let after = locked.change(actor, change, now).await?;
        write.transaction.commit().await?;
        Ok(after)
    }
}
