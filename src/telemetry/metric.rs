//! The metrics at `/metrics`: names, types and descriptions. Tests compare dashboards and alerts with a running server.
//!
//! Labels have few values: routes are templates, and the number of operation names is limited.

use self::Kind::{Counter, Gauge, Histogram};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A number that only increases.
    Counter,
    /// A number that increases and decreases.
    Gauge,
    /// The number of values up to each of these upper bounds.
    Histogram(&'static [f64]),
}

/// A metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name at `/metrics`.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// Whether it has a sample from the start. False for metrics with labels, and for those read at each scrape.
    pub starts_at_zero: bool,
    /// The `HELP` text at `/metrics`.
    pub about: &'static str,
}

pub(crate) const REQUESTS: &str = "taskwire_http_requests_total";
pub(crate) const REQUEST_TIME: &str = "taskwire_http_request_duration_seconds";
pub(crate) const IN_FLIGHT: &str = "taskwire_http_requests_in_flight";
pub(crate) const CLIENT_CONNECTIONS: &str = "taskwire_http_connections";
pub(crate) const CLIENT_CONNECTIONS_ENDED: &str = "taskwire_http_connections_ended_total";
pub(crate) const REFUSALS: &str = "taskwire_rate_limit_refusals_total";
pub(crate) const OPERATIONS: &str = "taskwire_graphql_operations_total";
pub(crate) const OPERATION_TIME: &str = "taskwire_graphql_operation_duration_seconds";
pub(crate) const LOADER_BATCH: &str = "taskwire_loader_batch_keys";
pub(crate) const STATEMENT_TIME: &str = "taskwire_database_statement_duration_seconds";
pub(crate) const STATEMENT_FAILURES: &str = "taskwire_database_statement_failures_total";
pub(crate) const CONNECTIONS: &str = "taskwire_database_connections";
pub(crate) const MAX_CONNECTIONS: &str = "taskwire_database_connections_max";
pub(crate) const CONNECTION_WAIT: &str = "taskwire_database_connection_wait_seconds";
pub(crate) const DATABASE_SIZE: &str = "taskwire_database_size_bytes";
pub(crate) const WAL_SIZE: &str = "taskwire_database_wal_bytes";
pub(crate) const FREE_DISK: &str = "taskwire_free_disk_bytes";
pub(crate) const SILENCE: &str = "taskwire_database_silence_seconds";
pub(crate) const BACKUP_AGE: &str = "taskwire_backup_age_seconds";
pub(crate) const CACHE: &str = "taskwire_cache_requests_total";
pub(crate) const REDIS_UP: &str = "taskwire_redis_up";
pub(crate) const PASSWORDS: &str = "taskwire_password_queue";
pub(crate) const LIVE_LAG: &str = "taskwire_live_lag_seconds";
pub(crate) const LIVE_CONNECTIONS: &str = "taskwire_live_connections";
pub(crate) const LIVE_SUBSCRIPTIONS: &str = "taskwire_live_subscriptions";
pub(crate) const LIVE_EVENTS: &str = "taskwire_live_events_total";
pub(crate) const LIVE_DELAY: &str = "taskwire_live_delay_seconds";
pub(crate) const LIVE_DELIVERIES: &str = "taskwire_live_deliveries_total";
pub(crate) const LIVE_SLOW: &str = "taskwire_live_slow_total";
pub(crate) const JOBS_PENDING: &str = "taskwire_jobs_pending";
pub(crate) const JOBS_RUNNING: &str = "taskwire_jobs_running";
pub(crate) const JOBS_DEAD: &str = "taskwire_jobs_dead";
pub(crate) const JOBS: &str = "taskwire_jobs_total";
pub(crate) const JOB_TIME: &str = "taskwire_job_duration_seconds";
pub(crate) const READY: &str = "taskwire_ready";
pub(crate) const UPTIME: &str = "taskwire_uptime_seconds";
pub(crate) const BUILD: &str = "taskwire_build_info";
/// Prefix of the names of process metrics.
pub(crate) const PROCESS_PREFIX: &str = "taskwire_";

/// In seconds: from a read of one task by id to the default time limit of a request.
const REQUEST_BUCKETS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// In seconds: from a read by primary key to the default time limit of a statement.
const STATEMENT_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// In seconds: from a cleanup that finds nothing to a slow mail server.
const JOB_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];
/// In seconds: from an unnoticeable wait to the longest possible one.
const WAIT_BUCKETS: &[f64] = &[0.000_1, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// In seconds: from an unnoticeable delay to a delivery after an outage of the database.
const DELAY_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// In keys: from one, which needs no loader, to more than a page has.
const KEY_BUCKETS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0];

