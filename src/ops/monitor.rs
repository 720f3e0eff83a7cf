//! Metrics: for Prometheus, and as JSON for older monitors. Both use the same counters.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_process::Collector;
use serde::Serialize;
use tokio::time::timeout;
use utoipa::ToSchema;

use super::health;
use crate::domain::Pools;
use crate::state::AppState;
use crate::telemetry::metric::{self, number};

/// Time limit for reading values from the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// Get metrics for Prometheus
#[utoipa::path(get, path = "/metrics", tag = "operations", operation_id = "getPrometheusMetrics", security(()),
    responses((status = 200, description = "Prometheus text format", body = String, content_type = "text/plain")))]
pub(crate) async fn prometheus(State(state): State<AppState>) -> Response {
    const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

    ([(header::CONTENT_TYPE, TEXT)], page(&state).await).into_response()
}

/// Renders the counters, and gauges that are only read on request.
async fn page(state: &AppState) -> String {
    let Some(counted) = state.metrics() else {
        return String::new();
    };
    let Pools { read, write } = state.domain().pools();
    for (name, pool) in [("read", read), ("write", write)] {
        metrics::gauge!(metric::CONNECTIONS, "pool" => name, "state" => "used").set(number(pool.used));
        metrics::gauge!(metric::CONNECTIONS, "pool" => name, "state" => "idle").set(number(pool.idle));
        metrics::gauge!(metric::MAX_CONNECTIONS, "pool" => name).set(number(pool.max));
    }
    metrics::gauge!(metric::BUILD, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    metrics::gauge!(metric::SILENCE).set(state.domain().database_silence().as_secs_f64());
    Collector::new(metric::PROCESS_PREFIX).collect();
    measure_sizes(state).await;
    metrics::gauge!(metric::PASSWORDS).set(number(state.domain().password_queue()));
    metrics::gauge!(metric::LIVE_LAG).set(state.domain().live().lag().as_secs_f64());
    metrics::gauge!(metric::UPTIME).set(state.uptime().as_secs_f64());
    let is_ready = health::obstacle(state).await.is_none();
    metrics::gauge!(metric::READY).set(if is_ready { 1.0 } else { 0.0 });
    counted.render()
}

/// Sizes, and the age of the last backup. After a timeout, the gauges keep their last values.
async fn measure_sizes(state: &AppState) {
    if let Ok(Ok(gauges)) = timeout(PATIENCE, state.domain().database_gauges()).await {
        metrics::gauge!(metric::DATABASE_SIZE).set(float(gauges.bytes));
        metrics::gauge!(metric::WAL_SIZE).set(float(gauges.wal_bytes));
        if let Some(free) = gauges.free_bytes {
            metrics::gauge!(metric::FREE_DISK, "disk" => "database").set(float(free));
        }
        if let Some(backed_up_at) = gauges.backed_up_at {
            let age = state.domain().clock().now() - backed_up_at;
            metrics::gauge!(metric::BACKUP_AGE).set(age.as_seconds_f64());
        }
    }
    if let Some(free) = state.domain().free_storage() {
        metrics::gauge!(metric::FREE_DISK, "disk" => "files").set(float(free));
    }
}

/// Metrics for older monitors.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
#[schema(as = Metrics)]
struct Summary {
    /// Number of responses.
    total_requests: u64,
    /// Number of responses by status.
    status_codes: BTreeMap<String, u64>,
    /// Share of server errors (5xx) among all responses, from 0 to 1.
    error_rate: f64,
    /// Average response time in milliseconds.
    average_response_time_ms: f64,
    /// Seconds since the start of the server.
    uptime_seconds: u64,
    /// Number of requests by route, such as `GET /tasks/{id}`.
    requests_by_route: BTreeMap<String, u64>,
    /// Number of open live connections.
    live_connections: u64,
    /// Number of active live subscriptions.
    live_subscriptions: u64,
    /// Number of GraphQL operations.
    graphql_operations: u64,
    /// Number of requests refused by rate limits.
    rate_limit_refusals: u64,
    /// Number of database statements.
    database_statements: u64,
}

/// Get metrics as JSON
///
/// `/ops/metrics` returns the same.
#[utoipa::path(get, path = "/monitoring/metrics", tag = "operations", operation_id = "getMetrics", security(()),
    responses((status = 200, description = "Metrics since the start of this server", body = Summary)))]
