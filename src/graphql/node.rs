//! Global ids: opaque to clients, unique over all types.

use std::fmt;

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::error::{Error, Result, excerpt};
use crate::domain::id::{AttachmentId, NotificationId, SessionId, TaskId, UserId};

/// A noun with global ids.
pub trait GlobalId: Sized {
    /// The name of its type in the schema.
    const TYPE: &'static str;

    /// The number inside.
    fn number(self) -> i32;

    /// The id with this number.
    fn from_number(number: i32) -> Self;

    /// The global id.
    fn to_global(self) -> ID {
        ID(URL_SAFE_NO_PAD.encode(format!("{}:{}", Self::TYPE, self.number())))
    }

    /// Reads the global id at this path of the arguments; errors name the path.
    fn from_global(place: impl fmt::Display, id: &ID) -> Result<Self> {
        let number = URL_SAFE_NO_PAD.decode(id.as_bytes()).ok().and_then(|bytes| {
            let text = String::from_utf8(bytes).ok()?;
            text.strip_prefix(Self::TYPE)?.strip_prefix(':')?.parse().ok()
        });
        number.map(Self::from_number).ok_or_else(|| Error::BadInput {
            field: "id",
            message: format!(
                "{place}: '{}' is not the id of {} {}; use an id that this server gave, unchanged",
                excerpt(id),
                if Self::TYPE.starts_with('A') { "an" } else { "a" },
                Self::TYPE
            ),
        })
    }
}

impl GlobalId for TaskId {
    const TYPE: &'static str = "Task";

    fn number(self) -> i32 {
        self.0
    }

    fn from_number(number: i32) -> Self {
        Self(number)
    }
}

impl GlobalId for UserId {
    const TYPE: &'static str = "User";

    fn number(self) -> i32 {
        self.0
    }

    fn from_number(number: i32) -> Self {
        Self(number)
    }
}

impl GlobalId for AttachmentId {
    const TYPE: &'static str = "Attachment";

    fn number(self) -> i32 {
        self.0
    }

    fn from_number(number: i32) -> Self {
        Self(number)
    }
}

impl GlobalId for SessionId {
    const TYPE: &'static str = "Session";

    fn number(self) -> i32 {
        self.0
    }

    fn from_number(number: i32) -> Self {
        Self(number)
    }
}

impl GlobalId for NotificationId {
    const TYPE: &'static str = "Notification";

    fn number(self) -> i32 {
        self.0
    }

    fn from_number(number: i32) -> Self {
        Self(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_another_type_or_none_at_all_is_refused_by_name() {
        let id = TaskId(7).to_global();
        assert_eq!(TaskId::from_global("id", &id).unwrap(), TaskId(7));
        for wrong in [id, ID::from("7"), ID::from("")] {
            let error = UserId::from_global("assigneeId", &wrong).unwrap_err();
            assert!(error.to_string().starts_with("assigneeId: '"), "{error}");
        }
    }
}
