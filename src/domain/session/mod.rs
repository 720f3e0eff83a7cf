//! Sessions: signing up, in and out, and who the bearer of a token is.
//!
//! A session is one refresh token. Using it makes a new one of the same family and spends the old;
//! a spent one that comes again later than a lost answer explains means that it was stolen, and
//! ends the family.

mod own_sessions;
mod password;
mod slow_down;
mod use_cases;

pub use self::use_cases::Sessions;
pub(super) use self::use_cases::{identify, state_of};
pub(crate) use password::PasswordTurns;
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

/// How long a spent refresh token is taken for a repeated request rather than a theft.
const GRACE: TimeDelta = TimeDelta::seconds(10);
/// Random bytes of a refresh token.
const REFRESH_TOKEN_BYTES: usize = 32;
/// Random bytes of a family's name.
const FAMILY_BYTES: usize = 16;
/// Characters of a user agent that are kept.
const MAX_USER_AGENT_LENGTH: usize = 255;

/// From where somebody signs in.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Its address.
    pub ip: Option<IpAddr>,
}

/// What somebody gets who signed in.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Goes with every request.
    pub access_token: String,
    /// Gets the next pair of tokens, once.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// How long the access token is good for, in seconds.
    pub expires_in: i64,
    /// Who signed in.
    pub user: User,
}

/// A refresh token as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) id: SessionId,
    pub(crate) family: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// A session that is about to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) family: String,
    pub(crate) refresh_token_hash: String,
    pub(crate) device: Device,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Who shows a token, and for how long it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// On whose behalf.
    pub actor: Actor,
    /// When the token expires; `None` for nobody.
    pub expires_at: Option<Timestamp>,
}

impl Identity {
    pub(super) fn nobody(reason: SignedOut) -> Self {
        Self {
            actor: Actor::Anonymous(reason),
            expires_at: None,
        }
    }
}

/// A session that goes on, from signing in until it ends, however many refresh tokens it has had.
#[derive(Clone, Debug)]
pub struct Session {
    /// The number of its first refresh token: it stays the same.
    pub id: SessionId,
    /// From where its tokens were last refreshed.
    pub device: Device,
    /// When somebody signed in.
    pub created_at: Timestamp,
    /// When its tokens were last refreshed.
    pub last_used_at: Timestamp,
    /// When it ends unless they are refreshed before.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// A refresh token that is good for one use, with the session it belongs to.
#[derive(Clone, Debug)]
pub(crate) struct LiveSession {
    pub(crate) family: String,
    pub(crate) session: Session,
}

impl Device {
    fn shortened(self) -> Self {
        Self {
            user_agent: self
                .user_agent
                .map(|agent| agent.chars().take(MAX_USER_AGENT_LENGTH).collect()),
            ip: self.ip,
        }
    }
}

/// What is stored of a secret that is random enough to need no salt.
pub(super) fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
