//! Work that somebody asks for over REST.

use crate::domain::clock::Timestamp;
use crate::domain::id::JobId;

/// Something that is done in the background for somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackgroundTask {
    /// Its number.
    pub id: JobId,
    /// How far it has come.
    pub status: BackgroundTaskStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was done or given up.
    pub finished_at: Option<Timestamp>,
}

/// How far something in the background has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackgroundTaskStatus {
    /// It waits, for the first attempt or for another one.
    Queued,
    /// A server works on it.
    Running,
    /// It is done.
    Done,
    /// It was given up.
    Failed,
}

impl BackgroundTaskStatus {
    /// The name that REST shows.
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
