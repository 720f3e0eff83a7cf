//! Global ids: opaque to clients, unique over all types.

use std::fmt;

use async_graphql::ID;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::error::{Error, Result, excerpt};
use crate::domain::id::Identifier;

/// The global id of an id.
pub trait GlobalId: Identifier {
    /// Encodes the global id: base64url of type and number.
    fn to_global(self) -> ID {
        global_id(Self::RESOURCE, self.number())
    }

    /// The id in a global id of this type.
    #[must_use]
    fn parse_global(id: &ID) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(id.as_bytes()).ok()?).ok()?;
        let number = text.strip_prefix(Self::RESOURCE)?.strip_prefix(':')?.parse().ok()?;
        Some(Self::from_number(number))
    }

    /// Decodes a global id. `path` is its path in the arguments, for errors.
    fn from_global(path: impl fmt::Display, id: &ID) -> Result<Self> {
        Self::parse_global(id).ok_or_else(|| wrong_id(path, id, &[Self::RESOURCE]))
    }

    /// Decodes the global ids of a list. `path` is the path of the list in the arguments, for errors.
    fn all_from_global(path: &str, ids: &[ID]) -> Result<Vec<Self>> {
        let ids = ids.iter().enumerate();
        ids.map(|(position, id)| Self::from_global(format_args!("{path}.{position}"), id))
            .collect()
    }
}

impl<T: Identifier> GlobalId for T {}

/// The global id of a resource.
pub(super) fn global_id(resource: &str, number: i32) -> ID {
    ID(URL_SAFE_NO_PAD.encode(format!("{resource}:{number}")))
}

/// The error for a value that is not a global id of these types.
pub(super) fn wrong_id(path: impl fmt::Display, id: &ID, types: &[&str]) -> Error {
    let names = types.iter().map(|name| {
        let article = if name.starts_with('A') { "an" } else { "a" };
        format!("{article} {name}")
    });
    let names: Vec<String> = names.collect();
    let allowed = match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    };
    let message = format!(
        "{path}: '{}' is not the id of {allowed}; use an id that this server gave, unchanged",
        excerpt(id)
    );
    Error::bad_input("id", message)
}
