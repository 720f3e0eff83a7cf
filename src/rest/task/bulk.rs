//! Bulk writes: request bodies, and a result for each task.
//!
//! Each task follows the rules of a single write; a failed task does not affect the others. The response is 200 with a
//! result for each task, in the order of `task_ids` without duplicates. An invalid request is 422 and writes nothing.

use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::{OneOfBuilder, Schema};

use super::input::UpdateInput;
use super::output::{self, TaskBody};
use crate::domain::error::{Error, ViolationKind};
use crate::domain::id::{TaskId, UserId};
use crate::domain::patch::Patch;
use crate::domain::task::workflow::Status;
use crate::domain::task::{
    BulkOutcome, BulkResult, BulkTargets, ErrorPolicy, MAX_BULK, Priority, Snapshot, TaskChange,
};
use crate::http::json::Json;
use crate::rest::error::{Problem, Result};
use crate::rest::extract::{Body, SignedIn};
use crate::rest::openapi::schema::{self, described_by_hand};
use crate::rest::rules::Rules;
use crate::rest::value::{Day, Moment, Name};

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
    status: Patch<Name<Status>>,
    #[serde(default)]
    completed: Patch<bool>,
    #[serde(default)]
    priority: Patch<Name<Priority>>,
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
        let refuse = |kind, what: &str| Problem::invalid("update", kind, format!("update: {what}"));
        let update = match (self.update, beside == UpdateInput::default()) {
            (Some(update), true) => update,
            (None, false) => beside,
            (Some(_), false) => {
                let what = "give the fields in update or beside task_ids, not both";
                return Err(refuse(ViolationKind::Other, what));
            }
            (None, true) => {
                let what = "nothing is to be changed; give the fields in update";
                return Err(refuse(ViolationKind::Missing, what));
            }
        };
        let (change, expected_version) = update.read()?;
        if expected_version.is_some() {
            let message = "expected_version is for one task; use expected_versions beside task_ids";
            return Err(Problem::invalid("expected_version", ViolationKind::Other, message));
        }
        Ok((targets, change))
    }

    fn described(update: &str) -> Schema {
        schema::of_json(json!({
            "type": "object", "title": format!("With {update}"), "required": ["task_ids", update],
            "properties": {
                "task_ids": {
                    "type": "array", "items": { "type": "integer", "format": "int32" }, "minItems": 1, "maxItems": MAX_BULK,
                },
                "expected_versions": {
                    "type": "array", "items": { "$ref": "#/components/schemas/TaskVersion" }, "maxItems": MAX_BULK,
                    "description": "Expected versions of some or all of the tasks.",
                },
                update: { "$ref": "#/components/schemas/TaskUpdate" },
            },
            "additionalProperties": false,
        }))
    }
}

described_by_hand!(BulkUpdateInput, "TasksBulkUpdate" => OneOfBuilder::new()
    .description(Some("Up to 100 tasks and the change to apply to each. The fields may also be next to `task_ids`."))
    .item(BulkUpdateInput::described("update"))
    .item(BulkUpdateInput::described("updates")));

/// Expected version of a task. If it does not match, the task is not changed and its result has the code `CONFLICT`.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TaskVersion)]
pub(in crate::rest) struct VersionInput {
    /// Task id; one of `task_ids`.
    task_id: TaskId,
    /// Expected `version` of the task.
    #[schema(example = 1)]
    version: i32,
}

/// The tasks to move, and their new status.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TasksBulkTransition)]
pub(in crate::rest) struct BulkTransitionInput {
    /// Task ids; 1 to 100.
    #[schema(value_type = Vec<i32>, min_items = 1, max_items = 100, example = json!([1, 2, 3]))]
    task_ids: Vec<TaskId>,
    /// Expected versions of some or all of the tasks; default none.
    #[serde(default)]
    #[schema(max_items = 100, required = false, example = json!([]))]
    expected_versions: Vec<VersionInput>,
    /// New status of the tasks.
    #[schema(value_type = schema::StatusInput)]
    target_status: Name<Status>,
}

/// The domain checks the count too, but under another field name.
fn targets(ids: Vec<TaskId>, versions: &[VersionInput]) -> Result<BulkTargets> {
    let refuse = |kind, message: String| Err(Problem::invalid("task_ids", kind, message));
    let count = ids.len();
    if count == 0 {
        let message = format!("task_ids is empty; 1 to {MAX_BULK} ids are allowed");
        return refuse(ViolationKind::TooFew(1), message);
    }
    if count > MAX_BULK {
        let message = format!("task_ids: {count} ids were given; up to {MAX_BULK} are allowed");
        return refuse(ViolationKind::TooLarge(MAX_BULK), message);
    }
    let versions: Vec<_> = versions.iter().map(|one| (one.task_id, one.version)).collect();
    Ok(BulkTargets::new(ids, &versions)?)
}

