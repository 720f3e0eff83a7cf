//! What is done to tasks.

use crate::domain::id::UserId;
use crate::domain::policy::{Action, NewTask, Standing, Verdict};
use crate::domain::task::Task;

/// `Allowed` for those who take part in a task; the rest do not see it.
fn participants(who: Standing) -> Verdict {
    if who.takes_part() {
        Verdict::Allowed
    } else {
        Verdict::Hidden
    }
}

/// An action that changes a task which stays.
pub trait ChangeTask: Action<On = Task> {}

/// Make a task.
#[derive(Clone, Copy, Debug)]
pub struct CreateTask;

impl Action for CreateTask {
    type On = NewTask;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("A new task belongs to whoever creates it")
        }
    }
}

/// See a task, its tags, files and history; watch it live.
#[derive(Clone, Copy, Debug)]
pub struct SeeTask;

impl Action for SeeTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

/// Change a task's title, description, priority, due date or status.
#[derive(Clone, Copy, Debug)]
pub struct EditTask;

impl Action for EditTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

impl ChangeTask for EditTask {}

/// Add tags to a task or take them away.
#[derive(Clone, Copy, Debug)]
pub struct TagTask;

impl Action for TagTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

impl ChangeTask for TagTask {}

/// Attach a file to a task.
#[derive(Clone, Copy, Debug)]
pub struct AttachFile;

impl Action for AttachFile {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

impl ChangeTask for AttachFile {}

/// Take a file from a task, which deletes it.
#[derive(Clone, Copy, Debug)]
pub struct DetachFile;

impl Action for DetachFile {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

impl ChangeTask for DetachFile {}

/// Hand a task to somebody, or to nobody.
#[derive(Clone, Copy, Debug)]
pub struct AssignTask {
    /// To whom; `None` takes it from whoever has it.
    pub to: Option<UserId>,
}

impl Action for AssignTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.manages() || (who.assignee && self.to.is_none()) {
            Verdict::Allowed
        } else if who.assignee {
            Verdict::Refused("An assignee may only unassign themselves; the owner or an administrator assigns")
        } else {
            Verdict::Hidden
        }
    }
}

impl ChangeTask for AssignTask {}

/// Put a task in the trash.
#[derive(Clone, Copy, Debug)]
pub struct TrashTask;

impl Action for TrashTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

impl ChangeTask for TrashTask {}

/// Take a task out of the trash.
#[derive(Clone, Copy, Debug)]
pub struct RestoreTask;

impl Action for RestoreTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

impl ChangeTask for RestoreTask {}

/// Delete a task for good.
#[derive(Clone, Copy, Debug)]
pub struct PurgeTask;

impl Action for PurgeTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        participants(who)
    }
}

/// Give a deleted user's task to somebody else.
#[derive(Clone, Copy, Debug)]
pub struct TransferTask;

impl Action for TransferTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.manages() {
            Verdict::Allowed
        } else if who.takes_part() {
            Verdict::Refused("Only an administrator may give a task to another owner")
        } else {
            Verdict::Hidden
        }
    }
}

impl ChangeTask for TransferTask {}

/// Tell those who work on a task that its due date is near or over.
#[derive(Clone, Copy, Debug)]
pub struct RemindOfTask;

impl Action for RemindOfTask {
    type On = Task;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.system {
            Verdict::Allowed
        } else if who.takes_part() {
            Verdict::Refused("Only the server itself reminds of tasks")
        } else {
            Verdict::Hidden
        }
    }
}
