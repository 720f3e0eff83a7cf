//! Who may do what. Nothing outside this module decides it.
//!
//! [`permit`] returns a [`Permit`] if an actor may do an action to a resource; [`scope`] returns a [`Scope`], which says
//! what the actor may see of a resource type. The store's writes require the first and its reads the second. Both can be
//! created only here, so code that skips the policy does not compile.
//!
//! | module | content |
//! |---|---|
//! | `task`, `attachment`, `user` | the rules of each noun, as a table |
//! | `resource` | what actions are done to, and how an actor relates to it |
//! | `scope` | what is visible of each resource type |
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
//! and from nowhere else; its fields are private:
//!
//! ```compile_fail,E0451
//! use taskwire::domain::id::UserId;
//! use taskwire::domain::policy::{CreateTask, Permit};
//!
//! let permit: Permit<CreateTask> = Permit { action: CreateTask, subject: UserId(1), actor: None };
//! ```
//!
//! The same holds for a scope:
//!
//! ```compile_fail,E0451
//! use taskwire::domain::policy::{Scope, Tasks, Visibility};
//!
//! let scope: Scope<Tasks> = Scope { visibility: Visibility::Everything, resource: std::marker::PhantomData };
//! ```
//!
//! What only the server does requires a [`System`], which the policy gives to the server's own actor:
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

pub use self::attachment::*;
pub use self::resource::*;
pub use self::scope::*;
pub use self::task::*;
pub use self::user::*;
use super::actor::Actor;
use super::error::{Error, Result};
use super::id::UserId;

/// The answer to others about what only administrators may do.
const ADMINISTRATORS_ONLY: &str = "Only an administrator may do this";

/// Something that can be done, and the rule for it.
pub trait Action: Debug {
    /// What it is done to.
    type On: Resource;

    /// Who may do it.
    fn rule(&self) -> Rule;
}

/// Who may do something.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    allows: fn(Relationship) -> bool,
    /// The answer to those who see the resource but may not do this.
    refusal: &'static str,
}

/// The rules of one noun. A row has the action, what it is done to, who may do it, and the answer to others who see the
/// resource.
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

// After the macro, which they use.
mod attachment;
mod task;
mod user;

/// Proof that `A` may be done to one resource.
#[derive(Debug)]
pub struct Permit<A: Action> {
    action: A,
    subject: <A::On as Resource>::Subject,
    actor: Option<UserId>,
}

impl<A: Action> Permit<A> {
    /// What was permitted.
    pub fn action(&self) -> &A {
        &self.action
    }

    /// The one resource it was permitted on.
    pub fn subject(&self) -> <A::On as Resource>::Subject {
        self.subject
    }

    /// The user it was permitted to; `None` for the server itself.
    pub fn actor(&self) -> Option<UserId> {
        self.actor
    }
}

/// Asks whether `actor` may do `action` to `on`.
pub fn permit<A: Action>(actor: &Actor, action: A, on: &A::On) -> Result<Permit<A>> {
    if let Actor::Anonymous(reason) = actor {
        return Err(Error::Unauthenticated(*reason));
    }
    let (who, rule) = (on.relationship(actor), action.rule());
    if !A::On::is_visible(who) {
        return Err(on.not_found());
    }
    if !(rule.allows)(who) {
        return Err(Error::Forbidden {
            message: rule.refusal.to_owned(),
        });
    }
    Ok(Permit {
        action,
        subject: on.subject(),
        actor: actor.user_id(),
    })
}

/// Proof that the server itself acts, or someone who runs it from the command line. It is required by what no account
/// may do: run jobs, append to the event log, read credentials, take and restore backups.
#[derive(Debug)]
pub struct System(());

/// Asks whether `actor` is the server itself.
pub fn system(actor: &Actor) -> Result<System> {
    match actor {
        Actor::System => Ok(System(())),
        Actor::User(_) => Err(Error::Forbidden {
            message: "Only the server itself may do this".to_owned(),
        }),
        Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
    }
}
