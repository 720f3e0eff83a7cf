//! The event log: what happened to a task, written in the transaction that did it.
//!
//! An event holds the task as it left it, who may know of it, and what changed; so a reader needs
//! nothing else, and a replay shows nothing newer than the event.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::clock::Timestamp;
use super::id::{TaskId, UserId};
use super::tag::Tags;
use super::task::Snapshot;
use super::workflow::Status;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventType {
    /// The task was made.
    Created,
    /// Its title, description, priority or due date changed.
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
    /// It went to the trash.
    Deleted,
    /// It came back from the trash.
    Restored,
    /// It was deleted for good.
    Purged,
}

impl EventType {
    /// The name in the log.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "CREATED",
            Self::Updated => "UPDATED",
            Self::StatusChanged => "STATUS_CHANGED",
            Self::Assigned => "ASSIGNED",
            Self::Unassigned => "UNASSIGNED",
            Self::Tagged => "TAGGED",
            Self::Untagged => "UNTAGGED",
            Self::Deleted => "DELETED",
            Self::Restored => "RESTORED",
            Self::Purged => "PURGED",
        }
    }

    /// The name for the step from `before` to `after`. A write that did several things at once is
    /// named after the one that watchers care about most; `changes` tells them all.
    fn of_step(before: &Snapshot, after: &Snapshot) -> Self {
        if before.task.status != after.task.status {
            Self::StatusChanged
        } else if before.task.assignee_id != after.task.assignee_id {
            if after.task.assignee_id.is_some() {
                Self::Assigned
            } else {
                Self::Unassigned
            }
        } else if TaskRecord::from(before).without_tags() != TaskRecord::from(after).without_tags() {
            Self::Updated
        } else if after.tags.is_subset(&before.tags) {
            Self::Untagged
        } else {
            Self::Tagged
        }
    }
}

/// A row of the log that is about to be written.
#[derive(Clone, Debug)]
pub(crate) struct NewEvent {
    pub(crate) kind: EventType,
    pub(crate) task_id: TaskId,
    pub(crate) actor_id: Option<UserId>,
    /// Who may know: owner and assignee, before and after.
    pub(crate) audience: BTreeSet<UserId>,
    pub(crate) previous_status: Option<Status>,
    pub(crate) status: Status,
    /// `{"title": {"from": .., "to": ..}, ..}`
    pub(crate) changes: Value,
    /// The task as the event left it.
    pub(crate) task: Value,
    pub(crate) occurred_at: Timestamp,
}

impl NewEvent {
    /// The task was made.
    pub(crate) fn created(actor: Option<UserId>, after: &Snapshot) -> Self {
        Self::describe(EventType::Created, actor, None, after, after.task.created_at)
    }

    /// The task changed from `before` to `after`.
    pub(crate) fn changed(actor: Option<UserId>, before: &Snapshot, after: &Snapshot) -> Self {
        let kind = match (before.task.deleted_at, after.task.deleted_at) {
            (None, Some(_)) => EventType::Deleted,
            (Some(_), None) => EventType::Restored,
            _ => EventType::of_step(before, after),
        };
        Self::describe(kind, actor, Some(before), after, after.task.updated_at)
    }

    /// The task was deleted for good.
    pub(crate) fn purged(actor: Option<UserId>, last: &Snapshot, at: Timestamp) -> Self {
        Self::describe(EventType::Purged, actor, Some(last), last, at)
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
            occurred_at,
        }
    }
}

fn audience(snapshot: &Snapshot) -> impl Iterator<Item = UserId> {
    [Some(snapshot.task.owner_id), snapshot.task.assignee_id]
        .into_iter()
        .flatten()
}

/// The task in the log. Fields may be added, never renamed or removed: old rows stay as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TaskRecord {
    id: TaskId,
    title: String,
    description: Option<String>,
    status: String,
    priority: String,
    due_date: Option<Timestamp>,
    owner_id: UserId,
    assignee_id: Option<UserId>,
    tags: Tags,
    version: i32,
    completed_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// What moves with every write, or follows from what is shown anyway.
const NOT_A_CHANGE: [&str; 3] = ["version", "updated_at", "completed_at"];

impl From<&Snapshot> for TaskRecord {
    fn from(Snapshot { task, tags }: &Snapshot) -> Self {
        Self {
            id: task.id,
            title: task.title.clone(),
            description: task.description.clone(),
            status: task.status.as_str().to_owned(),
            priority: task.priority.as_str().to_owned(),
            due_date: task.due_date,
            owner_id: task.owner_id,
            assignee_id: task.assignee_id,
            tags: tags.clone(),
            version: task.version,
            completed_at: task.completed_at,
            deleted_at: task.deleted_at,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

impl TaskRecord {
    /// What is left when tags and the bookkeeping of writes are taken away.
    fn without_tags(mut self) -> Value {
        self.tags.clear();
        let mut value = self.into_value();
        if let Some(fields) = value.as_object_mut() {
            for name in NOT_A_CHANGE {
                fields.remove(name);
            }
        }
        value
    }

    fn into_value(self) -> Value {
        json!(self)
    }
}

/// The fields that differ, each with its two values.
fn differences(before: &Value, after: &Value) -> Map<String, Value> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return Map::new();
    };
    after
        .iter()
        .filter(|(name, _)| !NOT_A_CHANGE.contains(&name.as_str()))
        .filter(|(name, value)| before.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), json!({ "from": before.get(name), "to": value })))
        .collect()
}
