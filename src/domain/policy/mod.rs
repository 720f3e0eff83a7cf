//! Authorization: who may do what. No other module decides it.
//!
//! [`permit`] returns a [`Permit`] if an actor may perform an action on a resource. [`scope`] returns a [`Scope`]: what
//! the actor may see of a resource type. [`system`] returns a [`System`] to the server itself. Writes of the store and new
//! events require a permit, reads require a scope, and what no account may do requires a [`System`]. All three can be
//! created only here, so code that skips the policy does not compile.
//!
//! | module | content |
//! |---|---|
//! | one module for each resource type | a table of rules, and what is visible of it |
//! | `resource` | how an actor relates to a resource |
//! | `scope` | the visible part of a resource type |
//!
//! A permit comes from the policy:
//!
//! ```
//! use taskwire::domain::actor::Actor;
//! use taskwire::domain::id::UserId;
//! use taskwire::domain::policy::{CreateTask, Own, Permit, permit};
//!
//! let permit: Permit<CreateTask> = permit(&Actor::System, CreateTask, &Own::of(UserId(1)))?;
//! # Ok::<(), taskwire::domain::error::Error>(())
//! ```
//!
//! No other module can create one, because its fields are private:
//!
//! ```compile_fail,E0451
//! use taskwire::domain::id::UserId;
//! use taskwire::domain::policy::{CreateTask, Permit};
//!
//! let permit: Permit<CreateTask> = Permit { action: std::marker::PhantomData, subject: UserId(1), actor: None };
//! ```
//!
//! Nor can it create a scope:
//!
//! ```compile_fail,E0451
//! use taskwire::domain::policy::{Scope, Tasks, Visibility};
//!
//! let scope: Scope<Tasks> = Scope { visibility: Visibility::Everything, resource: std::marker::PhantomData };
//! ```
//!
//! What only the server may do requires a [`System`], which the policy gives only to the server's own actor:
//!
//! ```compile_fail,E0423
//! use taskwire::domain::policy::System;
//!
//! let system = System(());
//! ```
//!
//! What an actor may not see is [`Error::NotFound`]; what it sees but may not do is [`Error::Forbidden`].

mod resource;
mod scope;

use std::fmt::Debug;
use std::marker::PhantomData;

pub use self::attachment::*;
pub use self::resource::*;
pub use self::scope::*;
pub use self::task::*;
pub use self::user::*;
use super::actor::Actor;
use super::error::{Error, Result};
use super::id::UserId;

const ADMINISTRATORS_ONLY: &str = "Only an administrator may do this";

/// An action, with its rule.
pub trait Action: Debug {
    /// The resource it is performed on.
    type On: Resource;

    /// Who may do it.
    fn rule(&self) -> Rule;
}

/// Who may do an action.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Any one of these suffices.
    allows: &'static [Relationship],
    refusal: Refusal,
}

/// The error for actors who see the resource but may not do this.
#[derive(Clone, Copy, Debug)]
enum Refusal {
    /// With this message.
    Forbidden(&'static str),
    /// There is no such resource of this type.
    NotFound(&'static str),
}

/// The rules of one resource type. A row has the action, its resource, who may do it, and the error for actors who see
/// the resource but may not do it.
macro_rules! rules {
    ($list:ident: $($(#[doc = $doc:literal])* $action:ident ($on:ty): $allows:expr, $refusal:expr;)*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $action;

            impl Action for $action {
                type On = $on;

                fn rule(&self) -> Rule {
                    Rule { allows: $allows, refusal: $refusal }
                }
            }
        )*

        /// The names of these actions.
        pub const $list: &[&str] = &[$(stringify!($action)),*];
    };
}

/// The resource types, each with the function that computes its visibility.
macro_rules! visible {
    ($($(#[doc = $doc:literal])* $resource:ident: $visibility:expr;)*) => {$(
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $resource {}

        impl $crate::domain::policy::ResourceType for $resource {
            fn visibility(
                actor: &$crate::domain::actor::Actor,
            ) -> $crate::domain::error::Result<$crate::domain::policy::Visibility> {
                $visibility(actor)
            }
        }
    )*};
}

// The modules use the macros above, so they come after them.
mod attachment;
mod task;
mod user;

/// Proof that the actor may perform `A` on one resource.
#[derive(Debug)]
pub struct Permit<A: Action> {
    action: PhantomData<A>,
    subject: <A::On as Resource>::Subject,
    actor: Option<UserId>,
}

impl<A: Action> Permit<A> {
    /// The resource it is permitted on.
    pub fn subject(&self) -> <A::On as Resource>::Subject {
        self.subject
    }

    /// The user it is permitted to; `None` for the server itself.
    pub fn actor(&self) -> Option<UserId> {
        self.actor
    }
}

/// Permits `action` on `on`, or fails with `NotFound` or `Forbidden`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers name the action, which is a value without data"
)]
pub fn permit<A: Action>(actor: &Actor, action: A, on: &A::On) -> Result<Permit<A>> {
    if let Actor::Anonymous(reason) = actor {
        return Err(Error::Unauthenticated(*reason));
    }
    let is_any_of = |relationships: &[Relationship]| relationships.iter().any(|one| one.holds(actor, on));
    if let Some((visible_to, name)) = A::On::VISIBLE_TO
        && !is_any_of(visible_to)
    {
        return Err(Error::absent(name, on.subject()));
    }
    let rule = action.rule();
    if !is_any_of(rule.allows) {
        return Err(match rule.refusal {
            Refusal::Forbidden(message) => Error::forbidden(message),
            Refusal::NotFound(name) => Error::absent(name, ""),
        });
    }
    Ok(Permit {
        action: PhantomData,
        subject: on.subject(),
        actor: actor.user_id(),
    })
}

/// Proof that the actor is the server itself or its command line. Required by what no account may do: run jobs, prune
/// the event log, read credentials, create and restore backups.
#[derive(Debug)]
pub struct System(());

/// Fails unless `actor` is the server itself.
pub fn system(actor: &Actor) -> Result<System> {
    match actor {
        Actor::System => Ok(System(())),
        Actor::User(_) => Err(Error::forbidden("Only the server itself may do this")),
        Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
    }
}
