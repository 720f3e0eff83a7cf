//! Tasks: what they are. The use cases that read them are in `task/read.rs`, those that write in `task/write.rs`.

mod attach;
mod bulk;
mod create;
mod draft;
mod expected;
mod filter;
mod history;
mod of_users;
mod purge;
mod read;
mod tags;
mod task_change;
mod walk;
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
pub use walk::Moves;

use super::attachment::Attachment;
use chrono::NaiveDate;

use self::workflow::Status;
use super::clock::{LAST_MOMENT, Timestamp};
use super::error::Result;
use super::event::EventCursor;
use super::id::{TaskId, UserId};
use super::local_time::{LocalNow, end_of};
use super::tag::Tags;

/// How urgent a task is. Lists sort it in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can wait.
    Low,
    /// The ordinary case.
    Medium,
    /// Before others.
    High,
    /// At once.
    Urgent,
}

impl Priority {
    /// Every priority, in the order in which lists sort.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Urgent];

    /// The name that REST and messages show.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Urgent => "urgent",
        }
    }

    /// The number it is stored and sorted by, 1 to 4.
    pub(crate) fn rank(self) -> i16 {
        match self {
            Self::Low => 1,
            Self::Medium => 2,
            Self::High => 3,
            Self::Urgent => 4,
        }
    }
}

/// How many characters of a description its sort key has.
pub(crate) const DESCRIPTION_KEY_LENGTH: usize = 255;

/// A task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// What is to be done, in a line.
    pub title: String,
    /// What is to be done, at length.
    pub description: Option<String>,
    /// How far it has come.
    pub status: Status,
    /// How urgent it is.
    pub priority: Priority,
    /// Until when it should be done.
    pub due_date: Option<Timestamp>,
    /// On which day it should be done; not together with a due date.
    pub due_on: Option<NaiveDate>,
    /// Whose it is.
    pub owner_id: UserId,
    /// Who should do it.
    pub assignee_id: Option<UserId>,
    /// Its tags.
    pub tags: Tags,
    /// The key that its creator gave it, unique among the tasks of its owner.
    pub client_key: Option<String>,
    /// Counts the changes, from 1.
    pub version: i32,
    /// When it was done; only while it is.
    pub completed_at: Option<Timestamp>,
    /// When it was put in the trash; only while it is there.
    pub deleted_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Task {
    /// Whether it is past its due date or due day and still open.
    #[must_use]
    pub fn is_overdue(&self, now: LocalNow) -> bool {
        let is_past =
            self.due_date.is_some_and(|due| due < now.moment) || self.due_on.is_some_and(|due| due < now.today);
        !self.status.is_closed() && is_past
    }

    /// What lists sort titles by: upper and lower case alike.
    pub(crate) fn title_key(&self) -> String {
        self.title.to_lowercase()
    }

    /// What a search looks through: title and description in lower case.
    pub(crate) fn search_text(&self) -> String {
        format!("{}\n{}", self.title, self.description.as_deref().unwrap_or_default()).to_lowercase()
    }

    /// What lists sort descriptions by: the first characters of it in lower case.
    fn description_key(&self) -> String {
        let before = self.title_key().chars().count() + 1;
        let text = self.search_text();
        text.chars().skip(before).take(DESCRIPTION_KEY_LENGTH).collect()
    }

    /// What lists sort due dates by: a due day counts as its end in UTC, and a task that is not due comes last.
    pub(crate) fn due_key(&self) -> Timestamp {
        self.due_date.or(self.due_on.map(end_of)).unwrap_or(LAST_MOMENT)
    }

    /// Moves it along the workflow; `completed_at` follows.
    fn move_to(&mut self, status: Status, now: Timestamp) -> Result<()> {
        let moved = self.status.transition(status)? != self.status;
        self.status = status;
        if moved {
            self.completed_at = (status == Status::Done).then_some(now);
        }
        Ok(())
    }
}

/// A task with its files, at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The task.
    pub task: Task,
    /// Its files, the oldest first.
    pub attachments: Vec<Attachment>,
}

/// A task as a write left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenTask {
    /// The task.
    pub snapshot: Snapshot,
    /// The place of the write's event in the log; `None` when nothing changed.
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

/// Which tasks to list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskList {
    /// Which of those that one may see.
    pub filter: BoundedFilter,
    /// Also those in the trash.
    pub include_deleted: bool,
    /// By what they are sorted; ties go by id.
    pub order: Vec<TaskSort>,
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

/// How somebody takes part in a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Participation {
    /// It is theirs.
    Owner,
    /// It is assigned to them.
    Assignee,
}

/// Which tasks of a user to list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TasksOf {
    /// Those in which they have this part.
    pub part: Participation,
    /// Which of these, in which order.
    pub list: TaskList,
}
