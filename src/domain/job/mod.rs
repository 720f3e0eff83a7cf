//! Background work: a queue in the database that all servers share.
//!
//! Jobs are rows, enqueued in the transaction of the write that causes them (transactional outbox). A server claims a
//! job with a lease and renews it while the job runs. If the server dies, the lease expires and another server takes
//! over. Failed jobs are retried with growing waits, then kept as dead. A recurring job is one row per kind. It is
//! rescheduled when it ends, so it runs once, whatever the number of servers.
//!
//! A job may run twice: a server can die after the work and before it stores the outcome. So all work is idempotent.
//!
//! | module | content |
//! |---|---|
//! | `kind` | the kinds of jobs, and which ones recur |
//! | `background` | background tasks over REST |
//! | `worker` | the worker of a node, which claims jobs |
//! | `attempt` | one attempt: renews the lease, stores the outcome |
//! | `work` | the work of each kind |
//! | `mail` | the kinds that send mail, and the limit per address |
//! | `retry` | when a failed job runs again |

mod attempt;
mod background;
mod kind;
mod mail;
mod retry;
mod work;
mod worker;

pub use self::background::{BackgroundTask, BackgroundTaskStatus, MAX_MESSAGE_LENGTH};
pub use self::kind::JobKind;
pub(super) use self::retry::Failure;
pub use self::retry::MAX_ATTEMPTS;
pub(crate) use self::worker::WorkerHandle;

use std::sync::Arc;

use serde_json::Value;

use self::worker::Worker;
use super::actor::Actor;
use super::clock::Timestamp;
use super::error::Result;
use super::id::{UserId, identifiers};
use super::{Core, policy, store};

identifiers! {
    /// Id of a job. Users see only those of their background tasks.
    JobId("BackgroundTask");
}

/// A job to enqueue.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) kind: JobKind,
    pub(crate) payload: Value,
    /// Earliest start.
    pub(crate) run_at: Timestamp,
    pub(crate) now: Timestamp,
}

impl NewJob {
    /// A job that may start at once.
    pub(crate) fn new(kind: JobKind, payload: Value, now: Timestamp) -> Self {
        Self {
            kind,
            payload,
            run_at: now,
            now,
        }
    }
}

/// A claimed job.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) id: JobId,
    pub(crate) kind: JobKind,
    pub(crate) payload: Value,
    /// The user who requested it, if any.
    pub(crate) user_id: Option<UserId>,
    /// The name of the node.
    pub(crate) owner: String,
    /// Number of the attempt, from 1. Together with the owner it identifies the claim.
    pub(crate) attempt: i32,
}

/// The outcome of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum JobOutcome {
    /// The job succeeded.
    Done,
    /// The job succeeded, and recurs.
    Again { at: Timestamp },
    /// The job failed, and is retried.
    Retry { at: Timestamp, error: String },
    /// The job failed permanently.
    Dead { error: String },
}

impl JobOutcome {
    /// The name in metrics.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Done | Self::Again { .. } => "done",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
        }
    }
}

/// Statistics of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// Number of due jobs that wait.
    pub pending: u64,
    /// Number of running jobs.
    pub running: u64,
    /// Number of recurring jobs, due or not.
    pub recurring: u64,
    /// Number of dead jobs.
    pub dead: u64,
    /// Due time of the oldest waiting job; `None` if none waits.
    pub waiting_since: Option<Timestamp>,
    /// Kind and error of the most recent failure, unless that job has succeeded since.
    pub newest_failure: Option<(String, String)>,
}

/// The use cases of background work.
#[derive(Clone, Copy, Debug)]
pub struct Jobs<'a> {
    core: &'a Arc<Core>,
}

impl<'a> Jobs<'a> {
    pub(super) fn new(core: &'a Arc<Core>) -> Self {
        Self { core }
    }

    /// Starts the worker. It runs until [`close`](Self::close).
    pub fn start(self) {
        self.core.worker_handle.open();
        tokio::spawn(Worker::new(Arc::clone(self.core)).run());
    }

    /// Stops claiming jobs.
    pub fn close(self) {
        self.core.worker_handle.close();
    }

    /// Waits until the running jobs have ended.
    pub async fn drained(self) {
        self.core.worker_handle.ended().await;
    }

    /// Aborts the running jobs and releases their leases, so that another node can start them at once.
    pub async fn give_back(self) {
        self.core.worker_handle.abort();
        self.core.worker_handle.ended().await;
    }

    /// Schedules recurring jobs, then runs all due jobs one by one. Returns the number of attempts. For tests, and
    /// where no server runs.
    pub async fn run_until_idle(self, actor: &Actor) -> Result<usize> {
        Worker::new(Arc::clone(self.core)).run_until_idle(actor).await
    }

    /// Statistics of the queue, over all nodes.
    pub async fn queue_stats(self, actor: &Actor) -> Result<QueueStats> {
        let scope = policy::scope(actor)?;
        store::job::queue_stats(&self.core.store.reader(actor), &scope, self.core.clock.now()).await
    }
}
