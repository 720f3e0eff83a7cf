//! The kinds of jobs, and which ones recur.

use chrono::TimeDelta;

use crate::domain::named_enum::named_enum;

named_enum! {
    /// The kind of a job, with its name in the database and in metrics.
    JobKind {
        /// Sends a notification by mail.
        SendMail = "send_mail",
        /// Sends the token that verifies an e-mail address.
        VerifyEmail = "verify_email",
        /// Removes the files of a purged task.
        RemoveFiles = "remove_files",
        /// Counts the tasks of the user who requested it.
        BackgroundTask = "background_task",
        /// Sends notifications of due dates.
        NotifyDue = "notify_due",
        /// Purges tasks whose time in the trash is over.
        PurgeTrash = "purge_trash",
        /// Removes files without a database row.
        RemoveOrphans = "remove_orphans",
        /// Deletes the oldest events.
        ForgetEvents = "forget_events",
        /// Deletes ended sessions.
        ForgetSessions = "forget_sessions",
        /// Deletes expired idempotency keys.
        ForgetKeys = "forget_keys",
        /// Deletes ended jobs.
        ForgetJobs = "forget_jobs",
    }
}

impl JobKind {
    /// The kinds that wait for a mail server.
    pub(super) const MAILS: [Self; 2] = [Self::SendMail, Self::VerifyEmail];

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
