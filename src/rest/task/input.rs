//! What clients say of a task.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::error::{Error, Result, Violations};
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
use crate::domain::task::workflow::Status;
use crate::domain::task::{TaskChange, TaskDraft};
use crate::rest::openapi::schema;
use crate::rest::value::{Day, Moment, PriorityName, StatusName};

/// A task to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskCreate)]
pub(in crate::rest) struct CreateInput {
    /// What is to be done, in a line; spaces around it are dropped.
    #[schema(value_type = schema::Title)]
    title: String,
    /// What is to be done, at length.
    #[schema(value_type = Option<schema::Description>)]
    description: Option<String>,
    /// Any status; `todo` without it.
    #[schema(value_type = Option<schema::StatusInput>)]
    status: Option<StatusName>,
    /// `true` means the status `done`, `false` means `todo`.
    completed: Option<bool>,
    /// `medium` without it.
    #[schema(value_type = Option<schema::PriorityName>)]
    priority: Option<PriorityName>,
    /// When it should be done.
    #[schema(value_type = Option<schema::Moment>)]
    due_date: Option<Moment>,
    /// On which day it should be done; not together with `due_date`.
    #[schema(value_type = Option<schema::Day>, example = json!(null))]
    due_on: Option<Day>,
    /// The id of the user who is to do it.
    #[schema(value_type = Option<schema::Id>, example = json!(null))]
    assignee_id: Option<UserId>,
    /// Up to 20 tags.
    #[schema(value_type = Option<Vec<schema::TagName>>, max_items = 20)]
    tags: Option<Vec<String>>,
    /// Creates the task once, however often the request is sent: visible ASCII characters, such as a UUID. If the asker
    /// owns a task with this key, also in the trash, the answer is 200 with that task as it is now, and nothing is changed.
    #[schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = json!(null))]
    client_key: Option<String>,
}

impl CreateInput {
    pub(super) fn read(self) -> Result<TaskDraft> {
        Ok(TaskDraft {
            title: self.title,
            description: self.description,
            status: together(self.status, self.completed)?,
            priority: self.priority.map(|PriorityName(priority)| priority),
            due_date: self.due_date.map(|Moment(moment)| moment),
            due_on: self.due_on.map(|Day(day)| day),
            assignee: self.assignee_id,
            tags: self.tags.unwrap_or_default(),
            client_key: self.client_key,
        })
    }
}

/// A whole task: every field is named, so that none is reset by accident.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in crate::rest) struct ReplaceInput(UpdateInput);

/// The fields that a replacement names. A due day may come beside them.
const REPLACED: [&str; 7] = [
    "title",
    "description",
    "status",
    "priority",
    "due_date",
    "assignee_id",
    "tags",
];

impl ReplaceInput {
    /// The change, and the version it is based on.
    pub(super) fn read(self) -> Result<(TaskChange, Option<i32>)> {
        let Self(mut input) = self;
        let is_absent = [
            input.title == Patch::Absent,
            input.description == Patch::Absent,
            input.status == Patch::Absent,
            input.priority == Patch::Absent,
            input.due_date == Patch::Absent,
            input.assignee_id == Patch::Absent,
            input.tags == Patch::Absent,
        ];
        let missing = REPLACED.iter().zip(is_absent).filter(|(_, is_absent)| *is_absent);
        let missing: Vec<&str> = missing.map(|(name, _)| *name).collect();
        if let Some(first) = missing.first() {
            let message = format!(
                "PUT replaces the whole task, and the body leaves out {}; name every field, or use PATCH to change some",
                missing.join(", ")
            );
            return Err(Error::invalid(first, message));
        }
        if input.due_on == Patch::Absent {
            input.due_on = Patch::Null;
        }
        input.read()
    }
}

impl PartialSchema for ReplaceInput {
    fn schema() -> RefOr<Schema> {
        let mut schema = UpdateInput::schema();
        if let RefOr::T(Schema::Object(object)) = &mut schema {
            object.required = REPLACED.map(str::to_owned).to_vec();
            object.description = Some("A whole task: every field is named, and null clears one.".to_owned());
        }
        schema
    }
}

