//! Identifiers: one type per resource, so that they cannot be mixed up.

/// A number that identifies a resource.
pub trait Identifier: Copy {
    /// Name of the resource, such as `Task`. Global ids and messages contain it.
    const RESOURCE: &'static str;

    /// The id with this number.
    fn from_number(number: i32) -> Self;

    /// The number.
    fn number(self) -> i32;
}

/// Declares id types. A new resource declares its own in its module.
macro_rules! identifiers {
    ($($(#[$doc:meta])* $name:ident($resource:literal);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i32);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl $crate::domain::id::Identifier for $name {
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
pub(in crate::domain) use identifiers;

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
}
