//! Who may do what. Nothing outside this file decides it.
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
//! What one may not see is [`Error::NotFound`]; what one sees but may not do is [`Error::Forbidden`].

use std::fmt::Debug;
use std::marker::PhantomData;

use super::actor::{Actor, Role};
use super::error::{Error, Result};
use super::id::{TaskId, UserId};
use super::task::Task;
use super::user::User;

// ---------------------------------------------------------------------------------------------
// How an actor stands to a resource

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
            admin: is_admin(actor),
            system: matches!(actor, Actor::System),
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

/// `Allowed` for those who take part in a task; the rest do not see it.
fn participants(who: Standing) -> Verdict {
    if who.takes_part() {
        Verdict::Allowed
    } else {
        Verdict::Hidden
    }
}

/// `Allowed` for administrators; everybody sees accounts, so the rest are told.
fn administrators(who: Standing) -> Verdict {
    if who.manages() {
        Verdict::Allowed
    } else {
        Verdict::Refused("Only an administrator may do this")
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

// ---------------------------------------------------------------------------------------------
// Resources

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

/// An account that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewUser;

impl Resource for NewUser {
    type Subject = ();

    fn subject(&self) {}

    fn standing(&self, actor: &Actor) -> Standing {
        Standing {
            admin: is_admin(actor),
            system: matches!(actor, Actor::System),
            ..Standing::default()
        }
    }

    fn hidden(&self) -> Error {
        Error::not_found("user", "")
    }
}

// ---------------------------------------------------------------------------------------------
// Actions: the table "who may do what", a row an `impl`

/// Something that can be done, and the rule for it.
pub trait Action: Debug {
    /// To what it is done.
    type On: Resource;

    /// Whether somebody who stands so may do it.
    fn verdict(&self, who: Standing) -> Verdict;
}

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

// ---------------------------------------------------------------------------------------------
// Permits

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

// ---------------------------------------------------------------------------------------------
// Scopes

/// A noun that can be read, and how far an actor's sight reaches.
pub trait Noun {
    /// How far `actor` sees.
    fn reach(actor: &Actor) -> Result<Reach>;
}

/// How far a sight reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// All there is.
    Everything,
    /// What concerns this user.
    Of(UserId),
}

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

/// Tasks: those one owns or is assigned to.
#[derive(Clone, Copy, Debug)]
pub enum Tasks {}

impl Noun for Tasks {
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

/// The list of all users.
#[derive(Clone, Copy, Debug)]
pub enum Directory {}

impl Noun for Directory {
    fn reach(actor: &Actor) -> Result<Reach> {
        everything(actor, "Only an administrator may list the users")
    }
}

/// Sessions: one's own, also for administrators.
#[derive(Clone, Copy, Debug)]
pub enum Sessions {}

impl Noun for Sessions {
    fn reach(actor: &Actor) -> Result<Reach> {
        match actor {
            Actor::System => Ok(Reach::Everything),
            Actor::User(user) => Ok(Reach::Of(user.id)),
            Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
        }
    }
}

/// What signing in needs to know before anybody is signed in: password and token digests.
/// Only the server itself reads it.
#[derive(Clone, Copy, Debug)]
pub enum Credentials {}

impl Noun for Credentials {
    fn reach(actor: &Actor) -> Result<Reach> {
        match actor {
            Actor::System => Ok(Reach::Everything),
            Actor::User(_) => Err(Error::Forbidden {
                message: "Credentials are not shown".to_owned(),
            }),
            Actor::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
        }
    }
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

impl Scope<Credentials> {
    /// Whoever checks credentials sees whose they are.
    #[must_use]
    pub fn users(&self) -> Scope<Users> {
        Scope {
            reach: self.reach,
            noun: PhantomData,
        }
    }
}

impl Scope<Directory> {
    /// Whoever may list all users sees their accounts.
    #[must_use]
    pub fn users(&self) -> Scope<Users> {
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
