//! What an update says of one field: nothing, "clear it", or a value. They are three things.

use serde::{Deserialize, Deserializer};

use super::error::{Result, Violations};

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
    /// Changes a field that may be empty.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *field = None,
            Self::Value(value) => *field = Some(value),
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

    /// Checks the value, if there is one, and gives it as it will be stored. What is wrong with it is noted.
    pub fn check<U>(self, violations: &mut Violations, check: impl FnOnce(T) -> Result<U>) -> Result<Patch<U>> {
        Ok(match self {
            Self::Absent => Patch::Absent,
            Self::Null => Patch::Null,
            Self::Value(value) => violations.check(check(value))?.map_or(Patch::Absent, Patch::Value),
        })
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

/// Needs `#[serde(default)]` on the field, so that a missing one is [`Patch::Absent`].
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}
