//! What an update says of one field: nothing, "clear it", or a value. They are three things.

use serde::{Deserialize, Deserializer};

use super::error::Violations;

/// One field of an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// The field was left out: it stays as it is.
    #[default]
    Absent,
    /// The field was given as null: it is cleared.
    Null,
    /// The field was given.
    Value(T),
}

impl<T> Patch<T> {
    /// For a field that may be empty: `None` leaves it, `Some(None)` clears it.
    pub fn nullable(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }

    /// For a field that cannot be empty: null is a violation of `field`.
    pub fn required(self, field: &'static str, violations: &mut Violations) -> Option<T> {
        match self {
            Self::Absent => None,
            Self::Null => {
                violations.invalid(
                    field,
                    format!("{field} cannot be null; leave it out to keep it as it is"),
                );
                None
            }
            Self::Value(value) => Some(value),
        }
    }

    /// Converts the value, if there is one.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Patch<U> {
        match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => Patch::Value(convert(value)),
        }
    }
}

impl<T> From<Option<Option<T>>> for Patch<T> {
    fn from(value: Option<Option<T>>) -> Self {
        value.map_or(Self::Absent, |given| given.map_or(Self::Null, Self::Value))
    }
}

/// Needs `#[serde(default)]` on the field, so that a missing one is [`Patch::Absent`].
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}
