//! Rules for accounts, and for resources that belong to one user alone.

use super::{ADMINISTRATORS_ONLY, Action, NewUser, Own, OwnedKind, Relationship, Rule};
use crate::domain::user::User;

/// A request with an idempotency key, which its user may retry.
#[derive(Clone, Copy, Debug)]
pub enum Request {}

impl OwnedKind for Request {
    const NAME: &'static str = "request";
    const IS_PUBLIC: bool = false;
}

/// The notifications of a user.
#[derive(Clone, Copy, Debug)]
pub enum Notification {}

impl OwnedKind for Notification {
    const NAME: &'static str = "notification";
    const IS_PUBLIC: bool = false;
}

/// Background work that the server does for a user.
#[derive(Clone, Copy, Debug)]
pub enum Job {}

impl OwnedKind for Job {
    const NAME: &'static str = "background task";
    const IS_PUBLIC: bool = false;
}

const OWN_OR_ADMINISTRATOR: &str = "Only the account's own user or an administrator may do this";
const NOT_THE_OWNER: &str = "Only its user may do this";

rules! { USER_ACTIONS:
    /// Create an account. In a registration, the server creates it.
    CreateUser(NewUser): Relationship::is_admin, ADMINISTRATORS_ONLY;
    /// Change an account's e-mail, username or full name.
    EditUser(User): Relationship::is_owner_or_admin, OWN_OR_ADMINISTRATOR;
    /// Mark the e-mail address of an account as verified. When a user confirms a mailed token, the server does it.
    VerifyEmail(User): Relationship::is_admin, ADMINISTRATORS_ONLY;
    /// Send a verification mail to the e-mail address of an account.
    SendVerification(User): Relationship::is_owner, "Only the account's own user may request a verification mail";
    /// Set a new password.
    ChangePassword(User): Relationship::is_owner, "Only the account's own user may change its password";
    /// Change the role of an account.
    SetRole(User): Relationship::is_admin, ADMINISTRATORS_ONLY;
    /// Deactivate or reactivate an account.
    SetActive(User): Relationship::is_admin, ADMINISTRATORS_ONLY;
    /// Delete an account.
    DeleteUser(User): Relationship::is_admin, ADMINISTRATORS_ONLY;
    /// Start a session after the user has proved their identity.
    BeginSession(User): |who| who.system, "Sign in with a password or a refresh token";
    /// End sessions of an account.
    EndSessions(User): Relationship::is_owner_or_admin, OWN_OR_ADMINISTRATOR;
    /// Claim an idempotency key for a request, and store the response.
    RepeatRequest(Own<Request>): |who| who.owner, NOT_THE_OWNER;
    /// Mark notifications as read.
    ReadNotifications(Own<Notification>): |who| who.owner, NOT_THE_OWNER;
    /// Start background work.
    QueueJob(Own<Job>): |who| who.owner, NOT_THE_OWNER;
}
