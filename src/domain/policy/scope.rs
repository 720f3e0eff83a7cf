//! What an actor sees of each resource type.

use std::marker::PhantomData;

use crate::domain::actor::{Actor, Role};
use crate::domain::error::{Error, Result};
use crate::domain::id::UserId;

/// The visible part of a resource type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// Everything that exists.
    Everything,
    /// Resources that this user owns or is assigned to.
    Of(UserId),
}

impl Visibility {
    pub(super) fn includes(self, is_theirs: impl FnOnce(UserId) -> bool) -> bool {
        match self {
            Self::Everything => true,
            Self::Of(user) => is_theirs(user),
        }
    }
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
    pub(super) fn new(visibility: Visibility) -> Self {
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

pub(super) fn own_or_everything(actor: &Actor) -> Result<Visibility> {
    match actor {
        Actor::User(user) if user.role == Role::Admin => Ok(Visibility::Everything),
        actor => own(actor),
    }
}

pub(super) fn everything(actor: &Actor, refusal: &str) -> Result<Visibility> {
    match own_or_everything(actor)? {
        Visibility::Everything => Ok(Visibility::Everything),
        Visibility::Of(_) => Err(Error::forbidden(refusal)),
    }
}

pub(super) fn own(actor: &Actor) -> Result<Visibility> {
    match actor {
        Actor::System => Ok(Visibility::Everything),
        Actor::User(user) => Ok(Visibility::Of(user.id)),
        Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
    }
}
