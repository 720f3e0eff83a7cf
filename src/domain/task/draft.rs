//! Drafts and changes that clients send, and their validation.

use chrono::NaiveDate;

use crate::domain::clock::{Timestamp, check_moment};
use crate::domain::error::{Error, Result, ViolationKind, Violations, excerpt};
use crate::domain::id::{TaskId, UserId};
use crate::domain::local_time::check_day;
use crate::domain::patch::Patch;
use crate::domain::tag::{self, Tags};
use crate::domain::task::workflow::Status;

use super::{Priority, Snapshot, Task};

/// Maximum number of characters of a title.
pub const MAX_TITLE_LENGTH: usize = 255;
/// Maximum number of characters of a description.
pub const MAX_DESCRIPTION_LENGTH: usize = 5_000;
/// Maximum number of characters of a client key.
pub const MAX_CLIENT_KEY_LENGTH: usize = 255;

/// A task to create.
#[derive(Clone, Debug, Default)]
pub struct TaskDraft {
    /// 1 to 255 characters.
    pub title: String,
    /// Up to 5,000 characters.
    pub description: Option<String>,
    /// Initial status; `TODO` if absent.
    pub status: Option<Status>,
    /// `MEDIUM` if absent.
    pub priority: Option<Priority>,
    /// Due date and time. Excludes `due_on`.
    pub due_date: Option<Timestamp>,
    /// Due day. Excludes `due_date`.
    pub due_on: Option<NaiveDate>,
    /// The user who works on it.
    pub assignee: Option<UserId>,
    /// Up to 20 tags of 1 to 50 characters.
    pub tags: Vec<String>,
    /// Idempotency key of the creation, unique per owner: 1 to 255 visible ASCII characters, such as a UUID.
    pub client_key: Option<String>,
}

impl TaskDraft {
    /// The new task, without an id. Returns all violations together.
    pub(super) fn check(self, owner: UserId, now: Timestamp) -> Result<Snapshot> {
        let mut violations = Violations::default();
        let title = violations.check(check_title(&self.title))?;
        let description = violations.check(self.description.map(check_description).transpose())?;
        let due_date = violations.check(self.due_date.map(check_due_date).transpose())?;
        let due_on = violations.check(self.due_on.map(check_due_on).transpose())?;
        violations.check(check_one_due(self.due_date.is_some(), self.due_on.is_some()))?;
        let tags = violations.check(check_tags(&self.tags))?;
        let client_key = violations.check(self.client_key.map(check_client_key).transpose())?;
        violations.into_result()?;
        let status = self.status.unwrap_or(Status::Todo);
        let task = Task {
            id: TaskId(0),
            title: title.unwrap_or_default(),
            description: description.flatten(),
            status,
            priority: self.priority.unwrap_or(Priority::Medium),
            due_date: due_date.flatten(),
            due_on: due_on.flatten(),
            owner_id: owner,
            assignee_id: self.assignee,
            tags: tags.unwrap_or_default(),
            client_key: client_key.flatten(),
            version: 1,
            completed_at: (status == Status::Done).then_some(now),
            deleted_at: None,
            created_at: now,
            updated_at: now,
        };
        Ok(Snapshot {
            task,
            attachments: Vec::new(),
        })
    }
}

/// A change of a task; absent fields keep their value.
#[derive(Clone, Debug, Default)]
pub struct TaskChange {
    /// 1 to 255 characters; cannot be null.
    pub title: Patch<String>,
    /// Up to 5,000 characters.
    pub description: Patch<String>,
    /// Must follow the workflow; cannot be null.
    pub status: Patch<Status>,
    /// Cannot be null.
    pub priority: Patch<Priority>,
    /// Due date and time. Clears the due day.
    pub due_date: Patch<Timestamp>,
    /// Due day. Clears the due date.
    pub due_on: Patch<NaiveDate>,
    /// The new assignee; requires the right to assign.
    pub assignee: Patch<UserId>,
    /// Replaces all tags; null removes all.
    pub tags: Patch<Vec<String>>,
}

#[derive(Clone, Debug)]
pub(super) struct CheckedChange {
    title: Option<String>,
    description: Patch<String>,
    pub(super) status: Option<Status>,
    priority: Option<Priority>,
    due_date: Patch<Timestamp>,
    due_on: Patch<NaiveDate>,
    pub(super) assignee: Patch<UserId>,
    tags: Patch<Tags>,
}

