//! Who may do what. Nothing outside this module decides it: the table of actions is in `policy/action/`, what is
//! seen of each noun in `policy/noun.rs`, and how an actor stands to a thing in `policy/resource.rs`.
//!
//! [`permit`] answers "may this actor do this to that?" with a [`Permit`]; [`scope`] answers
//! "what of this noun may the actor see?" with a [`Scope`]. The store's writes demand the first,
//! its reads the second, and both can be made only here: code that skips the policy does not
//! compile.
//!
//! A permit comes from the policy:
//!
//! ```
//! use taskwire::domain::actor::Actor;
//! use taskwire::domain::id::UserId;
//! use taskwire::domain::policy::{CreateTask, NewTask, Permit, permit};
//!
//! let permit: Permit<CreateTask> = permit(&Actor::System, CreateTask, &NewTask { owner: UserId(1) })?;
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
//! use taskwire::domain::policy::{Reach, Scope, Tasks};
//!
//! let scope: Scope<Tasks> = Scope { reach: Reach::Everything, noun: std::marker::PhantomData };
//! ```
//!
//! What only the server itself does takes a [`System`], which the policy gives to the server's own actor:
//!
//! ```compile_fail,E0423
//! use taskwire::domain::policy::System;
//!
//! let system = System(());
//! ```
//!
//! What one may not see is [`Error::NotFound`]; what one sees but may not do is [`Error::Forbidden`].

mod action;
mod noun;
mod resource;

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::marker::PhantomData;

pub use self::action::*;
pub use self::noun::*;
pub use self::resource::*;

use super::actor::{Actor, Role};
use super::error::{Error, Result};
use super::id::UserId;
use super::task::Task;

/// How the asker stands to a thing. More than one may be true.
#[derive(Clone, Copy, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and rules read them by name"
)]
pub struct Standing {
    /// The task is theirs, or the account is their own.
    pub owner: bool,
    /// The task is assigned to them.
    pub assignee: bool,
    /// They are an administrator.
    pub admin: bool,
    /// It is the server itself.
    pub system: bool,
}

impl Standing {
    fn new(actor: &Actor, owner: UserId, assignee: Option<UserId>) -> Self {
        let id = actor.user_id();
        Self {
            owner: id == Some(owner),
            assignee: id.is_some() && id == assignee,
            ..Self::by_rank(actor)
        }
    }

    /// To what belongs to nobody.
    fn by_rank(actor: &Actor) -> Self {
        Self {
            admin: is_admin(actor),
            system: matches!(actor, Actor::System),
            ..Self::default()
        }
    }

    /// Owner, assignee, administrator or the server.
    fn takes_part(self) -> bool {
        self.owner || self.assignee || self.manages()
    }

    /// Administrator or the server.
    fn manages(self) -> bool {
        self.admin || self.system
    }
}

fn is_admin(actor: &Actor) -> bool {
    matches!(actor, Actor::User(user) if user.role == Role::Admin)
}

/// What the rules say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be done.
    Allowed,
    /// The asker may not even know that the thing exists.
    Hidden,
    /// The asker sees the thing, but not this; the text says who may.
    Refused(&'static str),
}

/// Something an action can be done to.
pub trait Resource {
    /// What a permit for it remembers.
    type Subject: Copy + Debug;

    /// Which one it is.
    fn subject(&self) -> Self::Subject;

    /// How `actor` stands to it.
    fn standing(&self, actor: &Actor) -> Standing;

    /// The answer to somebody who may not know of it.
    fn hidden(&self) -> Error;
}

/// Something that can be done, and the rule for it.
pub trait Action: Debug {
    /// To what it is done.
    type On: Resource;

    /// Whether somebody who stands so may do it.
    fn verdict(&self, who: Standing) -> Verdict;
}

/// The policy's word that `A` may be done to one thing.
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

    /// The one thing it was permitted on.
    pub fn subject(&self) -> <A::On as Resource>::Subject {
        self.subject
    }

    /// The user it was permitted to; `None` for the server itself.
    pub fn actor(&self) -> Option<UserId> {
        self.actor
    }
}

/// The policy's word that the server itself acts, or someone who runs it from the command line. It is demanded by what
/// no account may do: run jobs, prune the log, read credentials, take and restore backups.
#[derive(Debug)]
pub struct System(());

impl System {
    /// The server sees every user.
    #[must_use]
    pub fn users(&self) -> Scope<Users> {
        Scope {
            reach: Reach::Everything,
            noun: PhantomData,
        }
    }
}

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

/// Asks whether `actor` may do `action` to `on`.
pub fn permit<A: Action>(actor: &Actor, action: A, on: &A::On) -> Result<Permit<A>> {
    if let Actor::Anonymous(reason) = actor {
        return Err(Error::Unauthenticated(*reason));
    }
    match action.verdict(on.standing(actor)) {
        Verdict::Allowed => Ok(Permit {
            action,
            subject: on.subject(),
            actor: actor.user_id(),
        }),
        Verdict::Hidden => Err(on.hidden()),
        Verdict::Refused(message) => Err(Error::Forbidden {
            message: message.to_owned(),
        }),
    }
}

/// A noun that can be read, and how far an actor's sight reaches.
pub trait Noun {
    /// How far `actor` sees.
    fn reach(actor: &Actor) -> Result<Reach>;
}

/// How far a sight reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reach {
    /// All there is.
    Everything,
    /// What concerns this user.
    Of(UserId),
}

/// The policy's word on how much of a noun may be read. The store makes its WHERE clause of it.
#[derive(Debug)]
pub struct Scope<N: Noun> {
    reach: Reach,
    noun: PhantomData<fn() -> N>,
}

impl<N: Noun> Scope<N> {
    /// How far it reaches.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.reach
    }
}

impl Scope<Users> {
    /// Whether the e-mail, role and activity of this account may be seen.
    #[must_use]
    pub fn sees_account(&self, id: UserId) -> bool {
        match self.reach {
            Reach::Everything => true,
            Reach::Of(own) => own == id,
        }
    }
}

impl Scope<Tasks> {
    /// Whether an event with this audience may be told.
    #[must_use]
    pub fn hears(&self, audience: &BTreeSet<UserId>) -> bool {
        match self.reach {
            Reach::Everything => true,
            Reach::Of(user) => audience.contains(&user),
        }
    }

    /// Whether a task may be seen.
    #[must_use]
    pub fn sees(&self, task: &Task) -> bool {
        match self.reach {
            Reach::Everything => true,
            Reach::Of(user) => task.owner_id == user || task.assignee_id == Some(user),
        }
    }
}

impl Scope<Files> {
    /// Whoever sees files sees those of the tasks that they see.
    #[must_use]
    pub fn tasks(&self) -> Scope<Tasks> {
        Scope {
            reach: self.reach,
            noun: PhantomData,
        }
    }
}

/// Asks how much of `N` `actor` may see.
pub fn scope<N: Noun>(actor: &Actor) -> Result<Scope<N>> {
    Ok(Scope {
        reach: N::reach(actor)?,
        noun: PhantomData,
    })
}
