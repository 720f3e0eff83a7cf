//! The kinds of jobs, and which ones recur.

use chrono::TimeDelta;

/// The kind of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Sends a notification by mail.
    SendMail,
    /// Sends the token that verifies an e-mail address.
    VerifyEmail,
    /// Removes the files of a purged task.
    RemoveFiles,
    /// Counts the tasks of the user who requested it.
    BackgroundTask,
    /// Sends notifications of due dates.
    NotifyDue,
    /// Purges tasks whose time in the trash is over.
    PurgeTrash,
    /// Removes files without a database row.
    RemoveOrphans,
    /// Deletes the oldest events.
    ForgetEvents,
    /// Deletes ended sessions.
    ForgetSessions,
    /// Deletes expired idempotency keys.
    ForgetKeys,
    /// Deletes ended jobs.
    ForgetJobs,
}

impl JobKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::SendMail,
        Self::VerifyEmail,
        Self::RemoveFiles,
        Self::BackgroundTask,
        Self::NotifyDue,
        Self::PurgeTrash,
        Self::RemoveOrphans,
        Self::ForgetEvents,
        Self::ForgetSessions,
        Self::ForgetKeys,
        Self::ForgetJobs,
    ];

    /// The kinds that wait for a mail server.
    pub(super) const MAILS: [Self; 2] = [Self::SendMail, Self::VerifyEmail];

    /// The name in the database and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendMail => "send_mail",
            Self::VerifyEmail => "verify_email",
            Self::RemoveFiles => "remove_files",
            Self::BackgroundTask => "background_task",
            Self::NotifyDue => "notify_due",
            Self::PurgeTrash => "purge_trash",
            Self::RemoveOrphans => "remove_orphans",
            Self::ForgetEvents => "forget_events",
            Self::ForgetSessions => "forget_sessions",
            Self::ForgetKeys => "forget_keys",
            Self::ForgetJobs => "forget_jobs",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The wait between two runs, if it recurs.
    #[must_use]
    pub fn recurs_after(self) -> Option<TimeDelta> {
        match self {
            Self::SendMail | Self::VerifyEmail | Self::RemoveFiles | Self::BackgroundTask => None,
            Self::NotifyDue => Some(TimeDelta::minutes(1)),
            Self::PurgeTrash | Self::ForgetEvents | Self::ForgetSessions | Self::ForgetKeys | Self::ForgetJobs => {
                Some(TimeDelta::hours(1))
            }
            Self::RemoveOrphans => Some(TimeDelta::days(1)),
        }
    }

    /// The wait before the first run. Operators who start a server with the wrong database have a day to notice before
    /// files are removed.
    pub(super) fn first_after(self) -> TimeDelta {
        match self {
            Self::RemoveOrphans => TimeDelta::days(1),
            _ => TimeDelta::zero(),
        }
    }
}
