//! The event log: changes of tasks, written in the transaction of the change.
//!
//! An event holds the task after the change, its audience, and the changed fields. Readers need no other data, and a
//! replay shows nothing newer than the event.

mod cursor;
mod log;
mod record;

pub use cursor::EventCursor;
pub(crate) use cursor::{LogPosition, LogState, MAX_CURSOR_BYTES};
pub use log::Events;
pub(crate) use log::new_identity;

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use self::record::{NOT_A_CHANGE, TaskRecord};
use super::actor::ReadStamp;
use super::clock::Timestamp;
use super::error::{Error, Result};
use super::id::{TaskId, UserId};
use super::named_enum::named_enum;
use super::notification::NotificationKind;
use super::policy::{ChangeTask, CreateTask, Permit, PurgeTask};
use super::task::Snapshot;
use super::task::workflow::Status;

named_enum! {
    /// The type of an event, with its name in the log.
    EventType {
        /// The task was created.
        Created = "CREATED",
        /// Title, description, priority or due date changed.
        Updated = "UPDATED",
        /// The status changed.
        StatusChanged = "STATUS_CHANGED",
        /// It was assigned to a user.
        Assigned = "ASSIGNED",
        /// It was unassigned.
        Unassigned = "UNASSIGNED",
        /// Tags were added.
        Tagged = "TAGGED",
        /// Tags were removed.
        Untagged = "UNTAGGED",
        /// A file was attached.
        Attached = "ATTACHED",
        /// A file was removed.
        Detached = "DETACHED",
        /// It was moved to the trash.
        Deleted = "DELETED",
        /// It was restored from the trash.
        Restored = "RESTORED",
        /// It was deleted permanently.
        Purged = "PURGED",
    }
}

impl EventType {
    /// The type for the change from `before` to `after`. A write with several changes gets the type that matters most
    /// to clients; `changes` lists all.
    fn of_change(before: &Snapshot, after: &Snapshot) -> Self {
        if before.task.status != after.task.status {
            Self::StatusChanged
        } else if before.task.assignee_id != after.task.assignee_id {
            if after.task.assignee_id.is_some() {
                Self::Assigned
            } else {
                Self::Unassigned
            }
        } else if TaskRecord::from(before).without_lists() != TaskRecord::from(after).without_lists() {
            Self::Updated
        } else if before.attachments.len() < after.attachments.len() {
            Self::Attached
        } else if before.attachments.len() > after.attachments.len() {
            Self::Detached
        } else if after.task.tags.is_subset(&before.task.tags) {
            Self::Untagged
        } else {
            Self::Tagged
        }
    }
}

/// An event of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskEvent {
    /// Its position in the log.
    pub cursor: EventCursor,
    /// Its type.
    pub kind: EventType,
    /// The id of the task, which may be purged by now.
    pub task_id: TaskId,
    /// The user who caused it; `None` for the server itself.
    pub actor_id: Option<UserId>,
    /// The status before; `None` for a new task.
    pub previous_status: Option<Status>,
    /// The status after.
    pub status: Status,
    /// The changed fields, sorted by name.
    pub changes: Vec<FieldChange>,
    /// The task after the event.
    pub task: Snapshot,
    /// When the event occurred.
    pub occurred_at: Timestamp,
}

impl TaskEvent {
    /// The task before the event; `None` for a new task. Titles, descriptions, times and files are those after the
    /// event.
    pub(crate) fn before(&self) -> Result<Option<Snapshot>> {
        let Some(status) = self.previous_status else {
            return Ok(None);
        };
        let mut before = self.task.clone();
        before.task.status = status;
        for FieldChange { field, from, .. } in &self.changes {
            let stored = from.clone();
            match field.as_str() {
                "priority" => before.task.priority = record::priority_of(from)?,
                "owner_id" => before.task.owner_id = serde_json::from_value(stored).map_err(Error::internal)?,
                "assignee_id" => before.task.assignee_id = serde_json::from_value(stored).map_err(Error::internal)?,
                "tags" => before.task.tags = serde_json::from_value(stored).map_err(Error::internal)?,
                _ => {}
            }
        }
        Ok(Some(before))
    }
}

/// An event with its audience.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// The event.
    pub event: TaskEvent,
    /// Owner and assignee, before and after the event.
    pub audience: BTreeSet<UserId>,
    /// The stamp of all accounts after the commit of a live event; `None` in a replay, which shows present users.
    pub(crate) users: Option<ReadStamp>,
}

/// Equal whether it is live or replayed.
impl PartialEq for LoggedEvent {
    fn eq(&self, other: &Self) -> bool {
        self.event == other.event && self.audience == other.audience
    }
}

/// A changed field, with its values before and after the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// The name of the field, in `snake_case`.
    pub field: String,
    /// The value before.
    pub from: Value,
    /// The value after.
    pub to: Value,
}

