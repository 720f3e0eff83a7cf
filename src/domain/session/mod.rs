//! Sessions: registration, login, logout, and identities.
//!
//! Each refresh token works once: using it creates the next one of the same family. If a used token arrives again after
//! a grace period for retries, it was stolen, and the whole family ends.

mod password;
mod slow_down;
mod use_cases;

pub use self::use_cases::Sessions;
pub(super) use self::use_cases::{identify, state_of};
pub(super) use password::ShownPassword;
pub(super) use slow_down::forgive_account;

use std::net::IpAddr;

use chrono::TimeDelta;
use sha2::{Digest as _, Sha256};

use super::actor::Actor;
use super::clock::Timestamp;
use super::error::SignedOut;
use super::id::SessionId;
use super::user::User;

/// How long a used refresh token counts as a retry instead of a theft.
const GRACE: TimeDelta = TimeDelta::seconds(10);
/// Random bytes of a refresh token.
const REFRESH_TOKEN_BYTES: usize = 32;
/// Random bytes of a family's name.
const FAMILY_BYTES: usize = 16;
/// Maximum number of stored characters of a user agent.
const MAX_USER_AGENT_LENGTH: usize = 255;

/// The client that signs in.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// The `User-Agent` header.
    pub user_agent: Option<String>,
    /// The IP address.
    pub ip: Option<IpAddr>,
}

/// The tokens of a session.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Sent with every request.
    pub access_token: String,
    /// Can be exchanged once for new tokens.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// Lifetime of the access token in seconds.
    pub expires_in: i64,
    /// The user who signed in.
    pub user: User,
}

/// A refresh token as stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) id: SessionId,
    pub(crate) family: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) family: String,
    pub(crate) refresh_token_hash: String,
    pub(crate) device: Device,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// The identity behind a token, and its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The actor.
    pub actor: Actor,
    /// When the token expires; `None` if the actor is anonymous.
    pub expires_at: Option<Timestamp>,
}

impl Identity {
    pub(super) fn anonymous(reason: SignedOut) -> Self {
        Self {
            actor: Actor::Anonymous(reason),
            expires_at: None,
        }
    }
}

/// An active session, from login to its end, over all its refresh tokens.
#[derive(Clone, Debug)]
pub struct Session {
    /// The id of its first refresh token, which does not change.
    pub id: SessionId,
    /// The client of the last refresh.
    pub device: Device,
    /// Time of the login.
    pub created_at: Timestamp,
    /// Time of the last refresh.
    pub last_used_at: Timestamp,
    /// When it ends unless the tokens are refreshed before.
    pub expires_at: Timestamp,
    /// Whether it is the current session.
    pub is_current: bool,
}

/// An unused refresh token, with its session.
#[derive(Clone, Debug)]
pub(crate) struct LiveSession {
    pub(crate) family: String,
    pub(crate) session: Session,
}

impl Device {
    fn shortened(self) -> Self {
        let shortened = |agent: String| agent.chars().take(MAX_USER_AGENT_LENGTH).collect();
        Self {
            user_agent: self.user_agent.map(shortened),
            ip: self.ip,
        }
    }
}

/// Digest for storing a secret that is random enough to need no salt.
pub(super) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
