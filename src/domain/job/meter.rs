//! What is counted of jobs. The names are Prometheus's own style; `/metrics` shows them.

/// Jobs that are due and wait.
pub(super) const PENDING: &str = "taskwire_jobs_pending";
/// Jobs that a server works on.
pub(super) const RUNNING: &str = "taskwire_jobs_running";
/// Jobs that were given up.
pub(super) const DEAD: &str = "taskwire_jobs_dead";
/// Attempts, by kind and by what came of them.
pub(super) const TOTAL: &str = "taskwire_jobs_total";
/// How long attempts took, by kind.
pub(super) const SECONDS: &str = "taskwire_job_seconds";

/// What goes up and down, with what it means. These are of the whole queue, and so the same on every server.
pub const GAUGES: [(&str, &str); 3] = [
    (
        PENDING,
        "Jobs of the queue that are due and wait, of all servers together",
    ),
    (RUNNING, "Jobs of the queue that are worked on, by all servers together"),
    (
        DEAD,
        "Jobs that were given up after too many failures, of all servers together",
    ),
];

/// What only goes up, with what it means. It has the labels `kind` and `outcome`: done, retry, dead or lost.
pub const COUNTERS: [(&str, &str); 1] = [(TOTAL, "Attempts to do a job on this server, by kind and outcome")];

/// What is measured each time, with what it means. It has the label `kind`.
pub const HISTOGRAMS: [(&str, &str); 1] = [(
    SECONDS,
    "How long an attempt to do a job took on this server, in seconds",
)];
