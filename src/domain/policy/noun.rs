//! What is seen of each noun, and by whom.

use super::action::ADMINISTRATORS_ONLY;
use super::{Noun, Reach};
use crate::domain::actor::{Actor, Role};
use crate::domain::error::{Error, Result};

/// Everything for administrators and the server, one's own for a user.
fn own_or_everything(actor: &Actor) -> Result<Reach> {
    match actor {
        Actor::System => Ok(Reach::Everything),
        Actor::User(user) if user.role == Role::Admin => Ok(Reach::Everything),
        Actor::User(user) => Ok(Reach::Of(user.id)),
        Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
    }
}

/// Everything for administrators and the server, nothing for the rest.
fn everything(actor: &Actor, refusal: &str) -> Result<Reach> {
    match own_or_everything(actor)? {
        Reach::Everything => Ok(Reach::Everything),
        Reach::Of(_) => Err(Error::Forbidden {
            message: refusal.to_owned(),
        }),
    }
}

/// Everything for the server, one's own for a user, also for administrators.
fn own_or_the_servers(actor: &Actor) -> Result<Reach> {
    match actor {
        Actor::System => Ok(Reach::Everything),
        Actor::User(user) => Ok(Reach::Of(user.id)),
        Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
    }
}

/// Tasks: those one owns or is assigned to.
#[derive(Clone, Copy, Debug)]
pub enum Tasks {}

impl Noun for Tasks {
    fn reach(actor: &Actor) -> Result<Reach> {
        own_or_everything(actor)
    }
}

/// Files: those of the tasks one sees, and one's own that belong to no task.
#[derive(Clone, Copy, Debug)]
pub enum Files {}

impl Noun for Files {
    fn reach(actor: &Actor) -> Result<Reach> {
        own_or_everything(actor)
    }
}

/// The list of all tasks, whosever they are.
#[derive(Clone, Copy, Debug)]
pub enum AllTasks {}

impl Noun for AllTasks {
    fn reach(actor: &Actor) -> Result<Reach> {
        everything(actor, "Only an administrator may list all tasks")
    }
}

/// Users: everybody signed in sees their names; the reach is how far one sees their accounts.
#[derive(Clone, Copy, Debug)]
pub enum Users {}

impl Noun for Users {
    fn reach(actor: &Actor) -> Result<Reach> {
        own_or_everything(actor)
    }
}

/// Requests with a key: one's own, also for administrators.
#[derive(Clone, Copy, Debug)]
pub enum Requests {}

impl Noun for Requests {
    fn reach(actor: &Actor) -> Result<Reach> {
        Ok(Reach::Of(actor.signed_in()?.id))
    }
}

/// Notifications: one's own, also for administrators; everything for the server.
#[derive(Clone, Copy, Debug)]
pub enum Notifications {}

impl Noun for Notifications {
    fn reach(actor: &Actor) -> Result<Reach> {
        own_or_the_servers(actor)
    }
}

/// What the server does in the background: one's own, also for administrators; everything for the server.
#[derive(Clone, Copy, Debug)]
pub enum Jobs {}

impl Noun for Jobs {
    fn reach(actor: &Actor) -> Result<Reach> {
        own_or_the_servers(actor)
    }
}

/// The list of all users.
#[derive(Clone, Copy, Debug)]
pub enum Directory {}

impl Noun for Directory {
    fn reach(actor: &Actor) -> Result<Reach> {
        everything(actor, ADMINISTRATORS_ONLY)
    }
}

/// Sessions: one's own, also for administrators.
#[derive(Clone, Copy, Debug)]
pub enum Sessions {}

impl Noun for Sessions {
    fn reach(actor: &Actor) -> Result<Reach> {
        own_or_the_servers(actor)
    }
}
