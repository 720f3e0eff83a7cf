//! Identifiers: one type a noun, so that a user's number never passes for a task's.

use serde::{Deserialize, Serialize};

/// Declares the identifier of one noun.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i32);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

identifier!(
    /// Which task.
    TaskId
);
identifier!(
    /// Which user.
    UserId
);
identifier!(
    /// Which session: one refresh token and the access tokens that came with it.
    SessionId
);
identifier!(
    /// Which notification.
    NotificationId
);
identifier!(
    /// Which attachment.
    AttachmentId
);
identifier!(
    /// Which job.
    JobId
);
