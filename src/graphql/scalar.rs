//! Enums and scalars of the schema. `DateTime` and `Date` have input types that report invalid values as user errors.

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

/// Calendar day without a time and time zone, such as 2026-12-31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date(pub NaiveDate);

/// Calendar day without a time and time zone, such as 2026-12-31.
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

/// A scalar that clients send as a string.
pub trait Written: InputType {
    /// Allowed values with an example, for error messages.
    const ALLOWED: &'static str;

    /// Parses a string.
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

/// A scalar as the client sent it. An invalid value is kept and reported later. An error of the library would fail the
/// whole mutation, and name neither the input field nor the allowed format.
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
    /// The value of an input field. `field` is in snake case. Invalid values are user errors.
    pub(super) fn for_input(self, field: &'static str) -> Result<T> {
        self.0
            .map_err(|sent| Error::invalid(field, invalid::<T>(camel_case(field), &sent)))
    }
}

/// A scalar that filters compare with stored values.
pub trait Compared: Written {
    /// Type of the stored value.
    type Stored;

    /// Converts the value. Only the years 1 to 9999 are allowed.
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
    /// The value of a condition; `path` is its path in the filter. Invalid values and years are `BadInput`.
    pub(super) fn for_filter(self, path: impl fmt::Display) -> Result<T::Stored> {
        let value = self
            .0
            .map_err(|sent| Error::bad_input("filter", invalid::<T>(&path, &sent)));
        value?.check().map_err(|error| error.at(path))
    }
}

fn invalid<T: Written>(path: impl fmt::Display, sent: &Value) -> String {
    let shown = match sent {
        Value::String(text) => format!("'{}'", excerpt(text)),
        other => excerpt(&other.to_string()).into_owned(),
    };
    format!("{path}: {shown} is not {}", T::ALLOWED)
}

/// Workflow status of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "workflow::Status")]
pub enum TaskStatus {
    /// Step 1: not started. Default of new tasks. Next: `IN_PROGRESS`, `DONE` or `CANCELLED`.
    Todo,
    /// Step 2: in progress. Next: `TODO`, `DONE` or `CANCELLED`.
    InProgress,
    /// Step 3: completed; sets `completedAt`. Next: `TODO`, which reopens the task.
    Done,
    /// Closed without completion. Next: `TODO`, which reopens the task.
    Cancelled,
}

/// Priority of a task, from `LOW` to `URGENT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::Priority")]
pub enum TaskPriority {
    /// Lowest of four priorities.
    Low,
    /// Second lowest of four priorities. Default of new tasks.
    Medium,
    /// Second highest of four priorities.
    High,
    /// Highest of four priorities.
    Urgent,
}

/// Permissions of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "actor::Role")]
pub enum Role {
    /// Sees and changes the tasks that the user owns or is assigned to.
    User,
    /// Sees and changes all tasks, files and accounts.
    Admin,
}

/// Type of a task event. A write with several changes has the first type that applies, in this order: `STATUS_CHANGED`,
/// `ASSIGNED` or `UNASSIGNED`, `UPDATED`, `TAGGED` or `UNTAGGED`. `TaskEvent.changes` lists all changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "event::EventType")]
pub enum TaskEventType {
    /// The task was created.
    Created,
    /// The title, description, priority, due date, due day or owner changed.
    Updated,
    /// The workflow status changed.
    StatusChanged,
    /// The task was assigned to a user.
    Assigned,
    /// The task was unassigned.
    Unassigned,
    /// Tags were added; others may have been removed.
    Tagged,
    /// Tags were removed, and none was added.
    Untagged,
    /// A file was attached.
    Attached,
    /// An attached file was deleted.
    Detached,
    /// The task was moved to the trash.
    Deleted,
    /// The task was restored from the trash.
    Restored,
    /// The task was deleted permanently.
    Purged,
}

/// Reason for a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "notification::NotificationKind")]
pub enum NotificationKind {
    /// Someone else assigned a task to you.
    Assigned,
    /// Someone else changed the status of a task that you own or are assigned to.
    StatusChanged,
    /// An open task that you own or are assigned to is due within 24 hours.
    DueSoon,
    /// An open task that you own or are assigned to is past its due date or due day.
    Overdue,
}

/// Whether a bulk mutation changes the other tasks if one cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::ErrorPolicy")]
pub enum BulkErrorPolicy {
    /// If one task has an error, no task is changed. The tasks without an error have the user error `ABORTED`.
    AllOrNothing,
    /// If one task has an error, the other tasks are changed. This is the default.
    Partial,
}

/// Direction of a sort key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "page::Direction")]
pub enum OrderDirection {
    /// Ascending: smallest value first. Null values come last; for `DESCRIPTION` they come first.
    #[graphql(name = "ASC")]
    Ascending,
    /// Descending: greatest value first. Null values come first; for `DESCRIPTION` they come last.
    #[graphql(name = "DESC")]
    Descending,
}

/// Field by which tasks are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "task::TaskSortField")]
pub enum TaskOrderField {
    /// Time of creation.
    CreatedAt,
    /// Time of the last change.
    UpdatedAt,
    /// Due date, or the end of the due day in UTC. Tasks without a due date or due day count as latest.
    DueDate,
    /// Priority; ascending from `LOW` to `URGENT`.
    Priority,
    /// Workflow status; ascending `TODO`, `IN_PROGRESS`, `DONE`, `CANCELLED`.
    Status,
    /// Title; case is ignored.
    Title,
    /// Time at which the task was moved to the trash. Tasks outside the trash count as latest.
    DeletedAt,
    /// `Task.databaseId`.
    Id,
    /// Time of completion. Tasks that are not `DONE` count as latest.
    CompletedAt,
    /// Whether the status is `DONE`; ascending `false`, `true`.
    Completed,
    /// `User.databaseId` of the owner.
    Owner,
    /// `User.databaseId` of the assignee. Unassigned tasks count as greatest.
    Assignee,
    /// First 255 characters of the description; case is ignored. Tasks without a description count as smallest.
    Description,
    /// `Task.version`, which counts the changes.
    Version,
}
