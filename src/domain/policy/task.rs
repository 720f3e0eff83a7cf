//! Rules for tasks.

use super::{Action, Own, OwnedKind, Relationship, Rule};
use crate::domain::id::UserId;
use crate::domain::task::Task;

/// A task that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub enum NewTask {}

impl OwnedKind for NewTask {
    const NAME: &'static str = "task";
    const IS_PUBLIC: bool = true;
}

/// Other users do not see the task.
const NOT_A_PARTICIPANT: &str = "Only participants of the task may do this";

rules! { TASK_ACTIONS:
    /// Create a task.
    CreateTask(Own<NewTask>): Relationship::is_owner, "A new task belongs to the user who creates it";
    /// See a task, its tags, files and history; watch it live.
    SeeTask(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Change a task's title, description, priority, due date or status.
    EditTask(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Add tags to a task or remove them.
    TagTask(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Attach a file to a task.
    AttachFile(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Remove a file from a task, which deletes it.
    DetachFile(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Put a task in the trash.
    TrashTask(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Restore a task from the trash.
    RestoreTask(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Delete a task permanently.
    PurgeTask(Task): Relationship::is_participant, NOT_A_PARTICIPANT;
    /// Transfer a deleted user's task to another owner.
    TransferTask(Task): Relationship::is_admin, "Only an administrator may give a task to another owner";
    /// Notify owner and assignee that the task is due soon or overdue.
    RemindOfTask(Task): |who| who.system, "Only the server itself reminds of tasks";
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
            allows: if self.to.is_none() {
                Relationship::is_participant
            } else {
                Relationship::is_owner_or_admin
            },
            refusal: "An assignee may only unassign themselves; the owner or an administrator assigns",
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