pub(crate) async fn json(State(state): State<AppState>) -> Response {
    let page = state.metrics().map(PrometheusHandle::render).unwrap_or_default();
    let mut summary = Summary::of(&page);
    summary.uptime_seconds = state.uptime().as_secs();
    summary.database_statements = state.domain().statements();
    Json(summary).into_response()
}

impl Summary {
    fn of(page: &str) -> Self {
        let mut summary = Self::default();
        let mut failures = 0;
        for (labels, count) in samples(page, metric::REQUESTS) {
            let label = |name: &str| labels.get(name).copied().unwrap_or_default();
            let count = whole(count);
            summary.total_requests += count;
            *summary.status_codes.entry(label("status").to_owned()).or_default() += count;
            let route = format!("{} {}", label("method"), label("route"));
            *summary.requests_by_route.entry(route).or_default() += count;
            if label("status").starts_with('5') {
                failures += count;
            }
        }
        let requests = float(summary.total_requests.max(1));
        summary.error_rate = float(failures) / requests;
        let seconds: f64 = samples(page, &format!("{}_sum", metric::REQUEST_TIME))
            .map(|(_, sum)| sum)
            .sum();
        summary.average_response_time_ms = seconds * 1_000.0 / requests;
        let total = |name| whole(samples(page, name).map(|(_, value)| value).sum());
        summary.live_connections = total(metric::LIVE_CONNECTIONS);
        summary.live_subscriptions = total(metric::LIVE_SUBSCRIPTIONS);
        summary.graphql_operations = total(metric::OPERATIONS);
        summary.rate_limit_refusals = total(metric::REFUSALS);
        summary
    }
}

/// The samples of one metric: labels and value. Our labels have no quotes or commas.
fn samples<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = (BTreeMap<&'a str, &'a str>, f64)> {
    page.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = match rest.strip_prefix('{') {
            Some(rest) => rest.rsplit_once("} ")?,
            None => ("", rest.strip_prefix(' ')?),
        };
        let labels = labels.split(',').filter_map(|label| {
            let (name, value) = label.split_once('=')?;
            Some((name, value.trim_matches('"')))
        });
        Some((labels.collect(), value.parse().ok()?))
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counters are whole and not negative"
)]
fn whole(value: f64) -> u64 {
    value as u64
}

#[expect(clippy::cast_precision_loss, reason = "no count and no disk is that large")]
fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP taskwire_http_requests_total Answers
# TYPE taskwire_http_requests_total counter
taskwire_http_requests_total{method="GET",route="/tasks/{id}",status="200"} 6
taskwire_http_requests_total{method="GET",route="/tasks/{id}",status="404"} 1
taskwire_http_requests_total{method="POST",route="/tasks",status="500"} 1
taskwire_http_request_duration_seconds_bucket{method="GET",route="/tasks/{id}",le="0.005"} 7
taskwire_http_request_duration_seconds_sum{method="GET",route="/tasks/{id}"} 0.01
taskwire_http_request_duration_seconds_sum{method="POST",route="/tasks"} 0.006
taskwire_live_connections 3
"#;

    #[test]
    fn a_summary_adds_up_what_was_counted() {
        let summary = Summary::of(PAGE);
        assert_eq!(summary.total_requests, 8);
        let statuses: Vec<_> = summary
            .status_codes
            .iter()
            .map(|(code, n)| (code.as_str(), *n))
            .collect();
        assert_eq!(statuses, [("200", 6), ("404", 1), ("500", 1)]);
        assert_eq!(summary.requests_by_route["GET /tasks/{id}"], 7);
        assert!((summary.error_rate - 0.125).abs() < 1e-9);
        assert!((summary.average_response_time_ms - 2.0).abs() < 1e-9);
        assert_eq!(summary.live_connections, 3);
        assert_eq!(Summary::of(""), Summary::default());
    }
}
