//! Tasks. The use cases that read them are in `read`. Those that write them are in `write`, `create`, `bulk`, `attach`
//! and `purge`.

mod attach;
mod bulk;
mod create;
mod draft;
mod expected;
mod filter;
mod purge;
mod read;
mod task_change;
pub mod workflow;
mod write;

pub use self::read::Tasks;
pub use bulk::{BulkOutcome, BulkResult, BulkTargets, ErrorPolicy, MAX_BULK};
pub use draft::{MAX_CLIENT_KEY_LENGTH, MAX_DESCRIPTION_LENGTH, MAX_TITLE_LENGTH, TaskChange, TaskDraft};
pub use expected::ExpectedVersion;
pub use filter::{
    BoundedFilter, Comparison, MAX_CONDITIONS, MAX_LEVELS, MAX_LIST, MAX_SEARCH_WORDS, MIN_WORD_LENGTH, NEWEST_FIRST,
    TaskFilter, TaskSort, TaskSortField, TaskTime,
};
pub(crate) use filter::{cursor_of, words};
pub use write::Moves;

use chrono::NaiveDate;

use self::workflow::Status;
use super::attachment::Attachment;
use super::clock::{LAST_MOMENT, Timestamp};
use super::error::Result;
use super::event::EventCursor;
use super::id::{TaskId, UserId};
use super::local_time::{LocalNow, end_of};
use super::named_enum::named_enum;
use super::search::folded;
use super::tag::Tags;

named_enum! {
    /// Priority of a task, with its name in REST and in messages. Lists sort in this order.
    #[derive(PartialOrd, Ord)]
    Priority {
        /// Low.
        Low = "low",
        /// Medium, the default.
        Medium = "medium",
        /// High.
        High = "high",
        /// Urgent.
        Urgent = "urgent",
    }
}

impl Priority {
    /// The stored number, 1 to 4; also the sort key.
    pub(crate) fn rank(self) -> i16 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Urgent => 4,
        }
    }
}

/// Number of characters of a description in its sort key.
pub(crate) const DESCRIPTION_KEY_LENGTH: usize = 255;

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The task's id.
    pub id: TaskId,
    /// Title.
    pub title: String,
    /// Description; `None` if it has none.
    pub description: Option<String>,
    /// Workflow status.
    pub status: Status,
    /// Priority.
    pub priority: Priority,
    /// Due date and time; excludes `due_on`.
    pub due_date: Option<Timestamp>,
    /// Due day; excludes `due_date`.
    pub due_on: Option<NaiveDate>,
    /// The user who owns the task.
    pub owner_id: UserId,
    /// The user who works on the task.
    pub assignee_id: Option<UserId>,
    /// Its tags.
    pub tags: Tags,
    /// The client's idempotency key for the creation, unique among the tasks of the owner.
    pub client_key: Option<String>,
    /// Number of the current version, from 1; each change adds 1.
    pub version: i32,
    /// Time of completion; `None` unless the status is done.
    pub completed_at: Option<Timestamp>,
    /// Time of the move to the trash; `None` outside the trash.
    pub deleted_at: Option<Timestamp>,
    /// Time of creation.
    pub created_at: Timestamp,
    /// Time of the last change.
    pub updated_at: Timestamp,
}

impl Task {
    /// Whether it is open and past its due date or due day.
    #[must_use]
    pub fn is_overdue(&self, now: LocalNow) -> bool {
        let is_past =
            self.due_date.is_some_and(|due| due < now.moment) || self.due_on.is_some_and(|due| due < now.today);
        !self.status.is_closed() && is_past
    }

    /// Sort key of the title: lower case.
    pub(crate) fn title_key(&self) -> String {
        self.title.to_lowercase()
    }

    /// Text that searches match: title and description in lower case.
    pub(crate) fn search_text(&self) -> String {
        folded(&format!(
            "{}\n{}",
            self.title,
            self.description.as_deref().unwrap_or_default()
        ))
    }

    /// Sort key of the description: its first characters in lower case.
    fn description_key(&self) -> String {
        let before = self.title_key().chars().count() + 1;
        let text = self.search_text();
        text.chars().skip(before).take(DESCRIPTION_KEY_LENGTH).collect()
    }

    /// Sort key of the due date. A due day counts as its end in UTC; tasks without a due date come last.
    pub(crate) fn due_key(&self) -> Timestamp {
        self.due_date.or(self.due_on.map(end_of)).unwrap_or(LAST_MOMENT)
    }

    /// Changes the status by the workflow, and sets or clears `completed_at`.
    fn move_to(&mut self, status: Status, now: Timestamp) -> Result<()> {
        let moved = self.status.transition(status)? != self.status;
        self.status = status;
        if moved {
            self.completed_at = (status == Status::Done).then_some(now);
        }
        Ok(())
    }
}

/// A task with its files, as of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The task.
    pub task: Task,
    /// Its files, oldest first.
    pub attachments: Vec<Attachment>,
}

/// The result of a write to a task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTask {
    /// The task.
    pub snapshot: Snapshot,
    /// The log position of the write's event; `None` if nothing changed.
    pub cursor: Option<EventCursor>,
}

impl WrittenTask {
    pub(super) fn changed(snapshot: Snapshot, cursor: EventCursor) -> Self {
        Self {
            snapshot,
            cursor: Some(cursor),
        }
    }

    pub(super) fn unchanged(snapshot: Snapshot) -> Self {
        Self { snapshot, cursor: None }
    }
}

/// A list of tasks: filter and order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskList {
    /// Filter over the visible tasks.
    pub filter: BoundedFilter,
    /// Whether tasks in the trash are included.
    pub include_deleted: bool,
    /// Sort order.
    pub order: Vec<TaskSort>,
}

impl TaskList {
    /// The order with the columns that decide ties; the id comes after them. Many tasks have the same status or
    /// priority: their indexes continue with the creation time, and sorting 100,000 rows takes SQLite 76 ms. A repeated
    /// column decides nothing, and would lengthen cursors beyond their maximum.
    pub(super) fn full_order(&self) -> Vec<TaskSort> {
        let mut order: Vec<TaskSort> = Vec::with_capacity(self.order.len() + 1);
        for sort in &self.order {
            if order.iter().all(|earlier| earlier.field != sort.field) {
                order.push(*sort);
            }
        }
        if let Some(last) = order.last()
            && matches!(last.field, TaskSortField::Status | TaskSortField::Priority)
            && order.iter().all(|sort| sort.field != TaskSortField::CreatedAt)
        {
            let direction = last.direction;
            let field = TaskSortField::CreatedAt;
            order.push(TaskSort { field, direction });
        }
        order
    }
}

impl Default for TaskList {
    fn default() -> Self {
        Self {
            filter: BoundedFilter::default(),
            include_deleted: false,
            order: vec![NEWEST_FIRST],
        }
    }
}

/// A user's role in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Participation {
    /// The user owns it.
    Owner,
    /// It is assigned to the user.
    Assignee,
}

/// A list of the tasks of one user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TasksOf {
    /// The user's role in the tasks.
    pub part: Participation,
    /// Filter and order.
    pub list: TaskList,
}
