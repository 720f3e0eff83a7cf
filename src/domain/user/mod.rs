//! Users and their accounts. The use cases are in `use_cases`, those that verify e-mail addresses in `verification`.

mod lock;
mod profile;
mod use_cases;
mod verification;

use std::borrow::Cow;

pub(super) use self::lock::lock_account;
use self::profile::NAMELESS;
pub(crate) use self::profile::{CheckedUserChange, NewAccount, name_key};
pub use self::profile::{MAX_EMAIL_LENGTH, MAX_FULL_NAME_LENGTH, Registration, UserChange};
pub use self::use_cases::Users;

use super::actor::Role;
use super::clock::Timestamp;
use super::id::UserId;
use super::local_time::TimeZone;
pub use super::password::{MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH};

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's id.
    pub id: UserId,
    /// Username for signing in; `None` if the user has none.
    pub username: Option<String>,
    /// Full name; `None` if the user has none.
    pub full_name: Option<String>,
    /// Account data; `None` if the actor may not see it.
    pub account: Option<Account>,
}

impl User {
    /// Display name: the full name, else the username, else "User" and the id.
    #[must_use]
    pub fn display_name(&self) -> Cow<'_, str> {
        match self.full_name.as_deref().or(self.username.as_deref()) {
            Some(name) => name.into(),
            None => format!("{NAMELESS} {}", self.id).into(),
        }
    }
}

/// Account data, visible to the user and to administrators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// E-mail address for signing in, in lower case.
    pub email: String,
    /// Role.
    pub role: Role,
    /// Whether the account may sign in.
    pub is_active: bool,
    /// Whether the address is verified. Notifications are mailed to verified addresses only.
    pub email_verified: bool,
    /// Time zone, which defines when days begin and end.
    pub time_zone: TimeZone,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
