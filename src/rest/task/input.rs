//! Request bodies of tasks.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::error::{Error, Result, ViolationKind, Violations};
use crate::domain::id::UserId;
use crate::domain::patch::Patch;
use crate::domain::task::workflow::Status;
use crate::domain::task::{Priority, TaskChange, TaskDraft};
use crate::rest::error::Problem;
use crate::rest::openapi::schema::{self, described_by_hand};
use crate::rest::value::{Day, Moment, Name};

/// A new task.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskCreate)]
pub(in crate::rest) struct CreateInput {
    /// Title, one line; surrounding spaces are removed.
    #[schema(value_type = schema::Title)]
    title: String,
    /// Description; default null.
    #[schema(value_type = Option<schema::Description>)]
    description: Option<String>,
    /// Initial status; default `todo`.
    #[schema(value_type = Option<schema::StatusInput>)]
    status: Option<Name<Status>>,
    /// `true` means the status `done`, `false` means `todo`.
    completed: Option<bool>,
    /// Priority; default `medium`.
    #[schema(value_type = Option<schema::PriorityName>)]
    priority: Option<Name<Priority>>,
    /// Due date and time; default null. Not together with `due_on`.
    #[schema(value_type = Option<schema::Moment>)]
    due_date: Option<Moment>,
    /// Due day without a time; default null. Not together with `due_date`.
    #[schema(value_type = Option<schema::Day>, example = json!(null))]
    due_on: Option<Day>,
    /// Id of the assigned user; default null.
    #[schema(example = json!(null))]
    assignee_id: Option<UserId>,
    /// Up to 20 tags; default none.
    #[schema(value_type = Option<Vec<schema::TagName>>, max_items = 20)]
    tags: Option<Vec<String>>,
    /// Idempotency key of visible ASCII characters, such as a UUID. If the caller already owns a task with this key,
    /// also in the trash, the response is 200 with that task as it is now, and nothing is changed.
    #[schema(min_length = 1, max_length = 255, pattern = "^[!-~]+$", example = json!(null))]
    client_key: Option<String>,
}

impl CreateInput {
    pub(super) fn read(self) -> Result<TaskDraft> {
        Ok(TaskDraft {
            title: self.title,
            description: self.description,
            status: together(self.status, self.completed)?,
            priority: self.priority.map(|Name(priority)| priority),
            due_date: self.due_date.map(|Moment(moment)| moment),
            due_on: self.due_on.map(|Day(day)| day),
            assignee: self.assignee_id,
            tags: self.tags.unwrap_or_default(),
            client_key: self.client_key,
        })
    }
}

/// Every field is required, so that none is reset by accident.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(in crate::rest) struct ReplaceInput(UpdateInput);

impl ReplaceInput {
    pub(super) fn read(self) -> Result<(TaskChange, Option<i32>), Problem> {
        let Self(mut input) = self;
        let missing = input.missing();
        if let [first, others @ ..] = missing.as_slice() {
            let names = missing.join(", ");
            let message = format!(
                "PUT replaces the whole task, and the body leaves out {names}; name every field, or use PATCH to change some"
            );
            let problem = Problem::invalid(first, ViolationKind::Missing, message);
            return Err(problem.with_missing(others.iter().copied()));
        }
        if input.due_on == Patch::Absent {
            input.due_on = Patch::Null;
        }
        Ok(input.read()?)
    }
}

described_by_hand!(ReplaceInput, "TaskReplace" => {
    let mut schema = <UpdateInput as PartialSchema>::schema();
    if let RefOr::T(Schema::Object(object)) = &mut schema {
        object.required = UpdateInput::default().missing().into_iter().map(str::to_owned).collect();
        object.description = Some("A whole task. Every field is required; null clears a field.".to_owned());
    }
    schema
});