impl ToSchema for ReplaceInput {
    fn name() -> Cow<'static, str> {
        "TaskReplace".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        UpdateInput::schemas(schemas);
    }
}

/// A part of a task: what is left out stays, what is null is cleared.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskUpdate)]
pub(in crate::rest) struct UpdateInput {
    /// What is to be done, in a line; spaces around it are dropped.
    #[serde(default)]
    #[schema(value_type = schema::Title)]
    pub(super) title: Patch<String>,
    /// What is to be done, at length.
    #[serde(default)]
    #[schema(value_type = Option<schema::Description>)]
    pub(super) description: Patch<String>,
    /// Any status that the task may move to.
    #[serde(default)]
    #[schema(value_type = schema::StatusInput)]
    pub(super) status: Patch<StatusName>,
    /// `true` means the status `done`, `false` means `todo`.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub(super) completed: Patch<bool>,
    /// How urgent it is.
    #[serde(default)]
    #[schema(value_type = schema::PriorityName)]
    pub(super) priority: Patch<PriorityName>,
    /// When it should be done.
    #[serde(default)]
    #[schema(value_type = Option<schema::Moment>)]
    pub(super) due_date: Patch<Moment>,
    /// On which day it should be done. Setting it clears `due_date`, and the other way round; both cannot be set together.
    #[serde(default)]
    #[schema(value_type = Option<schema::Day>, example = json!(null))]
    pub(super) due_on: Patch<Day>,
    /// The id of the user who is to do it; null takes the task away from whoever has it.
    #[serde(default)]
    #[schema(value_type = Option<schema::Id>, example = json!(null))]
    pub(super) assignee_id: Patch<UserId>,
    /// Up to 20 tags, in place of those that it has.
    #[serde(default)]
    #[schema(value_type = Option<Vec<schema::TagName>>, max_items = 20)]
    pub(super) tags: Patch<Vec<String>>,
    /// The version on which the change is based; a task that has another by now is left alone (409). `If-Match` says
    /// the same.
    #[schema(example = json!(null))]
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
            due_on: self.due_on.map(|Day(day)| day),
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
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskAssign)]
pub(in crate::rest) struct AssignInput {
    /// The id of a user, or null for nobody.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(value_type = Option<schema::Id>, required = true, example = json!(null))]
    pub(super) assignee_id: Option<UserId>,
    /// The version on which the change is based.
    #[schema(example = json!(null))]
    pub(super) expected_version: Option<i32>,
}

/// Where a task is moved.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskTransition)]
pub(in crate::rest) struct TransitionInput {
    /// The status that it is to have.
    #[schema(value_type = schema::StatusInput)]
    pub(super) target_status: StatusName,
    /// The version on which the change is based.
    #[schema(example = json!(null))]
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

impl PartialSchema for TagsInput {
    fn schema() -> RefOr<Schema> {
        let list = || ArrayBuilder::new().items(schema::TagName::schema()).max_items(Some(20));
        let object = ObjectBuilder::new().property("tags", list()).required("tags");
        let either = OneOfBuilder::new()
            .item(object.additional_properties(Some(AdditionalProperties::FreeForm(false))))
            .item(list());
        either
            .description(Some("Tags: in an object, or as a bare list."))
            .into()
    }
}

impl ToSchema for TagsInput {
    fn name() -> Cow<'static, str> {
        "Tags".into()
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
    fn a_replacement_names_every_field() {
        let read = |body: &str| {
            let input: ReplaceInput = serde_json::from_str(body).unwrap();
            input.read().map_err(|error| error.to_string())
        };
        assert_eq!(
            read(r#"{"title": "Paint", "status": "todo", "priority": "low"}"#).unwrap_err(),
            "PUT replaces the whole task, and the body leaves out description, due_date, assignee_id, tags; \
             name every field, or use PATCH to change some"
        );
        let whole = r#"{"title": "Paint", "description": null, "status": "todo", "priority": "low", "due_date": null,
            "assignee_id": null, "tags": []}"#;
        let (change, expected) = read(whole).unwrap();
        assert_eq!(
            (change.due_on, change.description, expected),
            (Patch::Null, Patch::Null, None)
        );
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
