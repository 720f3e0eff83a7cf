//! The composition root: settings in, a router out.

mod open_accounts;
mod signing_key;

pub(crate) use self::open_accounts::find_open_accounts;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::config::{Config, Environment};
use crate::domain::error::Error;
use crate::domain::external::External;
use crate::domain::{Domain, Surroundings};
use crate::rate_limit::RequestLimits;
use crate::redis::Redis;
use crate::{graphql, http};

/// How often what was measured is summed up.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// The whole server. Cloning it is cheap: every request does so several times.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What the server is made of.
struct Parts {
    domain: Domain,
    config: Config,
    graphql: graphql::Executor,
    request_limits: Option<Arc<RequestLimits>>,
    external: External,
    stopping: AtomicBool,
    metrics: OnceLock<PrometheusHandle>,
    redis: Option<Redis>,
    started: Instant,
}

impl App {
    /// Connects to the database, and to Redis in the background. Fails with one line that a person can act on.
    pub async fn open(config: Config, surroundings: Surroundings) -> anyhow::Result<Self> {
        let key = signing_key::choose(&config, surroundings.randomness.as_ref())?;
        let external = External::open(&config.external)?;
        let domain = Domain::open(&config, &key, surroundings).await?;
        let redis = config.redis_url.as_ref();
        let redis = redis.map(|url| Redis::open(url, config.redis_timeout)).transpose()?;
        if let Some(redis) = &redis {
            domain.live().join(redis);
        }
        let request_limits = RequestLimits::new(&config.rate_limit, redis.as_ref()).map(Arc::new);
        let graphql = graphql::Executor::new(&config, redis.as_ref(), request_limits.clone());
        Ok(Self(Arc::new(Parts {
            domain,
            config,
            graphql,
            request_limits,
            external,
            stopping: AtomicBool::new(false),
            metrics: OnceLock::new(),
            redis,
            started: Instant::now(),
        })))
    }

    /// Brings the database up to date. In development, creates the first administrator; in production, fails if
    /// there are accounts with a password that everybody knows.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        let domain = &self.0.domain;
        domain.migrate_up(None).await.map_err(described)?;
        match self.0.config.environment {
            Environment::Development => open_accounts::create(domain).await.map_err(described),
            Environment::Production => match find_open_accounts(domain).await.map_err(described)? {
                Some(accounts) => Err(anyhow::anyhow!("{accounts}")),
                None => Ok(()),
            },
        }
    }

    /// Starts what goes on beside requests, until [`begin_shutdown`](Self::begin_shutdown).
    pub fn start_background(&self) {
        self.0.domain.jobs().start();
        tokio::spawn(self.0.domain.watch_database());
        if let Some(metrics) = self.0.metrics.get() {
            tokio::spawn(tidy(metrics.clone()));
        }
    }

    /// Every route of the server, with its middleware.
    pub fn router(&self) -> Router {
        http::router(self)
    }

    /// The same with what `/metrics` shows; a second time changes nothing.
    #[must_use]
    pub fn with_metrics(self, metrics: PrometheusHandle) -> Self {
        let _ = self.0.metrics.set(metrics);
        self
    }

    /// What was counted, if anything is.
    #[must_use]
    pub fn metrics(&self) -> Option<&PrometheusHandle> {
        self.0.metrics.get()
    }

    /// The Redis of the settings.
    #[must_use]
    pub fn redis(&self) -> Option<&Redis> {
        self.0.redis.as_ref()
    }

    /// For how long the server has run.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.0.started.elapsed()
    }

    /// The use cases.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.0.domain
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What runs GraphQL operations.
    #[must_use]
    pub fn graphql(&self) -> &graphql::Executor {
        &self.0.graphql
    }

    /// The limits of requests; none where they are switched off.
    #[must_use]
    pub fn request_limits(&self) -> Option<&RequestLimits> {
        self.0.request_limits.as_deref()
    }

    /// The call to another service.
    #[must_use]
    pub fn external(&self) -> &External {
        &self.0.external
    }

    /// From now on readiness fails, so that load balancers send no new requests here, and every answer closes its
    /// connection. Requests are still served.
    pub fn begin_drain(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// From now on connections that are held open end, so that nobody waits for them, and no more jobs are begun.
    pub fn begin_shutdown(&self) {
        self.begin_drain();
        self.0.domain.live().close();
        self.0.domain.jobs().close();
    }

    /// Whether the server is about to stop.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }
}

/// Sums up what was measured, which otherwise piles up until somebody asks.
async fn tidy(metrics: PrometheusHandle) {
    let mut turns = tokio::time::interval(TIDY_EVERY);
    loop {
        turns.tick().await;
        metrics.run_upkeep();
    }
}

/// An error with its cause: for the person who runs the server, not for clients.
pub(crate) fn described(error: Error) -> anyhow::Error {
    match error.cause() {
        Some(cause) => anyhow::anyhow!("{cause:#}"),
        None => anyhow::Error::new(error),
    }
}