/// A partial update: omitted fields stay unchanged, null clears a field.
#[derive(Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskUpdate)]
pub(in crate::rest) struct UpdateInput {
    /// Title, one line; surrounding spaces are removed.
    #[serde(default)]
    #[schema(value_type = schema::Title)]
    pub(super) title: Patch<String>,
    /// Description; null clears it.
    #[serde(default)]
    #[schema(value_type = Option<schema::Description>)]
    pub(super) description: Patch<String>,
    /// New status; the workflow must allow the move.
    #[serde(default)]
    #[schema(value_type = schema::StatusInput)]
    pub(super) status: Patch<Name<Status>>,
    /// `true` means the status `done`, `false` means `todo`.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub(super) completed: Patch<bool>,
    /// Priority.
    #[serde(default)]
    #[schema(value_type = schema::PriorityName)]
    pub(super) priority: Patch<Name<Priority>>,
    /// Due date and time; null clears it. Setting it clears `due_on`.
    #[serde(default)]
    #[schema(value_type = Option<schema::Moment>)]
    pub(super) due_date: Patch<Moment>,
    /// Due day without a time; null clears it. Setting it clears `due_date`; both cannot be set together.
    #[serde(default)]
    #[schema(value_type = Option<schema::Day>, example = json!(null))]
    pub(super) due_on: Patch<Day>,
    /// Id of the assigned user; null unassigns the task.
    #[serde(default)]
    #[schema(value_type = Option<UserId>, example = json!(null))]
    pub(super) assignee_id: Patch<UserId>,
    /// Up to 20 tags, replacing all current tags.
    #[serde(default)]
    #[schema(value_type = Option<Vec<schema::TagName>>, max_items = 20)]
    pub(super) tags: Patch<Vec<String>>,
    /// Expected version. If the task has another one, the response is 409 and nothing is changed. Not with `If-Match`.
    #[schema(example = json!(null))]
    pub(super) expected_version: Option<i32>,
}

impl UpdateInput {
    /// The absent fields of those that a replacement needs.
    fn missing(&self) -> Vec<&'static str> {
        let fields = [
            ("title", self.title == Patch::Absent),
            ("description", self.description == Patch::Absent),
            ("status", self.status == Patch::Absent),
            ("priority", self.priority == Patch::Absent),
            ("due_date", self.due_date == Patch::Absent),
            ("assignee_id", self.assignee_id == Patch::Absent),
            ("tags", self.tags == Patch::Absent),
        ];
        let missing = fields.into_iter().filter(|(_, is_absent)| *is_absent);
        missing.map(|(name, _)| name).collect()
    }

    pub(super) fn read(self) -> Result<(TaskChange, Option<i32>)> {
        let mut violations = Violations::default();
        let status = self.status.required("status", &mut violations);
        let completed = self.completed.required("completed", &mut violations);
        violations.into_result()?;
        let change = TaskChange {
            title: self.title,
            description: self.description,
            status: together(status, completed)?.map_or(Patch::Absent, Patch::Value),
            priority: self.priority.map(|Name(priority)| priority),
            due_date: self.due_date.map(|Moment(moment)| moment),
            due_on: self.due_on.map(|Day(day)| day),
            assignee: self.assignee_id,
            tags: self.tags,
        };
        Ok((change, self.expected_version))
    }
}

/// Both `status` and `completed` may be given if they agree.
fn together(status: Option<Name<Status>>, completed: Option<bool>) -> Result<Option<Status>> {
    match (status.map(|Name(status)| status), completed) {
        (None, Some(true)) => Ok(Some(Status::Done)),
        (None, Some(false)) => Ok(Some(Status::Todo)),
        (Some(status), Some(completed)) if completed != (status == Status::Done) => {
            let message = format!("completed: {completed} contradicts the status '{status}'; give one of them");
            Err(Error::invalid("completed", message))
        }
        (status, _) => Ok(status),
    }
}

/// The new assignee. The field is required, so that no task is unassigned by accident.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskAssign)]
pub(in crate::rest) struct AssignInput {
    /// Id of the assigned user; null unassigns the task.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true, example = json!(null))]
    pub(super) assignee_id: Option<UserId>,
    /// Expected version; the response is 409 if the task has another one.
    #[schema(example = json!(null))]
    pub(super) expected_version: Option<i32>,
}

/// The new status of a task.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskTransition)]
pub(in crate::rest) struct TransitionInput {
    /// New status; the workflow must allow the move.
    #[schema(value_type = schema::StatusInput)]
    pub(super) target_status: Name<Status>,
    /// Expected version; the response is 409 if the task has another one.
    #[schema(example = json!(null))]
    pub(super) expected_version: Option<i32>,
}

/// Tags: `{"tags": [..]}` or a bare list.
#[derive(Debug)]
pub(in crate::rest) struct TagsInput(pub(super) Vec<String>);

/// By hand: the error of an untagged enum would not name the invalid tag.
impl<'de> Deserialize<'de> for TagsInput {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TagsVisitor)
    }
}

described_by_hand!(TagsInput, "Tags" => {
    let list = ArrayBuilder::new().items(<schema::TagName as PartialSchema>::schema()).max_items(Some(20)).build();
    let object = ObjectBuilder::new().property("tags", list.clone()).required("tags");
    let object = object.additional_properties(Some(AdditionalProperties::FreeForm(false)));
    OneOfBuilder::new().item(object).item(list).description(Some("Tags, as an object or as a bare list."))
});

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
