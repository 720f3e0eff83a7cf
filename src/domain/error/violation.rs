//! Violations: which values of an input are invalid, and why.

use std::fmt;

use super::{Code, Error, Result};
use crate::domain::id::UserId;

/// An invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, in `snake_case`.
    pub field: &'static str,
    /// The problem, for programs.
    pub kind: ViolationKind,
    /// The problem and what is allowed, for people.
    pub message: String,
}

impl Violation {
    /// [`Code::Invalid`] or [`Code::Taken`].
    #[must_use]
    pub fn code(&self) -> Code {
        match self.kind {
            ViolationKind::Taken(_) => Code::Taken,
            _ => Code::Invalid,
        }
    }
}

/// The problem with a value, with the limit if it is a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ViolationKind {
    /// See the message.
    #[default]
    Other,
    /// A required field is absent.
    Missing,
    /// A text has fewer characters than this minimum.
    TooShort(usize),
    /// A text has more characters than this maximum.
    TooLong(usize),
    /// A list has fewer elements than this minimum.
    TooFew(usize),
    /// A number is less than this minimum.
    TooSmall(usize),
    /// A number or count is greater than this maximum.
    TooLarge(usize),
    /// It is not one of the allowed values.
    NotOneOf,
    /// It is not a boolean.
    NotBoolean,
    /// It is not an integer.
    NotInteger,
    /// It is not a list.
    NotList,
    /// It is not a date or time.
    NotDate,
    /// Another resource uses this value.
    Taken(String),
    /// There is no active user with this id. Each API formats ids itself.
    UnknownUser(UserId),
}

impl ViolationKind {
    pub(crate) fn of_length(length: usize, min: usize, max: usize) -> Self {
        if length < min {
            Self::TooShort(min)
        } else {
            Self::TooLong(max)
        }
    }
}

/// All problems of one input, so that clients can fix them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Adds a problem of `field`.
    pub fn invalid(&mut self, field: &'static str, message: impl Into<String>) {
        self.add(field, ViolationKind::Other, message);
    }

    /// Adds a problem of `field`, with its kind.
    pub fn add(&mut self, field: &'static str, kind: ViolationKind, message: impl Into<String>) {
        self.0.push(Violation {
            field,
            kind,
            message: message.into(),
        });
    }

    /// Adds the problems of `result`, or returns its value. Other errors are returned.
    pub fn check<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(more)) => {
                self.0.extend(more.0);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Fails if there is any problem.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self))
        }
    }

    /// The problems, in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    pub(super) fn code(&self) -> Code {
        self.0.first().map_or(Code::Invalid, Violation::code)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, violation) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&violation.message)?;
        }
        Ok(())
    }
}

impl Error {
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::violation(field, ViolationKind::Other, message)
    }

    pub(crate) fn violation(field: &'static str, kind: ViolationKind, message: impl Into<String>) -> Self {
        let mut violations = Violations::default();
        violations.add(field, kind, message);
        Self::Invalid(violations)
    }

    pub(crate) fn wrong_length(field: &'static str, length: usize, min: usize, max: usize) -> Self {
        let range = if min == 0 {
            format!("up to {max}")
        } else {
            format!("{min} to {max}")
        };
        let message = format!("{field} is {length} characters long; {range} are allowed");
        Self::violation(field, ViolationKind::of_length(length, min, max), message)
    }

    pub(crate) fn taken(field: &'static str, value: &str) -> Self {
        let message = format!("{field} '{value}' is already taken");
        Self::violation(field, ViolationKind::Taken(value.to_owned()), message)
    }

    /// The user does not exist or is not active.
    pub(crate) fn unknown_user(field: &'static str, user: UserId) -> Self {
        let message = format!("{field}: there is no active user {user}");
        Self::violation(field, ViolationKind::UnknownUser(user), message)
    }

    /// Converts the error of one invalid field to `BadInput` of the argument at `place`.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        let Self::Invalid(Violations(violations)) = &self else {
            return self;
        };
        let [violation] = violations.as_slice() else {
            return self;
        };
        let message = violation.message.strip_prefix(violation.field);
        Self::BadInput {
            field: violation.field,
            message: format!("{place}{}", message.unwrap_or(&violation.message)),
        }
    }
}
