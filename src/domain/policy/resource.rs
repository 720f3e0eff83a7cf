//! Resources, and how an actor relates to them.

use std::fmt::{Debug, Display};

use self::Relationship::{Admin, Assignee, Owner, System};
use crate::domain::actor::{Actor, Role};
use crate::domain::id::UserId;

/// How an actor relates to a resource.
#[derive(Clone, Copy, Debug)]
pub enum Relationship {
    /// The actor owns the resource. Users own their accounts.
    Owner,
    /// The task is assigned to the actor.
    Assignee,
    /// The actor is an administrator.
    Admin,
    /// The actor is the server itself.
    System,
}

pub(super) const SERVER_ALONE: &[Relationship] = &[System];
/// Not even the server acts for the user.
pub(super) const USER_ALONE: &[Relationship] = &[Owner];
pub(super) const OWNER: &[Relationship] = &[Owner, System];
pub(super) const ADMIN: &[Relationship] = &[Admin, System];
pub(super) const OWNER_OR_ADMIN: &[Relationship] = &[Owner, Admin, System];
/// Owner and assignee, and also administrators and the server.
pub(super) const PARTICIPANT: &[Relationship] = &[Owner, Assignee, Admin, System];

impl Relationship {
    pub(super) fn holds(self, actor: &Actor, resource: &impl Resource) -> bool {
        let is_actor = |user: Option<UserId>| user.is_some() && user == actor.user_id();
        match self {
            Owner => is_actor(resource.owner()),
            Assignee => is_actor(resource.assignee()),
            Admin => matches!(actor, Actor::User(user) if user.role == Role::Admin),
            System => matches!(actor, Actor::System),
        }
    }
}

/// A resource that an action is performed on.
pub trait Resource {
    /// Identifies the resource in a permit.
    type Subject: Copy + Debug + Display;

    /// Who may know that the resource exists, and its type in the error for all others. `None` if everyone may know.
    const VISIBLE_TO: Option<(&'static [Relationship], &'static str)> = None;

    /// The resource's identifier.
    fn subject(&self) -> Self::Subject;

    /// The user who owns it.
    fn owner(&self) -> Option<UserId>;

    /// The user it is assigned to.
    fn assignee(&self) -> Option<UserId> {
        None
    }
}

/// What one user owns and an action names: a new resource of the user, or all of a type together.
#[derive(Clone, Copy, Debug)]
pub struct Own(UserId);

impl Own {
    /// What this user owns.
    #[must_use]
    pub fn of(user: UserId) -> Self {
        Self(user)
    }
}

impl Resource for Own {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.0
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.0)
    }
}
