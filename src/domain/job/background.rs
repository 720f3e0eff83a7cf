//! Background work that is started over REST.

use crate::domain::clock::Timestamp;
use crate::domain::id::JobId;

/// A background task of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackgroundTask {
    /// The task's id.
    pub id: JobId,
    /// Its status.
    pub status: BackgroundTaskStatus,
    /// When it was queued.
    pub created_at: Timestamp,
    /// When it ended; `None` until then.
    pub finished_at: Option<Timestamp>,
}

/// Status of a background task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackgroundTaskStatus {
    /// It waits for its first or next attempt.
    Queued,
    /// A server runs it.
    Running,
    /// It succeeded.
    Done,
    /// It failed permanently.
    Failed,
}

impl BackgroundTaskStatus {
    /// The name in REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}
