//! The kinds of jobs, and which of them recur.

use chrono::TimeDelta;

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Sends a notification by mail.
    SendMail,
    /// Sends the token that verifies an e-mail address.
    VerifyEmail,
    /// Removes the files of a task that was deleted for good.
    RemoveFiles,
    /// Counts the tasks of whoever asked for it.
    BackgroundTask,
    /// Tells of due dates that are near or over.
    NotifyDue,
    /// Deletes for good what is in the trash for too long.
    PurgeTrash,
    /// Removes files that nothing in the database knows of.
    RemoveOrphans,
    /// Forgets the oldest part of the event log.
    ForgetEvents,
    /// Forgets sessions that are over.
    ForgetSessions,
    /// Forgets keys of requests whose time is over.
    ForgetKeys,
    /// Forgets jobs that have ended.
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

    /// Those that wait for a mail server.
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

    /// The kind of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// How long after its end it is done again, if it recurs.
    #[must_use]
    pub fn recurs_after(self) -> Option<TimeDelta> {
        match self {
            Self::SendMail | Self::VerifyEmail | Self::RemoveFiles | Self::BackgroundTask => None,
            Self::NotifyDue => Some(TimeDelta::minutes(1)),
            Self::PurgeTrash | Self::ForgetEvents | Self::ForgetSessions | Self::ForgetKeys | Self::ForgetJobs => {
                Some(TimeDelta::state(1))
            }
            Self::RemoveOrphans => Some(TimeDelta::days(1)),
        }
    }

    /// How long it waits before it is done for the first time. Whoever started a server over a wrong database has a
    /// day to notice before files are removed.
    pub(super) fn first_after(self) -> TimeDelta {
        match self {
            Self::RemoveOrphans => TimeDelta::days(1),
            _ => TimeDelta::zero(),
        }
    }
}
