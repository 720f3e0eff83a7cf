//! Filters and sort orders of task lists.

mod bounded;

pub(crate) use bounded::words;
pub use bounded::{BoundedFilter, MAX_CONDITIONS, MAX_LEVELS, MAX_LIST, MAX_SEARCH_WORDS, MIN_WORD_LENGTH};

use chrono::NaiveDate;

use crate::domain::clock::{LAST_MOMENT, Timestamp};
use crate::domain::id::UserId;
use crate::domain::local_time::LocalNow;
use crate::domain::named_enum::named_enum;
use crate::domain::page::{Cursor, Direction, Key, Sort, SortField};
use crate::domain::tag::Tags;
use crate::domain::task::workflow::Status;

use super::{Priority, Snapshot, Task};

/// A condition on tasks. For a missing value only `NotEqual`, `NotIn` and `IsNull(true)` can match.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TaskFilter {
    /// All of these match; an empty list matches every task.
    All(Vec<TaskFilter>),
    /// At least one of these matches; an empty list matches no task.
    Any(Vec<TaskFilter>),
    /// This does not match.
    Not(Box<TaskFilter>),
    /// By status.
    Status(Comparison<Status>),
    /// By priority.
    Priority(Comparison<Priority>),
    /// By owner.
    Owner(Comparison<UserId>),
    /// By assignee.
    Assignee(Comparison<UserId>),
    /// By one of its timestamps.
    Time(TaskTime, Comparison<Timestamp>),
    /// By due day.
    DueOn(Comparison<NaiveDate>),
    /// Has at least one of these tags.
    TaggedAny(Tags),
    /// Has all of these tags.
    TaggedAll(Tags),
    /// Whether the task is open and past its due date or due day.
    Overdue(bool),
    /// Whether the status is done.
    Completed(bool),
    /// Each word of this text occurs in title or description, ignoring case.
    Search(String),
}

impl Default for TaskFilter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl TaskFilter {
    /// The owner of every matching task, if the filter requires one.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        self.find(&|filter| match filter {
            Self::Owner(Comparison::Equal(user)) => Some(*user),
            _ => None,
        })
    }

    /// The assignee of every matching task, if the filter requires one.
    #[must_use]
    pub fn assignee(&self) -> Option<UserId> {
        self.find(&|filter| match filter {
            Self::Assignee(Comparison::Equal(user)) => Some(*user),
            _ => None,
        })
    }

    /// Whether every task matches.
    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::All(filters) if filters.is_empty())
    }

    /// Whether this task matches at this moment. Must agree with the WHERE clause of the store.
    pub(crate) fn passes(&self, snapshot: &Snapshot, now: LocalNow) -> bool {
        let task = &snapshot.task;
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.passes(snapshot, now)),
            Self::Any(filters) => filters.iter().any(|filter| filter.passes(snapshot, now)),
            Self::Not(filter) => !filter.passes(snapshot, now),
            Self::Status(comparison) => comparison.holds(Some(task.status.rank()), |status| status.rank()),
            Self::Priority(comparison) => comparison.holds(Some(task.priority.rank()), |priority| priority.rank()),
            Self::Owner(comparison) => comparison.holds(Some(task.owner_id.0), |user| user.0),
            Self::Assignee(comparison) => comparison.holds(task.assignee_id.map(|user| user.0), |user| user.0),
            Self::Time(time, comparison) => comparison.holds(time.of(task), |moment| *moment),
            Self::DueOn(comparison) => comparison.holds(task.due_on, |day| *day),
            Self::TaggedAny(tags) => tags.iter().any(|tag| snapshot.task.tags.contains(tag)),
            Self::TaggedAll(tags) => tags.is_subset(&snapshot.task.tags),
            Self::Overdue(expected) => task.is_overdue(now) == *expected,
            Self::Completed(expected) => (task.status == Status::Done) == *expected,
            Self::Search(text) => {
                let content = task.search_text();
                words(text).all(|word| content.contains(&word))
            }
        }
    }

    /// The first result of `find` in a condition that must match.
    fn find(&self, find: &impl Fn(&Self) -> Option<UserId>) -> Option<UserId> {
        match self {
            Self::All(filters) => filters.iter().find_map(|filter| filter.find(find)),
            other => find(other),
        }
    }
}

/// A timestamp of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskTime {
    /// Due date.
    Due,
    /// Time of creation.
    Created,
    /// Time of the last change.
    Updated,
    /// Time of completion.
    Completed,
    /// Time of the move to the trash.
    Deleted,
}

impl TaskTime {
    fn of(self, task: &Task) -> Option<Timestamp> {
        match self {
            Self::Due => task.due_date,
            Self::Created => Some(task.created_at),
            Self::Updated => Some(task.updated_at),
            Self::Completed => task.completed_at,
            Self::Deleted => task.deleted_at,
        }
    }
}

