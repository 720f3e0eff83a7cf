//! What an actor sees of each resource type.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use super::{ADMINISTRATORS_ONLY, System};
use crate::domain::actor::{Actor, Role};
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;
use crate::domain::task::Task;

/// The visible part of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everything that exists.
    Everything,
    /// Resources that this user owns or is assigned to.
    Of(UserId),
}

/// A resource type that can be read.
pub trait ResourceType {
    /// The part of it that `actor` sees.
    fn visibility(actor: &Actor) -> Result<Visibility>;
}

/// Proof of what may be read of a resource type. The store turns it into a WHERE clause.
#[derive(Debug)]
pub struct Scope<R: ResourceType> {
    visibility: Visibility,
    resource: PhantomData<fn() -> R>,
}

impl<R: ResourceType> Scope<R> {
    fn new(visibility: Visibility) -> Self {
        Self {
            visibility,
            resource: PhantomData,
        }
    }

    /// The visible part.
    #[must_use]
    pub fn visibility(&self) -> Visibility {
        self.visibility
    }
}

/// The scope of `actor` on `R`; fails if the actor may not read it at all.
pub fn scope<R: ResourceType>(actor: &Actor) -> Result<Scope<R>> {
    R::visibility(actor).map(Scope::new)
}

/// The resource types, each with the function that computes its visibility.
macro_rules! visible {
    ($($(#[doc = $doc:literal])* $resource:ident: $visibility:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $resource {}

        impl ResourceType for $resource {
            fn visibility(actor: &Actor) -> Result<Visibility> {
                $visibility(actor)
            }
        }
    )*};
}

visible! {
    /// Tasks that the user owns or is assigned to; all for administrators.
    Tasks: own_or_everything;
    /// Files of visible tasks, and the user's own files that belong to no task; all for administrators.
    Files: own_or_everything;
    /// The list of all tasks.
    AllTasks: |actor| everything(actor, "Only an administrator may list all tasks");
    /// Users. All signed-in users see names; the visibility says whose accounts they see.
    Users: own_or_everything;
    /// The list of all users.
    Directory: |actor| everything(actor, ADMINISTRATORS_ONLY);
    /// Sessions of the user, also for administrators.
    Sessions: own;
    /// Requests of the user with an idempotency key, also for administrators.
    Requests: |actor: &Actor| Ok(Visibility::Of(actor.signed_in()?.id));
    /// Notifications of the user, also for administrators.
    Notifications: own;
    /// Background tasks of the user, also for administrators.
    Jobs: own;
}

fn own_or_everything(actor: &Actor) -> Result<Visibility> {
    match actor {
        Actor::User(user) if user.role == Role::Admin => Ok(Visibility::Everything),
        actor => own(actor),
    }
}

fn everything(actor: &Actor, refusal: &str) -> Result<Visibility> {
    match own_or_everything(actor)? {
        Visibility::Everything => Ok(Visibility::Everything),
        Visibility::Of(_) => Err(Error::Forbidden {
            message: refusal.to_owned(),
        }),
    }
}

fn own(actor: &Actor) -> Result<Visibility> {
    match actor {
        Actor::System => Ok(Visibility::Everything),
        Actor::User(user) => Ok(Visibility::Of(user.id)),
        Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
    }
}

impl System {
    /// The server sees every user.
    #[must_use]
    pub fn users(&self) -> Scope<Users> {
        Scope::new(Visibility::Everything)
    }
}

impl Scope<Users> {
    /// Whether the e-mail, role and activity of this account are visible.
    #[must_use]
    pub fn sees_account(&self, id: UserId) -> bool {
        match self.visibility {
            Visibility::Everything => true,
            Visibility::Of(own) => own == id,
        }
    }
}

impl Scope<Tasks> {
    /// Whether an event with this audience may be received.
    #[must_use]
    pub fn can_receive(&self, audience: &BTreeSet<UserId>) -> bool {
        match self.visibility {
            Visibility::Everything => true,
            Visibility::Of(user) => audience.contains(&user),
        }
    }

    /// Whether a task is visible.
    #[must_use]
    pub fn sees(&self, task: &Task) -> bool {
        match self.visibility {
            Visibility::Everything => true,
            Visibility::Of(user) => task.owner_id == user || task.assignee_id == Some(user),
        }
    }
}

impl Scope<Files> {
    /// The tasks whose files are visible.
    #[must_use]
    pub fn tasks(&self) -> Scope<Tasks> {
        Scope::new(self.visibility)
    }
}
