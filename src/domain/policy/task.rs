//! Tasks: rules and visibility.

use std::collections::BTreeSet;

use super::Refusal::{self, Forbidden};
use super::resource::{ADMIN, OWNER, OWNER_OR_ADMIN, PARTICIPANT, SERVER_ALONE};
use super::scope::{everything, own_or_everything};
use super::{Action, Own, Relationship, Resource, Rule, Scope};
use crate::domain::id::{Identifier as _, TaskId, UserId};
use crate::domain::task::Task;

impl Resource for Task {
    type Subject = TaskId;

    const VISIBLE_TO: Option<(&'static [Relationship], &'static str)> = Some((PARTICIPANT, TaskId::RESOURCE));

    fn subject(&self) -> TaskId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }

    fn assignee(&self) -> Option<UserId> {
        self.assignee_id
    }
}

visible! {
    /// Tasks that the user owns or is assigned to; all for administrators.
    Tasks: own_or_everything;
    /// The list of all tasks.
    AllTasks: |actor| everything(actor, "Only an administrator may list all tasks");
}

impl Scope<Tasks> {
    /// Whether an event with this audience may be received.
    #[must_use]
    pub fn can_receive(&self, audience: &BTreeSet<UserId>) -> bool {
        self.visibility().includes(|user| audience.contains(&user))
    }

    /// Whether a task is visible.
    #[must_use]
    pub fn sees(&self, task: &Task) -> bool {
        let is_participant = |user| task.owner_id == user || task.assignee_id == Some(user);
        self.visibility().includes(is_participant)
    }
}

/// Other users do not see the task.
const NOT_A_PARTICIPANT: Refusal = Forbidden("Only participants of the task may do this");

rules! { TASK_ACTIONS:
    /// Create a task.
    CreateTask(Own): OWNER, Forbidden("A new task belongs to the user who creates it");
    /// See a task, its tags, files and history; watch it live.
    SeeTask(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Change a task's title, description, priority, due date or status.
    EditTask(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Add tags to a task or remove them.
    TagTask(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Attach a file to a task.
    AttachFile(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Remove a file from a task, which deletes it.
    DetachFile(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Put a task in the trash.
    TrashTask(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Restore a task from the trash.
    RestoreTask(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Delete a task permanently.
    PurgeTask(Task): PARTICIPANT, NOT_A_PARTICIPANT;
    /// Transfer a deleted user's task to another owner.
    TransferTask(Task): ADMIN, Forbidden("Only an administrator may give a task to another owner");
    /// Notify owner and assignee that the task is due soon or overdue.
    RemindOfTask(Task): SERVER_ALONE, Forbidden("Only the server itself reminds of tasks");
}

/// Assign a task to a user, or unassign it.
#[derive(Clone, Copy, Debug)]
pub struct AssignTask {
    /// The new assignee; `None` unassigns.
    pub to: Option<UserId>,
}

impl Action for AssignTask {
    type On = Task;

    fn rule(&self) -> Rule {
        Rule {
            allows: if self.to.is_none() { PARTICIPANT } else { OWNER_OR_ADMIN },
            refusal: Forbidden("An assignee may only unassign themselves; the owner or an administrator assigns"),
        }
    }
}

/// An action that changes a task and does not delete it.
pub trait ChangeTask: Action<On = Task> {}

impl ChangeTask for EditTask {}
impl ChangeTask for TagTask {}
impl ChangeTask for AttachFile {}
impl ChangeTask for DetachFile {}
impl ChangeTask for AssignTask {}
impl ChangeTask for TrashTask {}
impl ChangeTask for RestoreTask {}
impl ChangeTask for TransferTask {}
