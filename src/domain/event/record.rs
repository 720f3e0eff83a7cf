//! Serialised form of a task in the event log.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::attachment::Attachment;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::{TaskId, UserId};
use crate::domain::tag::Tags;
use crate::domain::task::workflow::Status;
use crate::domain::task::{Priority, Snapshot, Task};

/// A task in the event log. Old rows are never rewritten: fields may be added, but not renamed or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    id: TaskId,
    title: String,
    description: Option<String>,
    status: String,
    priority: String,
    due_date: Option<Timestamp>,
    /// Absent in rows that were written before due days existed.
    #[serde(default)]
    due_on: Option<NaiveDate>,
    owner_id: UserId,
    assignee_id: Option<UserId>,
    tags: Tags,
    /// Absent in rows that were written before attachments existed.
    #[serde(default)]
    attachments: Vec<Attachment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_key: Option<String>,
    version: i32,
    completed_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Fields that are not reported as changes: they change with every write, follow from other fields, or are internal.
pub(super) const NOT_A_CHANGE: [&str; 4] = ["version", "updated_at", "completed_at", "client_key"];

impl From<&Snapshot> for TaskRecord {
    fn from(Snapshot { task, attachments }: &Snapshot) -> Self {
        Self {
            id: task.id,
            title: task.title.clone(),
            description: task.description.clone(),
            status: task.status.as_str().to_owned(),
            priority: task.priority.as_str().to_owned(),
            due_date: task.due_date,
            due_on: task.due_on,
            owner_id: task.owner_id,
            assignee_id: task.assignee_id,
            tags: task.tags.clone(),
            attachments: attachments.clone(),
            client_key: task.client_key.clone(),
            version: task.version,
            completed_at: task.completed_at,
            deleted_at: task.deleted_at,
            created_at: task.created_at,
            updated_at: task.updated_at,
        }
    }
}

impl TaskRecord {
    /// Without tags, files and internal fields.
    pub(super) fn without_lists(mut self) -> Value {
        self.tags.clear();
        self.attachments.clear();
        let mut value = self.into_value();
        if let Some(fields) = value.as_object_mut() {
            for name in NOT_A_CHANGE {
                fields.remove(name);
            }
        }
        value
    }

    pub(super) fn into_value(self) -> Value {
        json!(self)
    }
}

pub(super) fn priority_of(stored: &Value) -> Result<Priority> {
    let known = stored.as_str().and_then(Priority::named);
    known.ok_or_else(|| unknown("priority", stored))
}

fn unknown(what: &str, value: impl fmt::Display) -> Error {
    Error::internal(anyhow::anyhow!("the event log contains the unknown {what} '{value}'"))
}

impl TryFrom<TaskRecord> for Snapshot {
    type Error = Error;

    fn try_from(record: TaskRecord) -> Result<Self> {
        let status = Status::named(&record.status);
        Ok(Self {
            task: Task {
                id: record.id,
                title: record.title,
                description: record.description,
                status: status.ok_or_else(|| unknown("status", &record.status))?,
                priority: priority_of(&record.priority.into())?,
                due_date: record.due_date,
                due_on: record.due_on,
                owner_id: record.owner_id,
                assignee_id: record.assignee_id,
                tags: record.tags,
                client_key: record.client_key,
                version: record.version,
                completed_at: record.completed_at,
                deleted_at: record.deleted_at,
                created_at: record.created_at,
                updated_at: record.updated_at,
            },
            attachments: record.attachments,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::task_of;

    #[test]
    fn an_old_row_without_files_and_due_day_is_readable() {
        let row = json!({
            "id": 1, "title": "T", "description": null, "status": "todo", "priority": "low", "due_date": null,
            "owner_id": 1, "assignee_id": null, "tags": ["a"], "version": 1, "completed_at": null, "deleted_at": null,
            "created_at": "2026-01-15T12:00:00Z", "updated_at": "2026-01-15T12:00:00Z",
        });
        let read = task_of(row).unwrap();
        assert_eq!(
            (read.task.tags.len(), read.attachments.len(), read.task.due_on),
            (1, 0, None)
        );
    }
}