/// Result of a bulk change.
#[derive(Serialize, ToSchema)]
#[schema(as = TasksBulkResult)]
pub(in crate::rest) struct BulkBody {
    /// Number of tasks in the request, without duplicates.
    #[schema(example = 1)]
    total: usize,
    /// Number of tasks that were changed.
    #[schema(example = 1)]
    successful: usize,
    /// Number of tasks that were not changed.
    #[schema(example = 0)]
    failed: usize,
    /// One result per task, in the order of `task_ids`.
    results: Vec<BulkResultBody>,
}

/// Result for one task.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskBulkResult)]
pub(in crate::rest) struct BulkResultBody {
    /// Task id.
    #[schema(value_type = i32, example = 1)]
    task_id: TaskId,
    /// Whether the task was changed.
    success: bool,
    /// Status before the change; null if the task was not found.
    #[schema(value_type = Option<schema::StatusName>, required = true)]
    previous_status: Option<&'static str>,
    /// Status after the change; null if the task was not changed.
    #[schema(value_type = Option<schema::StatusName>, required = true)]
    new_status: Option<&'static str>,
    /// Error code, such as `NOT_FOUND`; null on success.
    #[schema(value_type = Option<String>, required = true, example = json!(null))]
    code: Option<&'static str>,
    /// Error message; null on success.
    #[schema(required = true, example = json!(null))]
    error: Option<String>,
    /// The changed task; only in responses of `PATCH /tasks/bulk`, and only on success.
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
    fn of(result: BulkResult) -> (Self, Option<Snapshot>) {
        let (failure, snapshot) = match result.outcome {
            BulkOutcome::Done(written) => (None, Some(written.snapshot)),
            BulkOutcome::Failed(error) => {
                let message = match error {
                    // The wording that clients of older APIs expect.
                    Error::NotFound { .. } => format!("Task {} not found", result.id),
                    _ => error.to_string(),
                };
                (Some((error.code().as_str(), message)), None)
            }
            BulkOutcome::Undone => {
                let message = "Not changed, because other tasks failed".to_owned();
                (Some(("ABORTED", message)), None)
            }
        };
        let (code, error) = failure.unzip();
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

/// Apply the same change to up to 100 tasks
///
/// Each task is changed independently: a failed task does not affect the others.
#[utoipa::path(patch, path = "/tasks/bulk", operation_id = "updateTasks",
    request_body = BulkUpdateInput,
    responses((status = 200, description = "The result for each task", body = BulkBody)))]
pub(in crate::rest) async fn bulk_update(
    SignedIn(app, actor): SignedIn,
    rules: Rules,
    Body(input): Body<BulkUpdateInput>,
) -> Result<Json<BulkBody>> {
    let (targets, change) = input.read()?;
    let tasks = app.domain().tasks();
    let results = tasks.bulk_update(&actor, &targets, change, rules.bulk_errors).await?;
    let (mut results, snapshots): (Vec<_>, Vec<_>) = results.into_iter().map(BulkResultBody::of).unzip();
    let tasks = snapshots.into_iter().flatten().map(|snapshot| snapshot.task).collect();
    let tasks = output::many(&app, &actor, tasks).await?;
    for (result, task) in results.iter_mut().filter(|result| result.success).zip(tasks) {
        result.task = Some(task);
    }
    Ok(Json(BulkBody::of(results)))
}

/// Move up to 100 tasks to another status
///
/// Each task is moved independently: a failed task does not affect the others.
#[utoipa::path(post, path = "/tasks/bulk-status", operation_id = "transitionTasks",
    request_body = BulkTransitionInput,
    responses((status = 200, description = "The result for each task", body = BulkBody)))]
pub(in crate::rest) async fn bulk_transition(
    SignedIn(app, actor): SignedIn,
    Body(input): Body<BulkTransitionInput>,
) -> Result<Json<BulkBody>> {
    let targets = targets(input.task_ids, &input.expected_versions)?;
    let (tasks, Name(to)) = (app.domain().tasks(), input.target_status);
    let results = tasks.bulk_transition(&actor, &targets, to, ErrorPolicy::Partial);
    let results = results.await?.into_iter().map(|result| BulkResultBody::of(result).0);
    Ok(Json(BulkBody::of(results.collect())))
}
