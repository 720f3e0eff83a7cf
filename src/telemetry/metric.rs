//! What is counted, by its name at `/metrics`. Every name stands here once, with what it means; dashboards and alerts
//! are checked against a running server.
//!
//! Labels take few values: routes by their template, names of operations up to a bound.

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only goes up.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How many values lie below each of these bounds.
    Histogram(&'static [f64]),
}

/// One thing that is counted.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// Whether it is there from the start, at zero. Those with labels, and those that are read when somebody asks, are not.
    pub starts_at_zero: bool,
    /// What it means.
    pub about: &'static str,
}

/// Answers, by `method`, `route` and `status`.
pub const REQUESTS: &str = "taskwire_http_requests_total";
/// Seconds to an answer, by `method` and `route`.
pub const REQUEST_TIME: &str = "taskwire_http_request_duration_seconds";
/// Requests that are being answered.
pub const IN_FLIGHT: &str = "taskwire_http_requests_in_flight";
/// Connections of clients.
pub const CLIENT_CONNECTIONS: &str = "taskwire_http_connections";
/// Connections that the server ended or refused, by `reason`.
pub const CLIENT_CONNECTIONS_ENDED: &str = "taskwire_http_connections_ended_total";
/// Refusals for want of budget, by `tier`.
pub const REFUSALS: &str = "taskwire_rate_limit_refusals_total";
/// Queries and mutations, by `kind`, `operation` and `outcome`.
pub const OPERATIONS: &str = "taskwire_graphql_operations_total";
/// Seconds to run one, by `kind` and `operation`.
pub const OPERATION_TIME: &str = "taskwire_graphql_operation_duration_seconds";
/// Keys that a loader read at once, by `loader`.
pub const LOADER_BATCH: &str = "taskwire_loader_batch_keys";
/// Seconds that a statement took.
pub const STATEMENT_TIME: &str = "taskwire_database_statement_duration_seconds";
/// Statements that failed.
pub const STATEMENT_FAILURES: &str = "taskwire_database_statement_failures_total";
/// Connections to the database, by `pool` and `state`.
pub const CONNECTIONS: &str = "taskwire_database_connections";
/// The most connections to the database, by `pool`.
pub const MAX_CONNECTIONS: &str = "taskwire_database_connections_max";
/// Seconds that a statement or a transaction waited for a connection, by `pool`.
pub const CONNECTION_WAIT: &str = "taskwire_database_connection_wait_seconds";
/// Size of the database.
pub const DATABASE_SIZE: &str = "taskwire_database_size_bytes";
/// Size of the write-ahead log of `SQLite`.
pub const WAL_SIZE: &str = "taskwire_database_wal_bytes";
/// Free disk, by `disk`.
pub const FREE_DISK: &str = "taskwire_free_disk_bytes";
/// Seconds since the database has answered.
pub const SILENCE: &str = "taskwire_database_silence_seconds";
/// Seconds since the last backup.
pub const BACKUP_AGE: &str = "taskwire_backup_age_seconds";
/// Look-ups in a cache, by `cache` and `result`.
pub const CACHE: &str = "taskwire_cache_requests_total";
/// Whether Redis is used.
pub const REDIS_UP: &str = "taskwire_redis_up";
/// Passwords that are hashed or wait for it.
pub const PASSWORDS: &str = "taskwire_password_queue";
/// For how long the reader has been behind the log.
pub const LIVE_LAG: &str = "taskwire_live_lag_seconds";
/// Connections that are held open for somebody.
pub const LIVE_CONNECTIONS: &str = "taskwire_live_connections";
/// Subscriptions.
pub const LIVE_SUBSCRIPTIONS: &str = "taskwire_live_subscriptions";
/// Events that the reader handed out.
pub const LIVE_EVENTS: &str = "taskwire_live_events_total";
/// Seconds from a write to its delivery to subscriptions of this server.
pub const LIVE_DELAY: &str = "taskwire_live_delay_seconds";
/// Events put into the buffer of a subscription.
pub const LIVE_DELIVERIES: &str = "taskwire_live_deliveries_total";
/// Connections that were ended because they did not take what came.
pub const LIVE_SLOW: &str = "taskwire_live_slow_total";
/// Jobs that are due and wait.
pub const JOBS_PENDING: &str = "taskwire_jobs_pending";
/// Jobs that a server works on.
pub const JOBS_RUNNING: &str = "taskwire_jobs_running";
/// Jobs that were given up.
pub const JOBS_DEAD: &str = "taskwire_jobs_dead";
/// Attempts to do a job, by `kind` and by what came of them: `done`, `retry`, `dead` or `lost`.
pub const JOBS: &str = "taskwire_jobs_total";
/// Seconds that an attempt took, by `kind`.
pub const JOB_TIME: &str = "taskwire_job_duration_seconds";
/// Whether requests can be served.
pub const READY: &str = "taskwire_ready";
/// For how long the process has run.
pub const UPTIME: &str = "taskwire_uptime_seconds";
/// Version of the server.
pub const BUILD: &str = "taskwire_build_info";
/// What names of the process's metrics begin with.
pub const PROCESS_PREFIX: &str = "taskwire_";
/// The process, as <https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics> has it.
const PROCESS: [(&str, Kind, &str); 8] = [
    (
        "taskwire_process_cpu_seconds_total",
        Kind::Counter,
        "User and system processor time of the process, in seconds",
    ),
    ("taskwire_process_open_fds", Kind::Gauge, "Open file descriptors"),
    ("taskwire_process_max_fds", Kind::Gauge, "Most open file descriptors"),
    (
        "taskwire_process_virtual_memory_bytes",
        Kind::Gauge,
        "Virtual memory of the process, in bytes",
    ),
    (
        "taskwire_process_virtual_memory_max_bytes",
        Kind::Gauge,
        "Most virtual memory of the process, in bytes",
    ),
    (
        "taskwire_process_resident_memory_bytes",
        Kind::Gauge,
        "Resident memory of the process, in bytes",
    ),
    (
        "taskwire_process_start_time_seconds",
        Kind::Gauge,
        "Start of the process, in seconds since 1970",
    ),
    ("taskwire_process_threads", Kind::Gauge, "Threads of the process"),
];

