//! Many tasks at once: what clients say, and what became of each.
//!
//! Each task is changed under the rules of a single write, and those that cannot be changed keep no others from it.
//! So the answer is 200 however many were, with a result for each task in the order of `task_ids`; an id that comes
//! more than once counts once. What is wrong with the request as a whole is 422, and nothing is written.

use std::borrow::Cow;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::input::UpdateInput;
use super::output::{self, TaskBody};
use crate::domain::actor::Actor;
use crate::domain::error::Error;
use crate::domain::id::{TaskId, UserId};
use crate::domain::patch::Patch;
use crate::domain::task::workflow::Status;
use crate::domain::task::{BulkOutcome, BulkResult, BulkTargets, ErrorPolicy, MAX_BULK, Snapshot, TaskChange};
use crate::http::json::Json;
use crate::rest::error::{Problem, Result};
use crate::rest::extract::{Asker, Body};
use crate::rest::openapi::schema;
use crate::rest::rules::Rules;
use crate::rest::value::{Day, Moment, PriorityName, StatusName};
use crate::state::AppState as App;

/// Which tasks are changed and how: in `update`, in `updates`, or beside `task_ids`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::rest) struct BulkUpdateInput {
    task_ids: Vec<TaskId>,
    #[serde(default)]
    expected_versions: Vec<VersionInput>,
    #[serde(alias = "updates")]
    update: Option<UpdateInput>,
    #[serde(default)]
    title: Patch<String>,
    #[serde(default)]
    description: Patch<String>,
    #[serde(default)]
    status: Patch<StatusName>,
    #[serde(default)]
    completed: Patch<bool>,
    #[serde(default)]
    priority: Patch<PriorityName>,
    #[serde(default)]
    due_date: Patch<Moment>,
    #[serde(default)]
    due_on: Patch<Day>,
    #[serde(default)]
    assignee_id: Patch<UserId>,
    #[serde(default)]
    tags: Patch<Vec<String>>,
}

impl BulkUpdateInput {
    /// The tasks, and the change that is made to each.
    fn read(self) -> Result<(BulkTargets, TaskChange)> {
        let targets = targets(self.task_ids, &self.expected_versions)?;
        let beside = UpdateInput {
            title: self.title,
            description: self.description,
            status: self.status,
            completed: self.completed,
            priority: self.priority,
            due_date: self.due_date,
            due_on: self.due_on,
            assignee_id: self.assignee_id,
            tags: self.tags,
            expected_version: None,
        };
        let update = match (self.update, beside == UpdateInput::default()) {
            (Some(update), true) => update,
            (None, false) => beside,
            (Some(_), false) => return Err(refuse("give the fields in update or beside task_ids, not both")),
            (None, true) => return Err(refuse("nothing is to be changed; give the fields in update")),
        };
        let (change, expected_version) = update.read()?;
        if expected_version.is_some() {
            let message = "expected_version is of one task; use expected_versions beside task_ids";
            return Err(Problem::invalid("expected_version", message));
        }
        Ok((targets, change))
    }
}

impl PartialSchema for BulkUpdateInput {
    fn schema() -> RefOr<Schema> {
        let ids = || {
            ArrayBuilder::new()
                .items(i32::schema())
                .min_items(Some(1))
                .max_items(Some(MAX_BULK))
        };
        let versions = || {
            ArrayBuilder::new()
                .items(Ref::from_schema_name(VersionInput::name()))
                .max_items(Some(MAX_BULK))
                .description(Some("Versions that some or all of the tasks must have."))
        };
        let update = || Ref::from_schema_name(UpdateInput::name());
        let nested = |name: &str| {
            ObjectBuilder::new()
                .title(Some(format!("With {name}")))
                .property("task_ids", ids())
                .required("task_ids")
                .property("expected_versions", versions())
                .property(name, update())
                .required(name)
                .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        };
        let either = OneOfBuilder::new().item(nested("update")).item(nested("updates"));
        either
            .description(Some(
                "Up to 100 tasks, and what is to be changed of each; the fields may also stand beside `task_ids`.",
            ))
            .into()
    }
}

impl ToSchema for BulkUpdateInput {
    fn name() -> Cow<'static, str> {
        "TasksBulkUpdate".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((UpdateInput::name().into(), UpdateInput::schema()));
        UpdateInput::schemas(schemas);
        schemas.push((VersionInput::name().into(), VersionInput::schema()));
        VersionInput::schemas(schemas);
    }
}

fn refuse(what: &str) -> Problem {
    Problem::invalid("update", format!("update: {what}"))
}

/// A version that a task must have to be changed. With another it is not changed, and its result has the code `CONFLICT`.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskVersion)]
pub(in crate::rest) struct VersionInput {
    /// The task: one of `task_ids`.
    #[schema(value_type = schema::Id)]
    task_id: TaskId,
    /// The `version` that it must have.
    #[schema(example = 1)]
    version: i32,
}

/// Which tasks are moved, and where.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TasksBulkTransition)]
pub(in crate::rest) struct BulkTransitionInput {
    /// Their numbers.
    #[schema(value_type = Vec<i32>, min_items = 1, max_items = 100, example = json!([1, 2, 3]))]
    task_ids: Vec<TaskId>,
    /// Versions that some or all of them must have.
    #[serde(default)]
    #[schema(max_items = 100, required = false, example = json!([]))]
    expected_versions: Vec<VersionInput>,
    /// The status that they are to have.
    #[schema(value_type = schema::StatusInput)]
    target_status: StatusName,
}

