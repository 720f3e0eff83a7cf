//! The three states of a field in an update: absent, null, or a value.

use serde::{Deserialize, Deserializer};

use super::error::{Result, Violations};

/// One field of an update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    /// Absent: the field is unchanged.
    #[default]
    Absent,
    /// Null: the field is cleared.
    Null,
    /// A new value.
    Value(T),
}

impl<T> Patch<T> {
    /// Applies the change to an optional field.
    pub fn apply(self, field: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *field = None,
            Self::Value(value) => *field = Some(value),
        }
    }

    /// For a required field: null is a violation of `field`.
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

    /// Validates and converts the value, if there is one. Errors are added to `violations`.
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

/// The field needs `#[serde(default)]`, so that a missing one is [`Patch::Absent`].
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<T>::deserialize(deserializer)?.map_or(Self::Null, Self::Value))
    }
}
