//! Which tasks a list shows, and in which order.

mod bounded;

pub(crate) use bounded::words;
pub use bounded::{BoundedFilter, MAX_CONDITIONS, MAX_LEVELS, MAX_LIST, MAX_SEARCH_WORDS, MIN_WORD_LENGTH};

use crate::domain::clock::Timestamp;
use crate::domain::id::UserId;
use crate::domain::page::{Cursor, Direction, Key, Sort, SortField};
use crate::domain::tag::Tags;
use crate::domain::workflow::Status;

use super::{Priority, Task};

/// A condition on tasks. A missing value is like no other: `NotEqual` holds for it, the rest do not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TaskFilter {
    /// All of these hold; with none, every task passes.
    All(Vec<TaskFilter>),
    /// At least one of these holds; with none, no task passes.
    Any(Vec<TaskFilter>),
    /// This does not hold.
    Not(Box<TaskFilter>),
    /// By status.
    Status(Comparison<Status>),
    /// By priority.
    Priority(Comparison<Priority>),
    /// By owner.
    Owner(Comparison<UserId>),
    /// By assignee.
    Assignee(Comparison<UserId>),
    /// By due date.
    DueDate(Comparison<Timestamp>),
    /// By the moment of creation.
    CreatedAt(Comparison<Timestamp>),
    /// Has at least one of these tags.
    TaggedAny(Tags),
    /// Has all of these tags.
    TaggedAll(Tags),
    /// Is past its due date and still open, or is not.
    Overdue(bool),
    /// Is done, or is not.
    Completed(bool),
    /// Every word of this text occurs in the title or the description, in any case.
    Search(String),
}

impl Default for TaskFilter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}

impl TaskFilter {
    /// The owner of every task that passes, if the filter names one.
    #[must_use]
    pub fn owner(&self) -> Option<UserId> {
        self.find(&|filter| match filter {
            Self::Owner(Comparison::Equal(user)) => Some(*user),
            _ => None,
        })
    }

    /// The assignee of every task that passes, if the filter names one.
    #[must_use]
    pub fn assignee(&self) -> Option<UserId> {
        self.find(&|filter| match filter {
            Self::Assignee(Comparison::Equal(user)) => Some(*user),
            _ => None,
        })
    }

    /// What `find` finds in a condition that must hold.
    fn find<T>(&self, find: &impl Fn(&Self) -> Option<T>) -> Option<T> {
        match self {
            Self::All(filters) => filters.iter().find_map(|filter| filter.find(find)),
            other => find(other),
        }
    }
}

/// How a value is compared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Comparison<T> {
    /// Is this.
    Equal(T),
    /// Is not this.
    NotEqual(T),
    /// Is one of these.
    In(Vec<T>),
    /// Is none of these.
    NotIn(Vec<T>),
    /// Comes before this.
    Less(T),
    /// Comes before this or is this.
    LessOrEqual(T),
    /// Comes after this.
    Greater(T),
    /// Comes after this or is this.
    GreaterOrEqual(T),
    /// Has no value, or has one.
    IsNull(bool),
}

/// A column that tasks can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskSortField {
    /// When it was made.
    CreatedAt,
    /// When it was last changed.
    UpdatedAt,
    /// Until when it should be done.
    DueDate,
    /// From low to urgent.
    Priority,
    /// In the order of the workflow.
    Status,
    /// By its letters, in any case.
    Title,
    /// By its number.
    Id,
}

impl TaskSortField {
    /// Every column that tasks can be sorted by.
    pub const ALL: [Self; 7] = [
        Self::CreatedAt,
        Self::UpdatedAt,
        Self::DueDate,
        Self::Priority,
        Self::Status,
        Self::Title,
        Self::Id,
    ];
}

impl SortField for TaskSortField {
    fn name(self) -> &'static str {
        match self {
            Self::CreatedAt => "created",
            Self::UpdatedAt => "updated",
            Self::DueDate => "due",
            Self::Priority => "priority",
            Self::Status => "status",
            Self::Title => "title",
            Self::Id => "id",
        }
    }
}

/// One step of a task list's order.
pub type TaskSort = Sort<TaskSortField>;

/// Newest first: the order when none is asked for.
pub const NEWEST_FIRST: TaskSort = Sort {
    field: TaskSortField::CreatedAt,
    direction: Direction::Descending,
};

/// The place of `task` in a list of this order.
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
        TaskSortField::Id => Key::Number(i64::from(task.id.0)),
    }
}
