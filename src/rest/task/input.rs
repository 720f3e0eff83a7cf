//! What clients say of a task.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::domain::error::{Error, Result, Violations};
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
use crate::domain::task::{Priority, TaskChange, TaskDraft};
use crate::domain::workflow::Status;
use crate::rest::value::{Moment, PriorityName, StatusName};

/// A task to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct CreateInput {
    title: String,
    description: Option<String>,
    status: Option<StatusName>,
    completed: Option<bool>,
    priority: Option<PriorityName>,
    due_date: Option<Moment>,
    assignee_id: Option<UserId>,
    tags: Option<Vec<String>>,
}

impl CreateInput {
    pub(super) fn read(self) -> Result<TaskDraft> {
        Ok(TaskDraft {
            title: self.title,
            description: self.description,
            status: together(self.status, self.completed)?,
            priority: self.priority.map(|PriorityName(priority)| priority),
            due_date: self.due_date.map(|Moment(moment)| moment),
            assignee: self.assignee_id,
            tags: self.tags.unwrap_or_default(),
        })
    }
}

/// All of a task anew: what is left out is reset.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct ReplaceInput {
    title: String,
    description: Option<String>,
    status: Option<StatusName>,
    completed: Option<bool>,
    priority: Option<PriorityName>,
    due_date: Option<Moment>,
    assignee_id: Option<UserId>,
    tags: Option<Vec<String>>,
    expected_version: Option<i32>,
}

impl ReplaceInput {
    /// The change, and the version it is based on.
    pub(super) fn read(self) -> Result<(TaskChange, Option<i32>)> {
        let status = together(self.status, self.completed)?.unwrap_or(Status::Todo);
        let priority = self
            .priority
            .map_or(Priority::Medium, |PriorityName(priority)| priority);
        let change = TaskChange {
            title: Patch::Value(self.title),
            description: or_null(self.description),
            status: Patch::Value(status),
            priority: Patch::Value(priority),
            due_date: or_null(self.due_date.map(|Moment(moment)| moment)),
            assignee: or_null(self.assignee_id),
            tags: or_null(self.tags),
        };
        Ok((change, self.expected_version))
    }
}

fn or_null<T>(value: Option<T>) -> Patch<T> {
    value.map_or(Patch::Null, Patch::Value)
}

/// A part of a task: what is left out stays, what is null is cleared.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(in crate::rest) struct UpdateInput {
    pub(super) title: Patch<String>,
    pub(super) description: Patch<String>,
    pub(super) status: Patch<StatusName>,
    pub(super) completed: Patch<bool>,
    pub(super) priority: Patch<PriorityName>,
    pub(super) due_date: Patch<Moment>,
    pub(super) assignee_id: Patch<UserId>,
    pub(super) tags: Patch<Vec<String>>,
    pub(super) expected_version: Option<i32>,
}

impl UpdateInput {
    /// The change, and the version it is based on.
    pub(super) fn read(self) -> Result<(TaskChange, Option<i32>)> {
        let mut violations = Violations::default();
        let status = self.status.required("status", &mut violations);
        let completed = self.completed.required("completed", &mut violations);
        violations.into_result()?;
        let change = TaskChange {
            title: self.title,
            description: self.description,
            status: together(status, completed)?.map_or(Patch::Absent, Patch::Value),
            priority: self.priority.map(|PriorityName(priority)| priority),
            due_date: self.due_date.map(|Moment(moment)| moment),
            assignee: self.assignee_id,
            tags: self.tags,
        };
        Ok((change, self.expected_version))
    }
}

/// What `status` and `completed` say together. They may both be given if they agree.
fn together(status: Option<StatusName>, completed: Option<bool>) -> Result<Option<Status>> {
    match (status.map(|StatusName(status)| status), completed) {
        (status, None) => Ok(status),
        (None, Some(true)) => Ok(Some(Status::Done)),
        (None, Some(false)) => Ok(Some(Status::Todo)),
        (Some(status), Some(completed)) if completed == (status == Status::Done) => Ok(Some(status)),
        (Some(status), Some(completed)) => {
            let mut violations = Violations::default();
            let message = format!("completed: {completed} contradicts the status '{status}'; give one of them");
            violations.invalid("completed", message);
            Err(Error::Invalid(violations))
        }
    }
}

