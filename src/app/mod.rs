//! The composition root: builds the server from the settings. Only the command line and tests import it.

mod open_accounts;
mod router;
mod signing_key;

pub(crate) use self::open_accounts::find_open_accounts;
pub use self::router::with_middleware;
pub(crate) use self::signing_key::key_in_file;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::net::TcpListener;

use crate::config::{Config, Environment};
use crate::domain::error::described;
use crate::domain::external::External;
use crate::domain::{Dependencies, Domain};
use crate::graphql::{Executor, GraphqlState};
use crate::http::server;
use crate::pages::editor::graphiql;
use crate::rate_limit::RequestLimits;
use crate::redis::Redis;
use crate::state::AppState;

/// How often metrics are aggregated.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// The server. Cheap to clone.
#[derive(Clone)]
pub struct App {
    state: AppState,
    graphql: GraphqlState,
}

impl App {
    /// Connects to the database, and to Redis in the background. Fails with a one-line error that operators can act on.
    pub async fn open(config: Config, dependencies: Dependencies) -> anyhow::Result<Self> {
        let key = signing_key::choose(&config, dependencies.randomness.as_ref())?;
        let external = External::open(&config.external)?;
        let domain = Domain::open(&config, &key, dependencies).await?;
        let redis = config.redis_url.as_ref();
        let redis = redis.map(|url| Redis::open(url, config.redis_timeout)).transpose()?;
        if let Some(redis) = &redis {
            domain.live().join(redis);
        }
        let request_limits = RequestLimits::new(&config.rate_limit, redis.as_ref()).map(Arc::new);
        let executor = Executor::new(&config, domain.clone(), redis.as_ref(), request_limits.clone());
        let state = AppState::new(config, domain, external, redis, request_limits);
        let editor = state.config().graphql.ide.then_some(graphiql as fn(&AppState) -> _);
        Ok(Self {
            graphql: GraphqlState::new(state.clone(), executor, editor),
            state,
        })
    }

    /// Migrates the database. In development, creates the first administrator; in production, fails if an account has a
    /// publicly known password.
    pub async fn prepare(&self) -> anyhow::Result<()> {
        let domain = self.domain();
        domain.migrate_up(None).await.map_err(described)?;
        match self.config().environment {
            Environment::Development => open_accounts::create(domain).await.map_err(described),
            Environment::Production => match find_open_accounts(domain).await.map_err(described)? {
                Some(accounts) => Err(anyhow::Error::msg(accounts)),
                None => Ok(()),
            },
        }
    }

    /// Starts background work, which runs until [`begin_shutdown`](Self::begin_shutdown).
    pub fn start_background(&self) {
        self.domain().jobs().start();
        tokio::spawn(self.domain().watch_database());
        if let Some(metrics) = self.state.metrics() {
            tokio::spawn(tidy(metrics.clone()));
        }
    }

    /// Every route of the server, with its middleware.
    pub fn router(&self) -> Router {
        router::router(&self.state, self.graphql.clone())
    }

    /// Serves connections of the listener until `stop` resolves. See [`server::serve`].
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> anyhow::Result<()> {
        let (router, sockets_closed) = (self.router(), self.graphql.websockets_closed());
        server::serve(self.state, router, listener, stop, sockets_closed).await
    }

    /// Sets the metrics that `/metrics` shows; a second call has no effect.
    #[must_use]
    pub fn with_metrics(self, metrics: PrometheusHandle) -> Self {
        self.state.set_metrics(metrics);
        self
    }

    /// The state of all handlers.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// The use cases.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        self.state.domain()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.state.config()
    }

    /// Ends long-lived connections, and starts no more jobs.
    pub fn begin_shutdown(&self) {
        self.state.begin_shutdown();
    }
}

/// Aggregates metrics, which otherwise grow until they are read.
async fn tidy(metrics: PrometheusHandle) {
    let mut turns = tokio::time::interval(TIDY_EVERY);
    loop {
        turns.tick().await;
        metrics.run_upkeep();
    }
}
