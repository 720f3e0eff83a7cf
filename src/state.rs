//! The state that all handlers share: the use cases, the settings, and what the server has beside them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics_exporter_prometheus::PrometheusHandle;

use crate::config::Config;
use crate::domain::Domain;
use crate::domain::external::External;
use crate::rate_limit::RequestLimits;
use crate::redis::Redis;

/// What handlers need. Cloning it is cheap: every request does so several times.
#[derive(Clone)]
pub struct AppState(Arc<Parts>);

struct Parts {
    domain: Domain,
    config: Config,
    request_limits: Option<Arc<RequestLimits>>,
    external: External,
    stopping: AtomicBool,
    metrics: OnceLock<PrometheusHandle>,
    redis: Option<Redis>,
    started: Instant,
}

impl AppState {
    /// The state of a server that starts now.
    pub(crate) fn new(
        config: Config,
        domain: Domain,
        external: External,
        redis: Option<Redis>,
        request_limits: Option<Arc<RequestLimits>>,
    ) -> Self {
        Self(Arc::new(Parts {
            domain,
            config,
            request_limits,
            external,
            stopping: AtomicBool::new(false),
            metrics: OnceLock::new(),
            redis,
            started: Instant::now(),
        }))
    }

    /// Sets what `/metrics` shows; a second time changes nothing.
    pub(crate) fn set_metrics(&self, metrics: PrometheusHandle) {
        let _ = self.0.metrics.set(metrics);
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
