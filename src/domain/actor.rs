//! Who asks.

use super::error::{Error, Result, SignedOut};
use super::id::{SessionId, UserId};
use super::local_time::{DEFAULT_TIME_ZONE, TimeZone};

/// What an account may do beyond its own tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Works with the tasks it owns or is assigned to.
    User,
    /// Sees and manages everything.
    Admin,
}

impl Role {
    /// Every role, with the name that is stored and that REST shows.
    pub const ALL: [Self; 2] = [Self::User, Self::Admin];

    /// The name that is stored and that REST shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Admin => "admin",
        }
    }
}

/// A signed-in user. The role is read anew for every request, so a demotion counts at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignedIn {
    /// Who it is.
    pub id: UserId,
    /// What they may do, as of this request.
    pub role: Role,
    /// The session whose token they showed.
    pub session: SessionId,
    /// In which zone their days begin and end, as of this request.
    pub time_zone: TimeZone,
    /// The stamp of all accounts, as of this request; `None` where an actor outlives it.
    pub users: Option<UsersStamp>,
}

/// A number that changes with every change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsersStamp(pub(crate) i64);

/// What an account says of its user, read anew for every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountState {
    pub(crate) role: Role,
    pub(crate) time_zone: TimeZone,
    pub(crate) users: UsersStamp,
}

/// Who asks: the first argument of every use case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Nobody is signed in, for the reason given.
    Anonymous(SignedOut),
    /// A signed-in user.
    User(SignedIn),
    /// The server itself: its command line and background work.
    System,
}

impl Actor {
    /// The signed-in user, or the error that says why there is none.
    pub fn signed_in(&self) -> Result<SignedIn> {
        match self {
            Self::User(user) => Ok(*user),
            Self::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
            Self::System => Err(Error::Unauthenticated(SignedOut::NoToken)),
        }
    }

    /// The stamp of all accounts, where the actor does not outlive a request.
    pub(crate) fn users_stamp(&self) -> Option<UsersStamp> {
        match self {
            Self::User(user) => user.users,
            Self::Anonymous(_) | Self::System => None,
        }
    }

    /// The same actor where it outlives the request, or the request changes accounts before it shows them.
    #[must_use]
    pub(crate) fn without_stamp(mut self) -> Self {
        if let Self::User(user) = &mut self {
            user.users = None;
        }
        self
    }

    /// The time zone of the user; UTC for the server and for nobody.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        match self {
            Self::User(user) => user.time_zone,
            Self::Anonymous(_) | Self::System => DEFAULT_TIME_ZONE,
        }
    }

    /// The user's id, if a user asks.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user.id),
            Self::Anonymous(_) | Self::System => None,
        }
    }
}
