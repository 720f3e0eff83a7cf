//! Background work: a queue in the database that all servers share.
//!
//! A job is a row, queued in the transaction of the write that it is the rest of. A server claims it, and has it alone
//! for as long as it renews its claim; one that dies stops doing so, and another takes over. What fails is tried again,
//! with growing waits, and finally given up and kept to be looked at. What recurs is one row for each kind, which is
//! put off to its next time when it is done: so however many servers there are, it is done once.
//!
//! A job may be begun twice: a server can die between the work and the note that it is done. So each kind of work is
//! such that doing it again does no harm.
//!
//! | module | what lives there |
//! |---|---|
//! | `use_cases` | starting and stopping, and how the queue stands |
//! | `kind` | the kinds of jobs, and which of them recur |
//! | `background`, `background_queue` | what somebody asks for over REST |
//! | `worker` | the one task of a node that claims jobs |
//! | `attempt` | one attempt: the claim is renewed meanwhile, and what came of it is noted |
//! | `work` | what each kind does |
//! | `mail` | the kinds that send mail, and how many mails an address gets |
//! | `retry` | when a job that failed is tried again |

mod attempt;
mod background;
mod background_queue;
mod kind;
mod mail;
mod retry;
mod use_cases;
mod work;
mod worker;

pub use self::background::{BackgroundTask, BackgroundTaskStatus};
pub use self::background_queue::MAX_MESSAGE_LENGTH;
pub use self::kind::JobKind;
pub use self::retry::MAX_ATTEMPTS;
pub use self::use_cases::Jobs;
pub(crate) use self::worker::WorkerHandle;

use serde_json::Value;

use super::clock::Timestamp;
use super::id::{JobId, UserId};

/// A job that is about to be queued.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) kind: JobKind,
    pub(crate) payload: Value,
    /// Not before this moment.
    pub(crate) run_at: Timestamp,
    pub(crate) now: Timestamp,
}

impl NewJob {
    /// One that may be run at once.
    pub(crate) fn new(kind: JobKind, payload: Value, now: Timestamp) -> Self {
        Self {
            kind,
            payload,
            run_at: now,
            now,
        }
    }
}

/// For how long a node has the jobs that it claims.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lease<'a> {
    /// The node.
    pub(crate) owner: &'a str,
    /// Now.
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
}

/// A job that a node works on.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) id: JobId,
    pub(crate) kind: JobKind,
    pub(crate) payload: Value,
    /// Who asked for it, if somebody did.
    pub(crate) user_id: Option<UserId>,
    /// The node.
    pub(crate) owner: String,
    /// Which attempt this is, from 1. With the owner it tells this claim from any other.
    pub(crate) attempt: i32,
}

/// What came of an attempt.
#[derive(Clone, Debug)]
pub(crate) enum JobOutcome {
    /// It is done.
    Done,
    /// It is done, and recurs.
    Again { at: Timestamp },
    /// It failed, and is tried again.
    Retry { at: Timestamp, error: String },
    /// It failed, and is given up.
    Dead { error: String },
}

impl JobOutcome {
    /// The name in metrics.
    fn outcome(&self) -> &'static str {
        match self {
            Self::Done | Self::Again { .. } => "done",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
        }
    }
}

/// How the queue stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueStats {
    /// How many jobs are due and wait.
    pub pending: u64,
    /// How many are worked on.
    pub running: u64,
    /// How many were given up.
    pub dead: u64,
    /// Since when the oldest of those that wait is due.
    pub waiting_since: Option<Timestamp>,
    /// Kind and error of the job that failed last and was not done since.
    pub newest_failure: Option<(String, String)>,
}