/// To whom a task is handed. The field is needed, so that nobody takes a task away by a slip.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct AssignInput {
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) assignee_id: Option<UserId>,
    pub(super) expected_version: Option<i32>,
}

/// Where a task is moved.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct TransitionInput {
    pub(super) target_status: StatusName,
    pub(super) expected_version: Option<i32>,
}

/// Tags: `{"tags": [..]}` or a bare list.
#[derive(Debug)]
pub(in crate::rest) struct TagsInput(pub(super) Vec<String>);

/// By hand, because an untagged enum would not say which of the tags is no text.
impl<'de> Deserialize<'de> for TagsInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TagsVisitor)
    }
}

struct TagsVisitor;

impl<'de> Visitor<'de> for TagsVisitor {
    type Value = TagsInput;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tags, or an object with such a list as `tags`")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<TagsInput, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(TagsInput)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<TagsInput, A::Error> {
        NamedTags::deserialize(MapAccessDeserializer::new(object)).map(|named| TagsInput(named.tags))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NamedTags {
    tags: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(body: &str) -> Result<Patch<Status>, String> {
        let input: UpdateInput = serde_json::from_str(body).map_err(|error| error.to_string())?;
        input
            .read()
            .map(|(change, _)| change.status)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn completed_means_a_status() {
        assert_eq!(update(r#"{"completed": true}"#), Ok(Patch::Value(Status::Done)));
        assert_eq!(update(r#"{"completed": false}"#), Ok(Patch::Value(Status::Todo)));
        assert_eq!(update("{}"), Ok(Patch::Absent));
    }

    #[test]
    fn completed_and_status_may_both_be_given_if_they_agree() {
        assert_eq!(
            update(r#"{"completed": false, "status": "in_progress"}"#),
            Ok(Patch::Value(Status::InProgress))
        );
        let message = "completed: true contradicts the status 'todo'; give one of them";
        assert_eq!(
            update(r#"{"completed": true, "status": "pending"}"#),
            Err(message.to_owned())
        );
    }

    #[test]
    fn a_status_cannot_be_null_in_an_update() {
        assert!(update(r#"{"status": null}"#).is_err());
        assert!(update(r#"{"completed": null}"#).is_err());
    }

    #[test]
    fn a_replacement_resets_what_is_left_out() {
        let input: ReplaceInput = serde_json::from_str(r#"{"title": "Paint"}"#).unwrap();
        let (change, expected) = input.read().unwrap();
        assert_eq!(change.description, Patch::Null);
        assert_eq!(change.status, Patch::Value(Status::Todo));
        assert_eq!(change.priority, Patch::Value(Priority::Medium));
        assert_eq!(
            (change.due_date, change.assignee, change.tags),
            (Patch::Null, Patch::Null, Patch::Null)
        );
        assert_eq!(expected, None);
    }

    #[test]
    fn an_assignment_names_the_assignee_or_null() {
        let assign = |body| serde_json::from_str::<AssignInput>(body).map(|input| input.assignee_id);
        assert_eq!(assign(r#"{"assignee_id": 2}"#).unwrap(), Some(UserId(2)));
        assert_eq!(assign(r#"{"assignee_id": null}"#).unwrap(), None);
        assert!(
            assign("{}")
                .unwrap_err()
                .to_string()
                .starts_with("missing field `assignee_id`")
        );
    }

    #[test]
    fn tags_come_as_a_list_or_in_an_object() {
        let tags = |body| serde_json::from_str::<TagsInput>(body).map(|input| input.0);
        assert_eq!(tags(r#"["a", "b"]"#).unwrap(), ["a", "b"]);
        assert_eq!(tags(r#"{"tags": ["a"]}"#).unwrap(), ["a"]);
        assert!(tags(r#""a""#).is_err());
        assert!(tags(r#"{"tags": ["a"], "more": 1}"#).is_err());
    }
}
