//! Resources, and how an actor relates to them.

use std::fmt::Debug;
use std::marker::PhantomData;

use crate::domain::actor::{Actor, Role};
use crate::domain::error::Error;
use crate::domain::id::{AttachmentId, TaskId, UserId};
use crate::domain::task::Task;
use crate::domain::user::User;

/// How an actor relates to a resource. Several fields may be true.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "rules read each field by name")]
pub struct Relationship {
    /// The actor owns the task or file, or it is the actor's own account.
    pub owner: bool,
    /// The task is assigned to the actor.
    pub assignee: bool,
    /// The actor is an administrator.
    pub admin: bool,
    /// The actor is the server itself.
    pub system: bool,
}

impl Relationship {
    fn new(actor: &Actor, owner: Option<UserId>, assignee: Option<UserId>) -> Self {
        let id = actor.user_id();
        Self {
            owner: id.is_some() && id == owner,
            assignee: id.is_some() && id == assignee,
            admin: matches!(actor, Actor::User(user) if user.role == Role::Admin),
            system: matches!(actor, Actor::System),
        }
    }

    pub(super) fn is_participant(self) -> bool {
        self.assignee || self.is_owner_or_admin()
    }

    pub(super) fn is_owner_or_admin(self) -> bool {
        self.owner || self.is_admin()
    }

    pub(super) fn is_admin(self) -> bool {
        self.admin || self.system
    }

    pub(super) fn is_owner(self) -> bool {
        self.owner || self.system
    }
}

/// A resource that an action is performed on.
pub trait Resource {
    /// Identifies the resource in a permit.
    type Subject: Copy + Debug;

    /// The resource's identifier.
    fn subject(&self) -> Self::Subject;

    /// How `actor` relates to it.
    fn relationship(&self, actor: &Actor) -> Relationship;

    /// Whether an actor with this relationship may know that the resource exists.
    fn is_visible(who: Relationship) -> bool;

    /// The error for actors who may not know that it exists.
    fn not_found(&self) -> Error;
}

impl Resource for Task {
    type Subject = TaskId;

    fn subject(&self) -> TaskId {
        self.id
    }

    fn relationship(&self, actor: &Actor) -> Relationship {
        Relationship::new(actor, Some(self.owner_id), self.assignee_id)
    }

    fn is_visible(who: Relationship) -> bool {
        who.is_participant()
    }

    fn not_found(&self) -> Error {
        Error::not_found("task", self.id)
    }
}

impl Resource for User {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.id
    }

    fn relationship(&self, actor: &Actor) -> Relationship {
        Relationship::new(actor, Some(self.id), None)
    }

    fn is_visible(_: Relationship) -> bool {
        true
    }

    fn not_found(&self) -> Error {
        Error::not_found("user", self.id)
    }
}

/// An account that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewUser;

impl Resource for NewUser {
    type Subject = ();

    fn subject(&self) {}

    fn relationship(&self, actor: &Actor) -> Relationship {
        Relationship::new(actor, None, None)
    }

    fn is_visible(_: Relationship) -> bool {
        true
    }

    fn not_found(&self) -> Error {
        Error::not_found("user", "")
    }
}

/// A file that belongs to no task.
#[derive(Clone, Copy, Debug)]
pub struct File {
    /// The file's id.
    pub id: AttachmentId,
    /// The user who uploaded it.
    pub owner: UserId,
}

impl Resource for File {
    type Subject = AttachmentId;

    fn subject(&self) -> AttachmentId {
        self.id
    }

    fn relationship(&self, actor: &Actor) -> Relationship {
        Relationship::new(actor, Some(self.owner), None)
    }

    fn is_visible(who: Relationship) -> bool {
        who.is_owner_or_admin()
    }

    fn not_found(&self) -> Error {
        Error::not_found("attachment", self.id)
    }
}

/// A kind of resource that one user owns: without a row yet, or all rows of the user together.
pub trait OwnedKind {
    /// Its name in errors.
    const NAME: &'static str;
    /// Whether other users get `Forbidden` instead of `NotFound`.
    const IS_PUBLIC: bool;
}

/// A `K` of one user.
#[derive(Debug)]
pub struct Own<K> {
    user: UserId,
    kind: PhantomData<fn() -> K>,
}

impl<K: OwnedKind> Own<K> {
    /// The `K` of this user.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self {
            user,
            kind: PhantomData,
        }
    }
}

impl<K: OwnedKind> Resource for Own<K> {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.user
    }

    fn relationship(&self, actor: &Actor) -> Relationship {
        Relationship::new(actor, Some(self.user), None)
    }

    fn is_visible(who: Relationship) -> bool {
        K::IS_PUBLIC || who.owner
    }

    fn not_found(&self) -> Error {
        Error::not_found(K::NAME, "")
    }
}
