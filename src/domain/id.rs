//! Identifiers: one type per resource, so that they cannot be mixed up.

use serde::{Deserialize, Serialize};

/// A number that identifies a resource.
pub trait Identifier: Copy {
    /// Name of the resource. Global ids contain it.
    const RESOURCE: &'static str;

    /// The id with this number.
    fn from_number(number: i32) -> Self;

    /// The number.
    fn number(self) -> i32;
}

macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident($resource:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i32);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Identifier for $name {
            const RESOURCE: &'static str = $resource;

            fn from_number(number: i32) -> Self {
                Self(number)
            }

            fn number(self) -> i32 {
                self.0
            }
        }
    )*};
}

identifiers! {
    /// Id of a task.
    TaskId("Task");
    /// Id of a user.
    UserId("User");
    /// Id of a session: one refresh token and its access tokens.
    SessionId("Session");
    /// Id of a notification.
    NotificationId("Notification");
    /// Id of an attachment.
    AttachmentId("Attachment");
    /// Id of a job.
    JobId("Job");
}
