//! The state that all handlers share.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use metrics::Gauge;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::config::Config;
use crate::domain::Domain;
use crate::domain::external::External;
use crate::rate_limit::RequestLimits;
use crate::redis::Redis;
use crate::telemetry::metric::IN_FLIGHT;
use crate::telemetry::timings::Timings;

/// The state of all handlers. Cheap to clone: every request does so several times.
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
    /// Registered once: a registration takes longer than to count a request.
    in_flight: Gauge,
    responses: Timings<ResponseLabels>,
}

/// Method, route and status.
type ResponseLabels = (&'static str, String, StatusCode);

impl AppState {
    /// The recorder of metrics, if there is one, must be installed before.
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
            in_flight: metrics::gauge!(IN_FLIGHT),
            responses: Timings::default(),
        }))
    }

    /// A second call has no effect.
    pub(crate) fn set_metrics(&self, metrics: PrometheusHandle) {
        let _ = self.0.metrics.set(metrics);
    }

    /// The metrics recorder, if metrics are enabled.
    #[must_use]
    pub fn metrics(&self) -> Option<&PrometheusHandle> {
        self.0.metrics.get()
    }

    /// The number of requests in progress.
    pub(crate) fn in_flight(&self) -> &Gauge {
        &self.0.in_flight
    }

    /// The durations and numbers of responses.
    pub(crate) fn responses(&self) -> &Timings<ResponseLabels> {
        &self.0.responses
    }

    /// `None` if Redis is not configured.
    #[must_use]
    pub fn redis(&self) -> Option<&Redis> {
        self.0.redis.as_ref()
    }

    /// Time since the start of the server.
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

    /// `None` if rate limits are disabled.
    #[must_use]
    pub fn request_limits(&self) -> Option<&RequestLimits> {
        self.0.request_limits.as_deref()
    }

    /// The external service.
    #[must_use]
    pub fn external(&self) -> &External {
        &self.0.external
    }

    /// Fails readiness, so that load balancers send no new requests, and closes connections after their response.
    /// Requests are still served.
    pub fn begin_drain(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }

    /// Begins the drain, ends long-lived connections, and starts no more jobs.
    pub fn begin_shutdown(&self) {
        self.begin_drain();
        self.0.domain.live().close();
        self.0.domain.jobs().close();
    }

    /// Whether the server is shutting down.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Relaxed)
    }
}
