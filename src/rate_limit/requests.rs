//! Request limits, and which client each of them counts.

use std::net::IpAddr;

use secrecy::SecretString;

use super::{Allowance, Client, Exhausted, RateLimiter, Requester};
use crate::config::RateLimitConfig;
use crate::domain::Domain;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::redis::Redis;

/// The kind of request that a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Registration, sign-in and password changes, by address: a token must not allow more guesses.
    Strict,
    /// Uploads, by user.
    Upload,
    /// External calls and background jobs over REST, by user.
    Background,
    /// All other REST requests, by user.
    Moderate,
}

impl Tier {
    fn client(self, requester: Requester) -> Client {
        match self {
            Self::Strict => Client::at(requester.address),
            Self::Upload | Self::Background | Self::Moderate => Client::of(requester),
        }
    }
}

/// One limit for each tier, and one for refreshes.
pub struct RequestLimits {
    strict: RateLimiter,
    refresh: RateLimiter,
    upload: RateLimiter,
    background: RateLimiter,
    moderate: RateLimiter,
}

impl RequestLimits {
    /// `None` if rate limits are disabled.
    #[must_use]
    pub fn new(config: &RateLimitConfig, redis: Option<&Redis>) -> Option<Self> {
        let limiter = |name, limit| RateLimiter::new(name, limit, redis);
        config.enabled.then(|| Self {
            strict: limiter("strict", config.strict_per_minute),
            refresh: limiter("refresh", config.refresh_per_minute),
            upload: limiter("upload", config.upload_per_minute),
            background: limiter("background", config.strict_per_minute),
            moderate: limiter("moderate", config.per_minute),
        })
    }

    fn of(&self, tier: Tier) -> &RateLimiter {
        match tier {
            Tier::Strict => &self.strict,
            Tier::Upload => &self.upload,
            Tier::Background => &self.background,
            Tier::Moderate => &self.moderate,
        }
    }

    /// Spends `amount` requests of a tier.
    pub async fn spend(
        &self,
        tier: Tier,
        requester: impl Into<Requester>,
        amount: u32,
        now: Timestamp,
    ) -> Result<Allowance, Exhausted> {
        self.of(tier).spend(tier.client(requester.into()), amount, now).await
    }

    /// Counts a refresh by session, so that users behind one address do not block each other. An invalid refresh token
    /// may be a guess, and counts by address like a password, which has no token.
    pub async fn spend_refresh(
        &self,
        domain: &Domain,
        token: Option<&SecretString>,
        address: Option<IpAddr>,
    ) -> Result<Result<Allowance, Exhausted>> {
        let session = match token {
            Some(token) => domain.sessions().find_by_refresh_token(token).await?,
            None => None,
        };
        let now = domain.clock().now();
        Ok(match session {
            Some(session) => self.refresh.spend(Client::Session(session), 1, now).await,
            None => self.strict.spend(Client::at(address), 1, now).await,
        })
    }
}