const METRICS: [Metric; 45] = [
    labelled(REQUESTS, Counter, "Responses, by method, route and status"),
    labelled(
        REQUEST_TIME,
        Histogram(REQUEST_BUCKETS),
        "Seconds until the response, by method and route",
    ),
    plain(IN_FLIGHT, Gauge, "Requests in progress"),
    plain(
        CLIENT_CONNECTIONS,
        Gauge,
        "Open client connections, including live ones",
    ),
    labelled(
        CLIENT_CONNECTIONS_ENDED,
        Counter,
        "Client connections that the server ended (header_timeout, idle, stalled, evicted) or refused (full, \
         address_full), by reason",
    ),
    labelled(REFUSALS, Counter, "Requests refused by a rate limit, by tier"),
    labelled(
        OPERATIONS,
        Counter,
        "GraphQL queries and mutations, by kind, operation and outcome: ok, partial, failed, or error (server fault)",
    ),
    labelled(
        OPERATION_TIME,
        Histogram(REQUEST_BUCKETS),
        "Seconds to run a GraphQL query or mutation, by kind and operation",
    ),
    labelled(
        LOADER_BATCH,
        Histogram(KEY_BUCKETS),
        "Keys in one batch of a loader, by loader",
    ),
    labelled(
        STATEMENT_TIME,
        Histogram(STATEMENT_BUCKETS),
        "Seconds to run a database statement",
    ),
    plain(STATEMENT_FAILURES, Counter, "Database statements that failed"),
    labelled(
        CONNECTIONS,
        Gauge,
        "Connections to the database, by pool (read or write) and state (idle or used)",
    ),
    labelled(MAX_CONNECTIONS, Gauge, "Size of the connection pool, by pool"),
    labelled(
        CONNECTION_WAIT,
        Histogram(WAIT_BUCKETS),
        "Seconds that a statement or transaction waited for a connection, by pool",
    ),
    labelled(DATABASE_SIZE, Gauge, "Size of the database, in bytes"),
    labelled(
        WAL_SIZE,
        Gauge,
        "Size of SQLite's write-ahead log, in bytes; 0 with PostgreSQL",
    ),
    labelled(
        FREE_DISK,
        Gauge,
        "Free disk, in bytes, by disk: database (a SQLite file) or files (a local directory)",
    ),
    labelled(
        SILENCE,
        Gauge,
        "Seconds since the last answer of the database, which is queried once a second",
    ),
    labelled(
        BACKUP_AGE,
        Gauge,
        "Seconds since the last backup by `taskwire backup`; does not exist before the first",
    ),
    labelled(CACHE, Counter, "Look-ups in a cache, by cache and result: hit or miss"),
    labelled(
        REDIS_UP,
        Gauge,
        "Whether Redis is used (1), or skipped because it does not answer (0)",
    ),
    labelled(PASSWORDS, Gauge, "Passwords that are being hashed or wait to be"),
    plain(
        LIVE_LAG,
        Gauge,
        "Seconds for which the event reader has been behind the event log",
    ),
    plain(LIVE_CONNECTIONS, Gauge, "Open WebSockets and event streams"),
    plain(LIVE_SUBSCRIPTIONS, Gauge, "Active subscriptions"),
    plain(LIVE_EVENTS, Counter, "Events read from the event log"),
    plain(
        LIVE_DELAY,
        Histogram(DELAY_BUCKETS),
        "Seconds from a write to its delivery to the subscriptions of this server",
    ),
    plain(LIVE_DELIVERIES, Counter, "Events put into the buffer of a subscription"),
    plain(
        LIVE_SLOW,
        Counter,
        "Connections closed because the client did not read its events in time",
    ),
    plain(
        JOBS_PENDING,
        Gauge,
        "Jobs that are due and wait for a worker, of all servers together",
    ),
    plain(JOBS_RUNNING, Gauge, "Jobs that are being run, by all servers together"),
    plain(JOBS_DEAD, Gauge, "Jobs that failed too often, of all servers together"),
    labelled(
        JOBS,
        Counter,
        "Attempts to run a job, by kind and outcome: done, retry, dead or lost",
    ),
    labelled(
        JOB_TIME,
        Histogram(JOB_BUCKETS),
        "Seconds of an attempt to run a job, by kind",
    ),
    labelled(READY, Gauge, "Whether the server is ready (1), as /readyz reports"),
    labelled(UPTIME, Gauge, "Seconds since the start of the process"),
    labelled(BUILD, Gauge, "Always 1; the label version is that of the server"),
    // See <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics>.
    labelled(
        "taskwire_process_cpu_seconds_total",
        Counter,
        "User and system processor time of the process, in seconds",
    ),
    labelled("taskwire_process_open_fds", Gauge, "Open file descriptors"),
    labelled("taskwire_process_max_fds", Gauge, "Limit of open file descriptors"),
    labelled(
        "taskwire_process_virtual_memory_bytes",
        Gauge,
        "Virtual memory of the process, in bytes",
    ),
    labelled(
        "taskwire_process_virtual_memory_max_bytes",
        Gauge,
        "Limit of virtual memory of the process, in bytes",
    ),
    labelled(
        "taskwire_process_resident_memory_bytes",
        Gauge,
        "Resident memory of the process, in bytes",
    ),
    labelled(
        "taskwire_process_start_time_seconds",
        Gauge,
        "Start of the process, in seconds since 1970",
    ),
    labelled("taskwire_process_threads", Gauge, "Threads of the process"),
];

/// All metrics.
pub fn all() -> impl Iterator<Item = Metric> {
    METRICS.into_iter()
}

const fn plain(name: &'static str, kind: Kind, about: &'static str) -> Metric {
    Metric {
        name,
        kind,
        starts_at_zero: true,
        about,
    }
}

const fn labelled(name: &'static str, kind: Kind, about: &'static str) -> Metric {
    Metric {
        starts_at_zero: false,
        ..plain(name, kind, about)
    }
}

/// The count as a sample of a metric: exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "no count is that large")]
pub(crate) fn number(count: usize) -> f64 {
    count as f64
}

/// Counters of the look-ups in a cache.
#[derive(Clone, Debug)]
pub(crate) struct LookUps {
    hits: metrics::Counter,
    misses: metrics::Counter,
}

impl LookUps {
    pub(crate) fn of(cache: &'static str) -> Self {
        Self {
            hits: metrics::counter!(CACHE, "cache" => cache, "result" => "hit"),
            misses: metrics::counter!(CACHE, "cache" => cache, "result" => "miss"),
        }
    }

    pub(crate) fn count(&self, has_found: bool) {
        let counter = if has_found { &self.hits } else { &self.misses };
        counter.increment(1);
    }
}