impl TaskChange {
    /// Returns all violations together.
    pub(super) fn check(self) -> Result<CheckedChange> {
        let mut violations = Violations::default();
        let title = self.title.check(&mut violations, |title| check_title(&title))?;
        let (by_moment, by_day) = (is_value(&self.due_date), is_value(&self.due_on));
        violations.check(check_one_due(by_moment, by_day))?;
        let checked = CheckedChange {
            title: title.required("title", &mut violations),
            description: self.description.check(&mut violations, check_description)?,
            status: self.status.required("status", &mut violations),
            priority: self.priority.required("priority", &mut violations),
            due_date: self.due_date.check(&mut violations, check_due_date)?,
            due_on: self.due_on.check(&mut violations, check_due_on)?,
            assignee: self.assignee,
            tags: self.tags.check(&mut violations, |tags| check_tags(&tags))?,
        };
        violations.into_result()?;
        Ok(checked)
    }
}

impl CheckedChange {
    /// Applies all fields except the assignee, which needs a separate permit.
    pub(super) fn apply(self, task: &mut Task, now: Timestamp) -> Result<()> {
        if let Some(status) = self.status {
            task.move_to(status, now)?;
        }
        if let Some(title) = self.title {
            task.title = title;
        }
        self.description.apply(&mut task.description);
        if let Some(priority) = self.priority {
            task.priority = priority;
        }
        // A task has one of the two, so setting one clears the other.
        if is_value(&self.due_date) {
            task.due_on = None;
        }
        if is_value(&self.due_on) {
            task.due_date = None;
        }
        self.due_date.apply(&mut task.due_date);
        self.due_on.apply(&mut task.due_on);
        match self.tags {
            Patch::Absent => {}
            Patch::Null => task.tags.clear(),
            Patch::Value(tags) => task.tags = tags,
        }
        Ok(())
    }
}

fn check_title(raw: &str) -> Result<String> {
    let title = raw.trim();
    let length = title.chars().count();
    if length == 0 {
        let message = format!("title is empty; 1 to {MAX_TITLE_LENGTH} characters are allowed");
        return Err(Error::violation("title", ViolationKind::TooShort(1), message));
    }
    if length > MAX_TITLE_LENGTH {
        return Err(Error::wrong_length("title", length, 1, MAX_TITLE_LENGTH));
    }
    if title.chars().any(char::is_control) {
        return Err(Error::invalid(
            "title",
            "title cannot contain line breaks or other control characters",
        ));
    }
    Ok(title.to_owned())
}

fn check_description(text: String) -> Result<String> {
    let length = text.chars().count();
    if length > MAX_DESCRIPTION_LENGTH {
        return Err(Error::wrong_length("description", length, 0, MAX_DESCRIPTION_LENGTH));
    }
    if text.contains('\0') {
        return Err(Error::invalid(
            "description",
            "description cannot contain the character NUL",
        ));
    }
    Ok(text)
}

fn check_due_date(date: Timestamp) -> Result<Timestamp> {
    check_moment("due_date", date)
}

fn check_due_on(day: NaiveDate) -> Result<NaiveDate> {
    check_day("due_on", day)
}

fn check_one_due(by_moment: bool, by_day: bool) -> Result<()> {
    if by_moment && by_day {
        return Err(Error::invalid(
            "due_on",
            "due_on cannot be set together with a due date; a task has one of them",
        ));
    }
    Ok(())
}

fn is_value<T>(patch: &Patch<T>) -> bool {
    matches!(patch, Patch::Value(_))
}

fn check_tags(raw: &[String]) -> Result<Tags> {
    let tags = tag::normalise(raw)?;
    tag::check_count(&tags)?;
    Ok(tags)
}

fn check_client_key(key: String) -> Result<String> {
    let length = key.chars().count();
    if (1..=MAX_CLIENT_KEY_LENGTH).contains(&length) && key.chars().all(|character| character.is_ascii_graphic()) {
        return Ok(key);
    }
    let shown = excerpt(&key);
    Err(Error::invalid(
        "client_key",
        format!(
            "client_key: '{shown}' is not acceptable; use 1 to {MAX_CLIENT_KEY_LENGTH} visible ASCII characters, such as a UUID"
        ),
    ))
}
