//! The domain's enums as the schema's, `Date`, and the input side of `DateTime` and `Date`.

use std::borrow::Cow;
use std::fmt;

use async_graphql::registry::Registry;
use async_graphql::{Enum, InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};
use chrono::NaiveDate;

use super::error::camel_case;
use crate::domain::actor;
use crate::domain::clock::{Timestamp, check_moment, read_day, start_of_day};
use crate::domain::error::{Error, Result, excerpt};
use crate::domain::event;
use crate::domain::local_time::check_day;
use crate::domain::notification;
use crate::domain::page;
use crate::domain::task;
use crate::domain::task::workflow;

/// A day of the calendar, without a time and a time zone, such as 2026-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// A day of the calendar, without a time and a time zone, such as 2026-12-31.
#[Scalar]
impl ScalarType for Date {
    fn parse(value: Value) -> InputValueResult<Self> {
        let read = match &value {
            Value::String(text) => Self::read(text),
            _ => None,
        };
        read.ok_or_else(|| InputValueError::expected_type(value))
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A scalar that clients write as a string.
pub trait Written: InputType {
    /// What a value is, and an example, for messages.
    const ALLOWED: &'static str;

    /// The value that is written so.
    fn read(text: &str) -> Option<Self>;
}

impl Written for Timestamp {
    const ALLOWED: &'static str =
        "a date and time; use RFC 3339, such as 2026-12-01T12:00:00Z, or a date, such as 2026-12-01";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().or_else(|| start_of_day(text))
    }
}

impl Written for Date {
    const ALLOWED: &'static str = "a date; use year, month and day, such as 2026-12-31";

    fn read(text: &str) -> Option<Self> {
        read_day(text).map(Self)
    }
}

/// A scalar as the client sent it. An invalid value is kept: the library's error names neither the input field nor the
/// allowed format, and fails the whole mutation.
#[derive(Clone, Debug)]
pub struct Sent<T>(std::result::Result<T, Value>);

/// A `DateTime` as the client sent it.
pub type SentDateTime = Sent<Timestamp>;
/// A `Date` as the client sent it.
pub type SentDate = Sent<Date>;

impl<T: Written> InputType for Sent<T> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        T::type_name()
    }

    fn create_type_info(registry: &mut Registry) -> String {
        T::create_type_info(registry)
    }

    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        let value = value.unwrap_or_default();
        let read = match &value {
            Value::String(text) => T::read(text),
            _ => None,
        };
        Ok(Self(read.ok_or(value)))
    }

    fn to_value(&self) -> Value {
        match &self.0 {
            Ok(value) => InputType::to_value(value),
            Err(sent) => sent.clone(),
        }
    }

    fn as_raw_value(&self) -> Option<&Self::RawValueType> {
        Some(self)
    }
}

impl<T: Written> Sent<T> {
    /// The value of an input field, named in `snake_case`. Invalid values are user errors.
    pub(super) fn for_input(self, field: &'static str) -> Result<T> {
        self.0
            .map_err(|sent| Error::invalid(field, invalid::<T>(camel_case(field), &sent)))
    }

    /// The value at this path of a filter. Invalid values are `BadInput`.
    fn for_condition(self, place: impl fmt::Display) -> Result<T> {
        self.0.map_err(|sent| Error::BadInput {
            field: "filter",
            message: invalid::<T>(place, &sent),
        })
    }
}

/// A scalar of which years that no stored date has are refused in filters.
pub trait Compared: Written {
    /// The value that is stored.
    type Stored;

    /// The stored value, if its year is one of those that can be stored.
    fn check(self) -> Result<Self::Stored>;
}

impl Compared for Timestamp {
    type Stored = Self;

    fn check(self) -> Result<Self> {
        check_moment("moment", self)
    }
}

impl Compared for Date {
    type Stored = NaiveDate;

    fn check(self) -> Result<NaiveDate> {
        check_day("day", self.0)
    }
}