/// Seconds from a millisecond, which is a task by its id, to the time limit of a request.
const REQUEST_BUCKETS: &[f64] = &[
    0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Seconds from a tenth of a millisecond to the time limit of a statement.
const STATEMENT_BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// Seconds from a look that finds nothing to a mail server that takes its time.
const JOB_BUCKETS: &[f64] = &[0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];
/// Seconds from a wait that nobody notices to the longest that there is.
const WAIT_BUCKETS: &[f64] = &[0.000_1, 0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];
/// Seconds from a delivery that nobody notices to one that comes by the poll of a database that was away.
const DELAY_BUCKETS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Keys from one, for which no loader would be needed, to more than any page has.
const KEY_BUCKETS: &[f64] = &[1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 1_000.0];

/// What the server counts itself.
const OURS: [Metric; 37] = [
    labelled(REQUESTS, Kind::Counter, "Answers, by method, route and status"),
    labelled(
        REQUEST_TIME,
        Kind::Histogram(REQUEST_BUCKETS),
        "Seconds to an answer, by method and route",
    ),
    plain(IN_FLIGHT, Kind::Gauge, "Requests that are being answered"),
    plain(
        CLIENT_CONNECTIONS,
        Kind::Gauge,
        "Open connections of clients, live ones included",
    ),
    labelled(
        CLIENT_CONNECTIONS_ENDED,
        Kind::Counter,
        "Connections of clients that the server ended (header_timeout, idle, stalled, evicted) or refused (full, \
         address_full), by reason",
    ),
    labelled(REFUSALS, Kind::Counter, "Requests refused for want of budget, by tier"),
    labelled(
        OPERATIONS,
        Kind::Counter,
        "GraphQL queries and mutations, by kind, operation and outcome: ok, partial, failed, or error by a fault of the server",
    ),
    labelled(
        OPERATION_TIME,
        Kind::Histogram(REQUEST_BUCKETS),
        "Seconds to run a GraphQL query or mutation, by kind and operation",
    ),
    labelled(
        LOADER_BATCH,
        Kind::Histogram(KEY_BUCKETS),
        "Keys that a loader read at once, by loader",
    ),
    labelled(
        STATEMENT_TIME,
        Kind::Histogram(STATEMENT_BUCKETS),
        "Seconds that a statement took",
    ),
    plain(STATEMENT_FAILURES, Kind::Counter, "Statements that failed"),
    labelled(
        CONNECTIONS,
        Kind::Gauge,
        "Connections to the database, by pool (read or write) and state (idle or used)",
    ),
    labelled(
        MAX_CONNECTIONS,
        Kind::Gauge,
        "The most connections to the database, by pool",
    ),
    labelled(
        CONNECTION_WAIT,
        Kind::Histogram(WAIT_BUCKETS),
        "Seconds that a statement or transaction waited for a connection, by pool",
    ),
    labelled(DATABASE_SIZE, Kind::Gauge, "Size of the database, in bytes"),
    labelled(
        WAL_SIZE,
        Kind::Gauge,
        "Size of SQLite's write-ahead log, in bytes; 0 with PostgreSQL",
    ),
    labelled(
        FREE_DISK,
        Kind::Gauge,
        "Free disk, in bytes, by disk: database (a SQLite file) or files (a local directory)",
    ),
    labelled(
        SILENCE,
        Kind::Gauge,
        "Seconds since the database has answered; it is asked once a second",
    ),
    labelled(
        BACKUP_AGE,
        Kind::Gauge,
        "Seconds since the last backup by `taskwire backup`; since the creation of the database if there is none",
    ),
    labelled(
        CACHE,
        Kind::Counter,
        "Look-ups in a cache, by cache and result: hit or miss",
    ),
    labelled(
        REDIS_UP,
        Kind::Gauge,
        "Whether Redis is used (1) or was left alone because it is away (0)",
    ),
    labelled(PASSWORDS, Kind::Gauge, "Passwords that are hashed now or wait for it"),
    plain(
        LIVE_LAG,
        Kind::Gauge,
        "For how long the reader has been behind the event log, in seconds",
    ),
    plain(
        LIVE_CONNECTIONS,
        Kind::Gauge,
        "Connections that are held open for somebody",
    ),
    plain(LIVE_SUBSCRIPTIONS, Kind::Gauge, "Subscriptions"),
    plain(LIVE_EVENTS, Kind::Counter, "Events of the log that were handed out"),
    plain(
        LIVE_DELAY,
        Kind::Histogram(DELAY_BUCKETS),
        "Seconds from a write to its delivery to the subscriptions of this server",
    ),
    plain(
        LIVE_DELIVERIES,
        Kind::Counter,
        "Events that were handed to a subscription",
    ),
    plain(
        LIVE_SLOW,
        Kind::Counter,
        "Connections that were ended because they did not take what came",
    ),
    plain(
        JOBS_PENDING,
        Kind::Gauge,
        "Jobs that are due and wait, of all servers together",
    ),
    plain(
        JOBS_RUNNING,
        Kind::Gauge,
        "Jobs that are worked on, by all servers together",
    ),
    plain(
        JOBS_DEAD,
        Kind::Gauge,
        "Jobs that were given up after too many failures, of all servers together",
    ),
    labelled(
        JOBS,
        Kind::Counter,
        "Attempts to do a job, by kind and outcome: done, retry, dead or lost",
    ),
    labelled(
        JOB_TIME,
        Kind::Histogram(JOB_BUCKETS),
        "Seconds that an attempt to do a job took, by kind",
    ),
    labelled(
        READY,
        Kind::Gauge,
        "Whether requests can be served (1), as /readyz says",
    ),
    labelled(UPTIME, Kind::Gauge, "For how long the process has run, in seconds"),
    labelled(BUILD, Kind::Gauge, "Always 1; the label version is that of the server"),
];

/// Everything that is counted.
pub fn all() -> impl Iterator<Item = Metric> {
    let process = PROCESS.map(|(name, kind, about)| labelled(name, kind, about));
    OURS.into_iter().chain(process)
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

/// A count as what is counted with: exact below 2^53.
#[expect(clippy::cast_precision_loss, reason = "nobody counts that far")]
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
    /// Those of the cache of this name.
    pub(crate) fn of(cache: &'static str) -> Self {
        Self {
            hits: metrics::counter!(CACHE, "cache" => cache, "result" => "hit"),
            misses: metrics::counter!(CACHE, "cache" => cache, "result" => "miss"),
        }
    }

    /// Counts one that found something, or did not.
    pub(crate) fn count(&self, has_found: bool) {
        if has_found {
            self.hits.increment(1);
        } else {
            self.misses.increment(1);
        }
    }
}