/// The tasks. The domain checks their number too, but by another name of the field.
fn targets(ids: Vec<TaskId>, versions: &[VersionInput]) -> Result<BulkTargets> {
    if ids.is_empty() {
        let message = format!("task_ids is empty; 1 to {MAX_BULK} ids are allowed");
        return Err(Problem::invalid("task_ids", message));
    }
    if ids.len() > MAX_BULK {
        let message = format!("task_ids: {} ids were given; up to {MAX_BULK} are allowed", ids.len());
        return Err(Problem::invalid("task_ids", message));
    }
    let versions: Vec<_> = versions.iter().map(|one| (one.task_id, one.version)).collect();
    Ok(BulkTargets::new(ids, &versions)?)
}

/// What became of many tasks.
#[derive(Serialize, ToSchema)]
#[schema(as = TasksBulkResult)]
pub(in crate::rest) struct BulkBody {
    /// How many tasks it was about.
    #[schema(example = 1)]
    total: usize,
    /// How many were changed.
    #[schema(example = 1)]
    successful: usize,
    /// How many were not.
    #[schema(example = 0)]
    failed: usize,
    /// One for each task, in the order of `task_ids`.
    results: Vec<BulkResultBody>,
}

/// What became of one of them.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskBulkResult)]
pub(in crate::rest) struct BulkResultBody {
    /// Which task.
    #[schema(value_type = i32, example = 1)]
    task_id: TaskId,
    /// Whether it was changed.
    success: bool,
    /// Null for a task that was not found.
    #[schema(value_type = Option<schema::StatusName>, required = true)]
    previous_status: Option<&'static str>,
    /// Null when nothing was done.
    #[schema(value_type = Option<schema::StatusName>, required = true)]
    new_status: Option<&'static str>,
    /// Why nothing was done, in a word.
    #[schema(value_type = Option<String>, required = true, example = json!(null))]
    code: Option<&'static str>,
    /// The same for people.
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// The task as it stands now, for changes of any kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    task: Option<TaskBody>,
}

impl BulkBody {
    fn of(results: Vec<BulkResultBody>) -> Self {
        let successful = results.iter().filter(|result| result.success).count();
        Self {
            total: results.len(),
            successful,
            failed: results.len() - successful,
            results,
        }
    }
}

impl BulkResultBody {
    /// What is told of a result, and the task if it was done.
    fn of(result: BulkResult) -> (Self, Option<Snapshot>) {
        let (code, error, snapshot) = match result.outcome {
            BulkOutcome::Done(written) => (None, None, Some(written.snapshot)),
            BulkOutcome::Failed(error) => (Some(error.code().as_str()), Some(reason(result.id, &error)), None),
            BulkOutcome::Undone => (
                Some("ABORTED"),
                Some("Nothing was done, because others failed".to_owned()),
                None,
            ),
        };
        let body = Self {
            task_id: result.id,
            success: snapshot.is_some(),
            previous_status: result.previous_status.map(Status::as_str),
            new_status: snapshot.as_ref().map(|snapshot| snapshot.task.status.as_str()),
            code,
            error,
            task: None,
        };
        (body, snapshot)
    }
}

/// Why a task was not changed, in the words that clients of older APIs look for.
fn reason(id: TaskId, error: &Error) -> String {
    match error {
        Error::NotFound { .. } => format!("Task {id} not found"),
        other => other.to_string(),
    }
}

/// The results with the tasks that were changed.
async fn with_tasks(app: &App, actor: &Actor, results: Vec<BulkResult>) -> Result<BulkBody> {
    let (mut bodies, snapshots): (Vec<_>, Vec<_>) = results.into_iter().map(BulkResultBody::of).unzip();
    let tasks = snapshots.into_iter().flatten().map(|snapshot| snapshot.task).collect();
    let tasks = output::many(app, actor, tasks).await?;
    for (body, task) in bodies.iter_mut().filter(|body| body.success).zip(tasks) {
        body.task = Some(task);
    }
    Ok(BulkBody::of(bodies))
}

/// Make the same change to up to 100 tasks
///
/// Each for itself: those that cannot be changed keep no others from it.
#[utoipa::path(patch, path = "/tasks/bulk", tag = "tasks", operation_id = "updateTasks",
    request_body = BulkUpdateInput,
    responses((status = 200, description = "What became of each", body = BulkBody)))]
pub(in crate::rest) async fn bulk_update(
    State(app): State<App>,
    Asker(actor): Asker,
    rules: Rules,
    Body(input): Body<BulkUpdateInput>,
) -> Result<Json<BulkBody>> {
    let (targets, change) = input.read()?;
    let tasks = app.domain().tasks();
    let results = tasks.bulk_update(&actor, &targets, change, rules.bulk_errors).await?;
    Ok(Json(with_tasks(&app, &actor, results).await?))
}

/// Move up to 100 tasks along the workflow
///
/// Each for itself: those that cannot be moved keep no others from it.
#[utoipa::path(post, path = "/tasks/bulk-status", tag = "tasks", operation_id = "transitionTasks",
    request_body = BulkTransitionInput,
    responses((status = 200, description = "What became of each", body = BulkBody)))]
pub(in crate::rest) async fn bulk_transition(
    State(app): State<App>,
    Asker(actor): Asker,
    Body(input): Body<BulkTransitionInput>,
) -> Result<Json<BulkBody>> {
    let targets = targets(input.task_ids, &input.expected_versions)?;
    let (tasks, StatusName(to)) = (app.domain().tasks(), input.target_status);
    let results = tasks
        .bulk_transition(&actor, &targets, to, ErrorPolicy::Partial)
        .await?;
    let results = results.into_iter().map(|result| BulkResultBody::of(result).0);
    Ok(Json(BulkBody::of(results.collect())))
}
