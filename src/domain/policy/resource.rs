//! What things are done to, and how an actor stands to each.

use super::{Resource, Standing};
use crate::domain::actor::Actor;
use crate::domain::error::Error;
use crate::domain::id::{AttachmentId, TaskId, UserId};
use crate::domain::task::Task;
use crate::domain::user::User;

impl Resource for Task {
    type Subject = TaskId;

    fn subject(&self) -> TaskId {
        self.id
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.owner_id, self.assignee_id)
    }

    fn hidden(&self) -> Error {
        Error::not_found("task", self.id)
    }
}

impl Resource for User {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.id
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.id, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("user", self.id)
    }
}

/// A task that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewTask {
    /// Whose it will be.
    pub owner: UserId,
}

impl Resource for NewTask {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.owner
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.owner, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("user", self.owner)
    }
}

/// A file that does not exist yet and will belong to no task.
#[derive(Clone, Copy, Debug)]
pub struct NewFile {
    /// Whose it will be.
    pub owner: UserId,
}

impl Resource for NewFile {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.owner
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.owner, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("user", self.owner)
    }
}

/// A file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// Which one.
    pub id: AttachmentId,
    /// Who uploaded it.
    pub owner: UserId,
}

impl Resource for File {
    type Subject = AttachmentId;

    fn subject(&self) -> AttachmentId {
        self.id
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.owner, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("attachment", self.id)
    }
}

/// A request with a key, by which whoever sent it may repeat it.
#[derive(Clone, Copy, Debug)]
pub struct OwnRequest {
    /// Who sent it.
    pub user: UserId,
}

impl Resource for OwnRequest {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.user
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.user, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("request", "")
    }
}

/// The notifications of one user.
#[derive(Clone, Copy, Debug)]
pub struct OwnNotifications {
    /// Who was notified.
    pub user: UserId,
}

impl Resource for OwnNotifications {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.user
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.user, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("notification", "")
    }
}

/// What the server does in the background for one user.
#[derive(Clone, Copy, Debug)]
pub struct OwnJobs {
    /// Who asked for it.
    pub user: UserId,
}

impl Resource for OwnJobs {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.user
    }

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::new(actor, self.user, None)
    }

    fn hidden(&self) -> Error {
        Error::not_found("background task", "")
    }
}

/// An account that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewUser;

impl Resource for NewUser {
    type Subject = ();

    fn subject(&self) {}

    fn standing(&self, actor: &Actor) -> Standing {
        Standing::by_rank(actor)
    }

    fn hidden(&self) -> Error {
        Error::not_found("user", "")
    }
}