/// A comparison with one or more values.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Comparison<T> {
    /// Equal to this value.
    Equal(T),
    /// Not equal to this value.
    NotEqual(T),
    /// Equal to one of these values.
    In(Vec<T>),
    /// Equal to none of these values.
    NotIn(Vec<T>),
    /// Less than this value.
    Less(T),
    /// Less than or equal to this value.
    LessOrEqual(T),
    /// Greater than this value.
    Greater(T),
    /// Greater than or equal to this value.
    GreaterOrEqual(T),
    /// Whether the value is missing.
    IsNull(bool),
}

impl<T> Comparison<T> {
    /// Whether it matches a value; both sides are compared by `key`.
    fn holds<K: PartialOrd>(&self, value: Option<K>, key: impl Fn(&T) -> K) -> bool {
        match (self, value) {
            (Self::IsNull(expected), value) => value.is_none() == *expected,
            (Self::NotEqual(_) | Self::NotIn(_), None) => true,
            (_, None) => false,
            (Self::Equal(wanted), Some(value)) => value == key(wanted),
            (Self::NotEqual(unwanted), Some(value)) => value != key(unwanted),
            (Self::In(wanted), Some(value)) => wanted.iter().any(|wanted| value == key(wanted)),
            (Self::NotIn(unwanted), Some(value)) => unwanted.iter().all(|unwanted| value != key(unwanted)),
            (Self::Less(bound), Some(value)) => value < key(bound),
            (Self::LessOrEqual(bound), Some(value)) => value <= key(bound),
            (Self::Greater(bound), Some(value)) => value > key(bound),
            (Self::GreaterOrEqual(bound), Some(value)) => value >= key(bound),
        }
    }
}

named_enum! {
    /// A column that tasks can be sorted by, with its name in cursors.
    TaskSortField {
        /// Time of creation.
        CreatedAt = "created",
        /// Time of the last change.
        UpdatedAt = "updated",
        /// Due date.
        DueDate = "due",
        /// Priority, from low to urgent.
        Priority = "priority",
        /// Status, in the order of the workflow.
        Status = "status",
        /// Title, ignoring case.
        Title = "title",
        /// Time of the move to the trash; tasks outside the trash come last.
        DeletedAt = "deleted",
        /// Id.
        Id = "id",
        /// Time of completion; tasks that are not done come last.
        CompletedAt = "completed_at",
        /// Whether the task is done; done tasks come last.
        Completed = "completed",
        /// Id of the owner.
        Owner = "owner",
        /// Id of the assignee; unassigned tasks come last.
        Assignee = "assignee",
        /// First characters of the description, ignoring case; tasks without one come first.
        Description = "description",
        /// Version.
        Version = "version",
    }
}

impl SortField for TaskSortField {
    fn name(self) -> &'static str {
        self.as_str()
    }
}

/// One column of a task list's sort order.
pub type TaskSort = Sort<TaskSortField>;

/// Newest first, the default order.
pub const NEWEST_FIRST: TaskSort = Sort {
    field: TaskSortField::CreatedAt,
    direction: Direction::Descending,
};

/// The cursor of `task` in a list of this order.
pub(crate) fn cursor_of(task: &Task, order: &[TaskSort]) -> Cursor {
    Cursor {
        keys: order.iter().map(|sort| key_of(task, sort.field)).collect(),
        id: task.id.0,
    }
}

fn key_of(task: &Task, field: TaskSortField) -> Key {
    match field {
        TaskSortField::CreatedAt => Key::Number(task.created_at.timestamp_micros()),
        TaskSortField::UpdatedAt => Key::Number(task.updated_at.timestamp_micros()),
        TaskSortField::DueDate => Key::Number(task.due_key().timestamp_micros()),
        TaskSortField::Priority => Key::Number(i64::from(task.priority.rank())),
        TaskSortField::Status => Key::Number(i64::from(task.status.rank())),
        TaskSortField::Title => Key::Text(task.title_key()),
        TaskSortField::DeletedAt => Key::Number(task.deleted_at.unwrap_or(LAST_MOMENT).timestamp_micros()),
        TaskSortField::Id => Key::Number(i64::from(task.id.0)),
        TaskSortField::CompletedAt => Key::Number(task.completed_at.unwrap_or(LAST_MOMENT).timestamp_micros()),
        TaskSortField::Completed => Key::Number(i64::from(task.status == Status::Done)),
        TaskSortField::Owner => Key::Number(i64::from(task.owner_id.0)),
        TaskSortField::Assignee => Key::Number(i64::from(task.assignee_id.map_or(i32::MAX, |user| user.0))),
        TaskSortField::Description => Key::Text(task.description_key()),
        TaskSortField::Version => Key::Number(i64::from(task.version)),
    }
}