impl<T: Compared> Sent<T> {
    /// The value at this path of a filter. Invalid values and years that no stored date has are `BadInput`.
    pub(super) fn for_filter(self, place: impl fmt::Display) -> Result<T::Stored> {
        let value = self.for_condition(&place)?;
        value.check().map_err(|error| error.at(place))
    }
}

fn invalid<T: Written>(place: impl fmt::Display, sent: &Value) -> String {
    let shown = match sent {
        Value::String(text) => format!("'{}'", excerpt(text)),
        other => excerpt(&other.to_string()).into_owned(),
    };
    format!("{place}: {shown} is not {}", T::ALLOWED)
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "workflow::Status")]
pub enum TaskStatus {
    /// Not begun. May become `IN_PROGRESS`, `DONE` or `CANCELLED`.
    Todo,
    /// Being worked on. May become `TODO`, `DONE` or `CANCELLED`.
    InProgress,
    /// Finished. May become `TODO`.
    Done,
    /// Given up. May become `TODO`.
    Cancelled,
}

/// How urgent a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::Priority")]
pub enum TaskPriority {
    /// Can wait.
    Low,
    /// The ordinary case.
    Medium,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "actor::Role")]
pub enum Role {
    /// Works with the tasks it owns or is assigned to.
    User,
    /// Sees and manages everything.
    Admin,
}

/// What happened to a task. A write that did several things is named after the first of these that it
/// did: move, hand over, update, tag; `changes` tells them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "event::EventType")]
pub enum TaskEventType {
    /// It was made.
    Created,
    /// Its title, description, priority, due date or owner changed.
    Updated,
    /// It moved along the workflow.
    StatusChanged,
    /// It was handed to somebody.
    Assigned,
    /// It was taken from somebody.
    Unassigned,
    /// It got tags.
    Tagged,
    /// It lost tags.
    Untagged,
    /// It got a file.
    Attached,
    /// It lost a file.
    Detached,
    /// It went to the trash.
    Deleted,
    /// It came back from the trash.
    Restored,
    /// It was deleted for good.
    Purged,
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "notification::NotificationKind")]
pub enum NotificationKind {
    /// A task was assigned to you.
    Assigned,
    /// A task that you own or that is assigned to you moved along the workflow.
    StatusChanged,
    /// An open task that you own or that is assigned to you is due within 24 hours.
    DueSoon,
    /// The due date of an open task that you own or that is assigned to you is over.
    Overdue,
}

/// What becomes of the other tasks when one cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::ErrorPolicy")]
pub enum BulkErrorPolicy {
    /// Nothing is written; those that could have been changed have the user error `ABORTED`.
    AllOrNothing,
    /// They are changed all the same.
    Partial,
}

/// Which way a list is sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "page::Direction")]
pub enum OrderDirection {
    /// The smallest first; rows without a value come last.
    #[graphql(name = "ASC")]
    Ascending,
    /// The greatest first; rows without a value come first.
    #[graphql(name = "DESC")]
    Descending,
}

/// By what tasks can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::TaskSortField")]
pub enum TaskOrderField {
    /// When the task was made.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// Until when it should be done; tasks without a due date count as later than all others.
    DueDate,
    /// From `LOW` to `URGENT`.
    Priority,
    /// From `TODO` over `IN_PROGRESS` and `DONE` to `CANCELLED`.
    Status,
    /// By the letters of the title, in any case.
    Title,
    /// When it went to the trash; tasks that are not there count as later than all others.
    DeletedAt,
    /// By number.
    Id,
    /// When it was done; tasks that are not done count as later than all others.
    CompletedAt,
    /// Tasks that are done after all others.
    Completed,
    /// By the number of the owner.
    Owner,
    /// By the number of the assignee; tasks without one count as greater than all others.
    Assignee,
    /// By the first 255 characters of the description, in any case; tasks without one count as smaller than all others.
    Description,
    /// By the number of changes.
    Version,
}
