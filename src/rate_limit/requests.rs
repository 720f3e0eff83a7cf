//! The limits of requests, and which client each of them counts.

use std::net::IpAddr;

use secrecy::SecretString;

use super::{Allowance, Client, Exhausted, RateLimiter, Requester};
use crate::config::RateLimitConfig;
use crate::domain::Domain;
use crate::domain::clock::Timestamp;
use crate::domain::error::Result;
use crate::redis::Redis;

/// Which requests a limit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// Registering, signing in and changing a password, by address: a token is no reason to guess more often.
    Strict,
    /// Uploads, by user.
    Upload,
    /// REST requests that have the server work for others, by user.
    Background,
    /// All other requests of REST, by user.
    Moderate,
}

impl Tier {
    /// The client that a request of this tier counts for.
    fn client(self, requester: Requester) -> Client {
        match self {
            Self::Strict => Client::at(requester.address),
            Self::Upload | Self::Background | Self::Moderate => Client::of(requester),
        }
    }
}

/// The limits of requests: each tier has its own, and refreshes have one.
pub struct RequestLimits {
    strict: RateLimiter,
    refresh: RateLimiter,
    upload: RateLimiter,
    background: RateLimiter,
    moderate: RateLimiter,
}

impl RequestLimits {
    /// The limits of the settings; none where they are switched off.
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

    /// Spends one request of the strict tier for all clients at this address.
    pub async fn spend_password(&self, address: Option<IpAddr>, now: Timestamp) -> Result<Allowance, Exhausted> {
        self.strict.spend(Client::at(address), 1, now).await
    }

    /// Spends a refresh of the session that a refresh token belongs to, so that people behind one address do not wait for
    /// each other. What is no refresh token of ours is guessed, and counts by address as a password does.
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
            None => self.spend_password(address, now).await,
        })
    }
}
