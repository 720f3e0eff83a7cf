//! Users: their names and their accounts. The use cases that manage both are in `user/use_cases.rs`.

mod profile;
mod use_cases;
mod verification;

use std::borrow::Cow;

use self::profile::NAMELESS;
pub(crate) use self::profile::{CheckedUserChange, NewAccount, name_key};
pub use self::profile::{MAX_EMAIL_LENGTH, MAX_FULL_NAME_LENGTH, Registration, UserChange};
pub use self::use_cases::Users;

use super::actor::Role;
use super::clock::Timestamp;
use super::id::UserId;
use super::local_time::TimeZone;
use super::page::{Sort, SortField};
pub use super::password::{MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH};

/// Somebody with an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Their number.
    pub id: UserId,
    /// The name they sign in with, if they chose one.
    pub username: Option<String>,
    /// Their name.
    pub full_name: Option<String>,
    /// The account behind the name; only where the actor may see it.
    pub account: Option<Account>,
}

impl User {
    /// What the user is called: the full name, else the username, else "User" and the number.
    #[must_use]
    pub fn display_name(&self) -> Cow<'_, str> {
        match self.full_name.as_deref().or(self.username.as_deref()) {
            Some(name) => name.into(),
            None => format!("{NAMELESS} {}", self.id).into(),
        }
    }
}

/// What only oneself and administrators see of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The address they sign in with, in lower case.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub is_active: bool,
    /// Whether the address is verified. Only then notifications are sent to it.
    pub email_verified: bool,
    /// In which zone their days begin and end.
    pub time_zone: TimeZone,
    /// When the account was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A column that users can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserSortField {
    /// By their number: the order in which they came.
    Id,
}

impl SortField for UserSortField {
    fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
        }
    }
}

/// One step of a user list's order.
pub type UserSort = Sort<UserSortField>;
