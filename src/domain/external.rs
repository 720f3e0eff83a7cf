//! The call to the external service of the settings, with limits of time and size.

use std::fmt;
use std::time::Duration;

use anyhow::Context as _;
use reqwest::redirect::{Action, Attempt, Policy};
use reqwest::{Client, Response};
use serde_json::Value;
use tokio::time::{Instant, timeout};
use url::Url;

use super::actor::Actor;
use super::error::{Error, Result};
use crate::config::ExternalConfig;
use crate::tls;

/// Maximum size of a response in bytes: 1 MiB.
pub const MAX_ANSWER: usize = 1024 * 1024;
/// Maximum number of redirects.
const MAX_REDIRECTS: usize = 5;

/// Why the external call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalFailure {
    /// No service is configured.
    NotConfigured,
    /// It cannot be reached, or its response is invalid.
    Failed(String),
    /// It exceeded this time limit.
    TimedOut(Duration),
}

impl fmt::Display for ExternalFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotConfigured => f.write_str("No other service is configured here: EXTERNAL_URL is not set"),
            Self::Failed(reason) => write!(f, "The other service {reason}"),
            Self::TimedOut(limit) => write!(f, "The other service took longer than {} s", limit.as_secs()),
        }
    }
}

/// The response of the external service.
#[derive(Clone, Debug, PartialEq)]
pub struct ExternalAnswer {
    /// HTTP status, from 200 to 299.
    pub status: u16,
    /// Duration of the call.
    pub duration: Duration,
    /// Response body: JSON as it is, other text as a string, null if empty or binary.
    pub data: Value,
}

/// Calls the external service. Cloning it is cheap.
#[derive(Clone, Debug)]
pub struct External {
    target: Option<Target>,
    limit: Duration,
}

#[derive(Clone, Debug)]
struct Target {
    client: Client,
    url: Url,
}

impl External {
    /// Creates the client from the settings, without connecting.
    pub fn open(config: &ExternalConfig) -> anyhow::Result<Self> {
        let target = config.url.as_deref().map(Target::open).transpose()?;
        Ok(Self {
            target,
            limit: config.timeout,
        })
    }

    /// Calls the service for a signed-in user.
    pub async fn call(&self, actor: &Actor) -> Result<ExternalAnswer> {
        actor.signed_in()?;
        self.call_for_anyone().await
    }

    /// Calls the service for an anonymous client, where the REST dialect allows that.
    pub async fn call_for_anyone(&self) -> Result<ExternalAnswer> {
        let target = self.target.as_ref();
        let target = target.ok_or(Error::External(ExternalFailure::NotConfigured))?;
        let called = timeout(self.limit, target.call()).await;
        called.unwrap_or(Err(Error::External(ExternalFailure::TimedOut(self.limit))))
    }
}

impl Target {
    fn open(url: &str) -> anyhow::Result<Self> {
        tls::prepare();
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::custom(follow))
            .user_agent(concat!("taskwire/", env!("CARGO_PKG_VERSION")))
            .build()
            .context("EXTERNAL_URL cannot be called")?;
        Ok(Self {
            client,
            url: Url::parse(url).context("EXTERNAL_URL cannot be called")?,
        })
    }

    async fn call(&self) -> Result<ExternalAnswer> {
        let begun = Instant::now();
        let response = self.client.get(self.url.clone()).send().await.map_err(unreachable)?;
        let status = response.status();
        if !status.is_success() {
            return Err(failed(format!("answered with the status {}", status.as_u16())));
        }
        let data = read(response).await?;
        Ok(ExternalAnswer {
            status: status.as_u16(),
            duration: begun.elapsed(),
            data,
        })
    }
}

/// Follows redirects within one origin only, because other hosts are not configured.
fn follow(attempt: Attempt<'_>) -> Action {
    let is_same_place = attempt
        .previous()
        .first()
        .is_some_and(|first| first.origin() == attempt.url().origin());
    if is_same_place && attempt.previous().len() <= MAX_REDIRECTS {
        attempt.follow()
    } else {
        // The status of the redirect becomes the result.
        attempt.stop()
    }
}

/// Reads a body within the size limit.
async fn read(mut response: Response) -> Result<Value> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(unreachable)? {
        if bytes.len() + piece.len() > MAX_ANSWER {
            return Err(failed(format!("answered with more than {MAX_ANSWER} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(
        serde_json::from_slice(&bytes).unwrap_or_else(|_| match String::from_utf8(bytes) {
            Ok(text) if !text.is_empty() => Value::String(text),
            _ => Value::Null,
        }),
    )
}

fn failed(reason: String) -> Error {
    Error::External(ExternalFailure::Failed(reason))
}

/// The cause is only logged, because it may reveal the internal network.
fn unreachable(error: reqwest::Error) -> Error {
    let error = anyhow::Error::new(error.without_url());
    tracing::warn!("the other service of EXTERNAL_URL cannot be reached: {error:#}");
    failed("cannot be reached, or closed the connection".to_owned())
}
