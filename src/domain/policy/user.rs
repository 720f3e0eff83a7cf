//! Accounts, and resources that belong to one user alone: rules and visibility.

use super::Refusal::{self, Forbidden, NotFound};
use super::resource::{ADMIN, OWNER, OWNER_OR_ADMIN, SERVER_ALONE, USER_ALONE};
use super::scope::{everything, own, own_or_everything};
use super::{Action, Own, Resource, Rule, Scope, System, Visibility};
use crate::domain::actor::Actor;
use crate::domain::id::{Identifier as _, NotificationId, UserId};
use crate::domain::job::JobId;
use crate::domain::user::User;

impl Resource for User {
    type Subject = UserId;

    fn subject(&self) -> UserId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.id)
    }
}

/// An account that does not exist yet.
#[derive(Clone, Copy, Debug)]
pub struct NewUser;

impl Resource for NewUser {
    type Subject = &'static str;

    fn subject(&self) -> &'static str {
        ""
    }

    fn owner(&self) -> Option<UserId> {
        None
    }
}

visible! {
    /// Users. All signed-in users see names; the visibility says whose accounts they see.
    Users: own_or_everything;
    /// The list of all users.
    Directory: |actor| everything(actor, super::ADMINISTRATORS_ONLY);
    /// Sessions of the user, also for administrators.
    Sessions: own;
    /// Requests of the user with an idempotency key, also for administrators.
    Requests: |actor: &Actor| Ok(Visibility::Of(actor.signed_in()?.id));
    /// Notifications of the user, also for administrators.
    Notifications: own;
    /// Background tasks of the user, also for administrators.
    Jobs: own;
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
        self.visibility().includes(|user| user == id)
    }
}

const NOT_AN_ADMINISTRATOR: Refusal = Forbidden(super::ADMINISTRATORS_ONLY);
const NOT_THE_USER: Refusal = Forbidden("Only the account's own user or an administrator may do this");

rules! { USER_ACTIONS:
    /// Create an account. In a registration, the server creates it.
    CreateUser(NewUser): ADMIN, NOT_AN_ADMINISTRATOR;
    /// Change an account's e-mail, username or full name.
    EditUser(User): OWNER_OR_ADMIN, NOT_THE_USER;
    /// Mark the e-mail address of an account as verified. When a user confirms a mailed token, the server does it.
    VerifyEmail(User): ADMIN, NOT_AN_ADMINISTRATOR;
    /// Send a verification mail to the e-mail address of an account.
    SendVerification(User): OWNER, Forbidden("Only the account's own user may request a verification mail");
    /// Set a new password.
    ChangePassword(User): OWNER, Forbidden("Only the account's own user may change its password");
    /// Change the role of an account.
    SetRole(User): ADMIN, NOT_AN_ADMINISTRATOR;
    /// Deactivate or reactivate an account.
    SetActive(User): ADMIN, NOT_AN_ADMINISTRATOR;
    /// Delete an account.
    DeleteUser(User): ADMIN, NOT_AN_ADMINISTRATOR;
    /// Start a session after the user has proved their identity.
    BeginSession(User): SERVER_ALONE, Forbidden("Sign in with a password or a refresh token");
    /// End sessions of an account.
    EndSessions(User): OWNER_OR_ADMIN, NOT_THE_USER;
    /// Claim an idempotency key for a request, and store the response.
    RepeatRequest(Own): USER_ALONE, NotFound("Request");
    /// Mark notifications as read.
    ReadNotifications(Own): USER_ALONE, NotFound(NotificationId::RESOURCE);
    /// Start background work.
    QueueJob(Own): USER_ALONE, NotFound(JobId::RESOURCE);
}
