//! The table "who may do what", a row an `impl`.

use super::{
    Action, EventLog, File, Installation, JobQueue, Leftovers, NewFile, NewTask, NewUser, OwnJobs, OwnNotifications,
    OwnRequest, Standing, Verdict,
};
use crate::domain::id::UserId;
use crate::domain::task::Task;
use crate::domain::user::User;

/// `Allowed` for those who take part in a task; the rest do not see it.
fn participants(who: Standing) -> Verdict {
    if who.takes_part() {
        Verdict::Allowed
    } else {
        Verdict::Hidden
    }
}

/// What is said to others of what only administrators may do.
pub(super) const ADMINISTRATORS_ONLY: &str = "Only an administrator may do this";

/// `Allowed` for administrators; everybody sees accounts, so the rest are told.
fn administrators(who: Standing) -> Verdict {
    if who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Refused(ADMINISTRATORS_ONLY)
    }
}

/// `Allowed` on one's own account, and for administrators.
fn oneself_or_administrators(who: Standing) -> Verdict {
    if who.owner || who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Refused("Only the account's own user or an administrator may do this")
    }
}

/// `Allowed` for whoever keeps a file, and for administrators; the rest do not see it.
fn keepers(who: Standing) -> Verdict {
    if who.owner || who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Hidden
    }
}

/// `Allowed` for the server itself, and for whoever runs it from the command line.
fn the_server(who: Standing, refusal: &'static str) -> Verdict {
    if who.system {
        Verdict::Allowed
    } else {
        Verdict::Refused(refusal)
    }
}

/// What others are told who want what only the command line does.
const RUNNERS_ONLY: &str = "Only whoever runs the server may do this";

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

/// Keep a file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct KeepFile;

impl Action for KeepFile {
    type On = NewFile;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("A new file belongs to whoever uploads it")
        }
    }
}

/// See a file that belongs to no task, and read it. Those of a task are seen with the task.
#[derive(Clone, Copy, Debug)]
pub struct SeeFile;

impl Action for SeeFile {
    type On = File;

    fn verdict(&self, who: Standing) -> Verdict {
        keepers(who)
    }
}

/// Delete a file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct DeleteFile;

impl Action for DeleteFile {
    type On = File;

    fn verdict(&self, who: Standing) -> Verdict {
        keepers(who)
    }
}

/// Make an account. People register by themselves: the server makes the account for them.
#[derive(Clone, Copy, Debug)]
pub struct CreateUser;

impl Action for CreateUser {
    type On = NewUser;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// See the e-mail, role and activity of an account.
#[derive(Clone, Copy, Debug)]
pub struct SeeAccount;

impl Action for SeeAccount {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        oneself_or_administrators(who)
    }
}

/// Change an account's e-mail, username or full name.
#[derive(Clone, Copy, Debug)]
pub struct EditUser;

impl Action for EditUser {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        oneself_or_administrators(who)
    }
}

/// Set a new password.
#[derive(Clone, Copy, Debug)]
pub struct ChangePassword;

impl Action for ChangePassword {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner || who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("Only the account's own user may change its password")
        }
    }
}

/// Make an account an administrator's or an ordinary one.
#[derive(Clone, Copy, Debug)]
pub struct SetRole;

impl Action for SetRole {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Deactivate an account or let it in again.
#[derive(Clone, Copy, Debug)]
pub struct SetActive;

impl Action for SetActive {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Delete an account.
#[derive(Clone, Copy, Debug)]
pub struct DeleteUser;

impl Action for DeleteUser {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        administrators(who)
    }
}

/// Begin a session for somebody who proved to be the account's user.
#[derive(Clone, Copy, Debug)]
pub struct BeginSession;

impl Action for BeginSession {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.system {
            Verdict::Allowed
        } else {
            Verdict::Refused("Sign in with a password or a refresh token")
        }
    }
}

/// End sessions of an account.
#[derive(Clone, Copy, Debug)]
pub struct EndSessions;

impl Action for EndSessions {
    type On = User;

    fn verdict(&self, who: Standing) -> Verdict {
        oneself_or_administrators(who)
    }
}

/// Claim a key for a request, and keep the answer to it.
#[derive(Clone, Copy, Debug)]
pub struct RepeatRequest;

impl Action for RepeatRequest {
    type On = OwnRequest;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner { Verdict::Allowed } else { Verdict::Hidden }
    }
}

/// Mark notifications as read.
#[derive(Clone, Copy, Debug)]
pub struct ReadNotifications;

impl Action for ReadNotifications {
    type On = OwnNotifications;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner { Verdict::Allowed } else { Verdict::Hidden }
    }
}

/// Forget the oldest part of the event log.
#[derive(Clone, Copy, Debug)]
pub struct PruneLog;

impl Action for PruneLog {
    type On = EventLog;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, "Only the server itself forgets what happened")
    }
}

/// Copy everything there is out of the database and the storage.
#[derive(Clone, Copy, Debug)]
pub struct TakeBackup;

impl Action for TakeBackup {
    type On = Installation;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, RUNNERS_ONLY)
    }
}

/// Put what a backup holds in the place of everything there is.
#[derive(Clone, Copy, Debug)]
pub struct RestoreBackup;

impl Action for RestoreBackup {
    type On = Installation;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, RUNNERS_ONLY)
    }
}

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

/// Have the server do something in the background.
#[derive(Clone, Copy, Debug)]
pub struct QueueJob;

impl Action for QueueJob {
    type On = OwnJobs;

    fn verdict(&self, who: Standing) -> Verdict {
        if who.owner { Verdict::Allowed } else { Verdict::Hidden }
    }
}

/// Take jobs from the queue, and say what came of them.
#[derive(Clone, Copy, Debug)]
pub struct RunJobs;

impl Action for RunJobs {
    type On = JobQueue;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, "Only the server itself runs jobs")
    }
}

/// Forget sessions, keys and jobs whose time is over.
#[derive(Clone, Copy, Debug)]
pub struct SweepUp;

impl Action for SweepUp {
    type On = Leftovers;

    fn verdict(&self, who: Standing) -> Verdict {
        the_server(who, "Only the server itself sweeps up")
    }
}