pub(crate) fn changes_of(stored: Value) -> Vec<FieldChange> {
    let Value::Object(fields) = stored else {
        return Vec::new();
    };
    let mut changes: Vec<FieldChange> = fields
        .into_iter()
        .map(|(field, mut values)| FieldChange {
            field,
            from: values["from"].take(),
            to: values["to"].take(),
        })
        .collect();
    // The databases order the keys of JSON objects differently.
    changes.sort_by(|one, other| one.field.cmp(&other.field));
    changes
}

pub(crate) fn task_of(stored: Value) -> Result<Snapshot> {
    let record: TaskRecord = serde_json::from_value(stored).map_err(Error::internal)?;
    Snapshot::try_from(record)
}

/// A new row of the log. Creating one requires the permit of the change that it records.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub(crate) kind: EventType,
    pub(crate) task_id: TaskId,
    pub(crate) actor_id: Option<UserId>,
    /// Owner and assignee, before and after the change.
    pub(crate) audience: BTreeSet<UserId>,
    pub(crate) previous_status: Option<Status>,
    pub(crate) status: Status,
    /// `{"title": {"from": .., "to": ..}, ..}`
    pub(crate) changes: Value,
    /// The task after the change.
    pub(crate) task: Value,
    /// The title in notifications.
    pub(crate) title: String,
    /// The notifications of the event.
    pub(crate) notices: Vec<(UserId, NotificationKind)>,
    pub(crate) occurred_at: Timestamp,
    /// Prevents other modules from creating an event.
    _permitted: (),
}

impl NewEvent {
    pub(crate) fn created(permit: &Permit<CreateTask>, after: &Snapshot) -> Self {
        Self::describe(EventType::Created, permit.actor(), None, after, after.task.created_at)
    }

    pub(crate) fn changed<A: ChangeTask>(permit: &Permit<A>, before: &Snapshot, after: &Snapshot) -> Self {
        let kind = match (before.task.deleted_at, after.task.deleted_at) {
            (None, Some(_)) => EventType::Deleted,
            (Some(_), None) => EventType::Restored,
            _ => EventType::of_change(before, after),
        };
        Self::describe(kind, permit.actor(), Some(before), after, after.task.updated_at)
    }

    pub(crate) fn purged(permit: &Permit<PurgeTask>, last: &Snapshot, at: Timestamp) -> Self {
        Self::describe(EventType::Purged, permit.actor(), Some(last), last, at)
    }

    fn describe(
        kind: EventType,
        actor: Option<UserId>,
        before: Option<&Snapshot>,
        after: &Snapshot,
        occurred_at: Timestamp,
    ) -> Self {
        let record = TaskRecord::from(after).into_value();
        let changes = before.map_or_else(Map::new, |before| {
            differences(&TaskRecord::from(before).into_value(), &record)
        });
        Self {
            kind,
            task_id: after.task.id,
            actor_id: actor,
            audience: before.into_iter().chain([after]).flat_map(audience).collect(),
            previous_status: before.map(|before| before.task.status),
            status: after.task.status,
            changes: Value::Object(changes),
            task: record,
            title: after.task.title.clone(),
            notices: notices(actor, before, after),
            occurred_at,
            _permitted: (),
        }
    }
}

/// Notifications for the new assignee, and for owner and assignee if the status changed. The actor gets none.
fn notices(actor: Option<UserId>, before: Option<&Snapshot>, after: &Snapshot) -> Vec<(UserId, NotificationKind)> {
    let new_assignee = after
        .task
        .assignee_id
        .filter(|assignee| before.and_then(|before| before.task.assignee_id) != Some(*assignee));
    let has_moved = before.is_some_and(|before| before.task.status != after.task.status);
    let watchers: BTreeSet<UserId> = audience(after).filter(|_| has_moved).collect();
    let assigned = new_assignee.map(|user| (user, NotificationKind::Assigned));
    let moved = watchers
        .into_iter()
        .filter(|user| Some(*user) != new_assignee)
        .map(|user| (user, NotificationKind::StatusChanged));
    assigned
        .into_iter()
        .chain(moved)
        .filter(|(user, _)| Some(*user) != actor)
        .collect()
}

fn audience(snapshot: &Snapshot) -> impl Iterator<Item = UserId> {
    [Some(snapshot.task.owner_id), snapshot.task.assignee_id]
        .into_iter()
        .flatten()
}

/// The changed fields, each with both values.
fn differences(before: &Value, after: &Value) -> Map<String, Value> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return Map::new();
    };
    after
        .iter()
        .filter(|(name, _)| !NOT_A_CHANGE.contains(&name.as_str()))
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, value)| {
            let from = before.get(name).map(|value| change_value(name, value));
            (name.clone(), json!({ "from": from, "to": change_value(name, value) }))
        })
        .collect()
}

/// A value in `changes`: files are listed by name.
fn change_value(field: &str, value: &Value) -> Value {
    match value {
        Value::Array(files) if field == "attachments" => files.iter().map(|file| file["filename"].clone()).collect(),
        other => other.clone(),
    }
}
