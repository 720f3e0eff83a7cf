//! The actor of a request.

use std::time::Duration;

use tokio::time::Instant;

use super::error::{Error, Result, SignedOut};
use super::id::{SessionId, UserId};
use super::local_time::{DEFAULT_TIME_ZONE, TimeZone};
use super::named_enum::named_enum;

named_enum! {
    /// The role of an account, with its name in the database and in REST.
    Role {
        /// Sees and changes tasks that they own or are assigned to.
        User = "user",
        /// Sees and manages all data.
        Admin = "admin",
    }
}

/// A signed-in user. The role is read from the database for every request, so changes apply at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SignedIn {
    /// The user's id.
    pub id: UserId,
    /// Role, as of this request.
    pub role: Role,
    /// The session of the token.
    pub session: SessionId,
    /// Time zone, as of this request.
    pub time_zone: TimeZone,
    /// The stamp of all accounts, as of this request; `None` if the actor outlives the request.
    pub users: Option<UsersStamp>,
}

/// A number that changes with every change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsersStamp(pub(crate) i64);

/// A stamp, and when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadStamp {
    stamp: UsersStamp,
    read_at: Instant,
}

impl ReadStamp {
    /// `read_at` is not after the read.
    pub(crate) fn new(stamp: UsersStamp, read_at: Instant) -> Self {
        Self { stamp, read_at }
    }

    /// The stamp, unless it was read longer ago.
    pub(crate) fn within(self, time: Duration) -> Option<UsersStamp> {
        (self.read_at.elapsed() < time).then_some(self.stamp)
    }
}

/// Account data that is read for every request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AccountState {
    pub(crate) role: Role,
    pub(crate) time_zone: TimeZone,
    pub(crate) users: UsersStamp,
}

/// The actor, which is the first argument of every use case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Actor {
    /// Not signed in, for this reason.
    Anonymous(SignedOut),
    /// A signed-in user.
    User(SignedIn),
    /// The server itself, including its command line and background jobs.
    System,
}

impl Actor {
    /// The signed-in user, or `Unauthenticated` with the reason.
    pub fn signed_in(&self) -> Result<SignedIn> {
        match self {
            Self::User(user) => Ok(*user),
            Self::Anonymous(reason) => Err(Error::Unauthenticated(*reason)),
            Self::System => Err(Error::Unauthenticated(SignedOut::NoToken)),
        }
    }

    /// The stamp of all accounts; `None` if the actor outlives the request.
    pub(crate) fn users_stamp(&self) -> Option<UsersStamp> {
        self.signed_in().ok()?.users
    }

    /// The actor of an event, with the stamp that was read with the event.
    #[must_use]
    pub(crate) fn with_stamp(mut self, users: Option<UsersStamp>) -> Self {
        if let Self::User(user) = &mut self {
            user.users = users;
        }
        self
    }

    /// For an actor that outlives the request, or a request that changes accounts before it reads them.
    #[must_use]
    pub(crate) fn without_stamp(self) -> Self {
        self.with_stamp(None)
    }

    /// The time zone of the user; UTC for other actors.
    #[must_use]
    pub fn time_zone(&self) -> TimeZone {
        self.signed_in().map_or(DEFAULT_TIME_ZONE, |user| user.time_zone)
    }

    /// The user's id; `None` for other actors.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        self.signed_in().ok().map(|user| user.id)
    }
}
