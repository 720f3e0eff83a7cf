//! Task handlers. `input` has the request bodies, `list` the query parameters of lists, `output` the response bodies.
//! `bulk` has handlers and bodies of the writes to many tasks.

mod bulk;
mod input;
mod list;
mod output;

use axum::extract::{FromRequestParts, Request, State};
use axum::handler::Handler as _;
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use utoipa_axum::routes;

use self::input::{AssignInput, CreateInput, ReplaceInput, TagsInput, TransitionInput, UpdateInput};
use self::list::ListParameters;
pub(super) use self::list::TagMode;
pub(super) use self::output::TaskBody;
use super::error::{Problem, Result};
use super::extract::{AnyBody, Body, Parameters, PathId, PathTag, SignedIn};
use super::page::{ListBody, PageParameters};
use super::precondition::{IfMatch, Precondition};
use super::rules::Rules;
use super::{Location, Route, location};
use crate::domain::actor::Actor;
use crate::domain::error::{self, Error, excerpt};
use crate::domain::id::TaskId;
use crate::domain::policy;
use crate::domain::task::{ExpectedVersion, TaskChange, Tasks, WrittenTask};
use crate::http::json::Json;
use crate::state::AppState;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(list)),
        Route::of(routes!(create)),
        Route::of(routes!(list_all)),
        Route::of(routes!(bulk::bulk_update)),
        Route::of(routes!(bulk::bulk_transition)),
        Route::of(routes!(get)),
        Route {
            handler: axum::routing::put(put),
            ..Route::of(routes!(replace))
        },
        Route::of(routes!(update)),
        Route::of(routes!(delete)),
        Route::of(routes!(assign)),
        Route::of(routes!(transition)),
        Route::of(routes!(purge)),
        Route::of(routes!(restore)),
        Route::of(routes!(add_tags)),
        Route::of(routes!(remove_tag)),
    ]
}

/// What all writes to one task share: actor, task id and precondition.
pub(super) struct TaskWrite {
    app: AppState,
    actor: Actor,
    id: TaskId,
    precondition: Precondition,
    rules: Rules,
}

impl FromRequestParts<AppState> for TaskWrite {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        let SignedIn(app, actor) = SignedIn::from_request_parts(parts, app).await?;
        let PathId(id) = PathId::from_request_parts(parts, &app).await?;
        Ok(Self {
            app,
            actor,
            id: TaskId(id),
            precondition: Precondition::of(&parts.headers)?,
            rules: Rules::of(parts),
        })
    }
}

impl TaskWrite {
    fn expecting(self, version: Option<i32>) -> Result<Self> {
        Ok(Self {
            precondition: self.precondition.or(version)?,
            ..self
        })
    }

    fn expected(&self) -> ExpectedVersion {
        self.precondition.expected()
    }

    fn tasks(&self) -> Tasks<'_> {
        self.app.domain().tasks()
    }

    async fn task(&self, outcome: error::Result<WrittenTask>) -> Result<TaskBody> {
        let written = outcome.map_err(|error| self.precondition.problem(error))?;
        Ok(output::one(&self.app, &self.actor, written.snapshot.task).await?)
    }

    async fn update(self, change: TaskChange) -> Result<TaskBody> {
        let (tasks, moves) = (self.tasks(), self.rules.moves);
        let outcome = tasks.update_by(&self.actor, self.id, change, self.expected(), moves);
        self.task(outcome.await).await
    }

    fn nothing(&self, outcome: error::Result<WrittenTask>) -> Result<StatusCode> {
        outcome.map_err(|error| self.precondition.problem(error))?;
        Ok(StatusCode::NO_CONTENT)
    }
}

/// List tasks
///
/// Tasks that the caller can see, newest first.
#[utoipa::path(get, path = "/tasks", operation_id = "listTasks", params(PageParameters, ListParameters),
    responses((status = 200, description = "One page of the list", body = ListBody<TaskBody>)))]
pub(super) async fn list(
    SignedIn(app, actor): SignedIn,
    rules: Rules,
    Parameters(page): Parameters<PageParameters>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<ListBody<TaskBody>>> {
    Ok(Json(parameters.answer(page, rules, &app, &actor).await?))
}

/// List the tasks of all users
///
/// Administrators only. For them, `/tasks` lists all tasks too.
#[utoipa::path(get, path = "/tasks/admin/all", operation_id = "listAllTasks",
    params(PageParameters, ListParameters),
    responses(
        (status = 200, description = "One page of the list", body = ListBody<TaskBody>),
        (status = 403, description = "The caller is not an administrator"),
    ))]
pub(super) async fn list_all(
    caller: SignedIn,
    rules: Rules,
    page: Parameters<PageParameters>,
    parameters: Parameters<ListParameters>,
) -> Result<Json<ListBody<TaskBody>>> {
    policy::scope::<policy::AllTasks>(&caller.1)?;
    list(caller, rules, page, parameters).await
}

/// Create a task
///
/// Safe to repeat with a `client_key`.
#[utoipa::path(post, path = "/tasks", operation_id = "createTask", request_body = CreateInput,
    responses(
        (status = 201, description = "The new task", body = TaskBody),
        (status = 200, description = "The existing task with this `client_key`", body = TaskBody),
    ))]
pub(super) async fn create(
    SignedIn(app, actor): SignedIn,
    Body(input): Body<CreateInput>,
) -> Result<(StatusCode, Location, TaskBody)> {
    let written = app.domain().tasks().create(&actor, input.read()?).await?;
    let is_new = written.cursor.is_some();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let task = written.snapshot.task;
    let location = location("tasks", task.id.0);
    Ok((status, location, output::one(&app, &actor, task).await?))
}

/// Read a task
#[utoipa::path(get, path = "/tasks/{id}", operation_id = "getTask", params(PathId),
    responses((status = 200, description = "The task", body = TaskBody)))]
pub(super) async fn get(SignedIn(app, actor): SignedIn, PathId(id): PathId) -> Result<TaskBody> {
    let task = app.domain().tasks().get(&actor, TaskId(id)).await?;
    Ok(output::one(&app, &actor, task).await?)
}

/// Replace a task
///
/// The body must contain every writable field; use `PATCH` to change some of them.
#[utoipa::path(put, path = "/tasks/{id}", operation_id = "replaceTask", params(PathId, IfMatch),
    request_body = ReplaceInput,
    responses(
        (status = 200, description = "The updated task", body = TaskBody),
        (status = 409, description = "The workflow does not allow the move, or the version does not match"),
    ))]
pub(super) async fn replace(write: TaskWrite, Body(input): Body<ReplaceInput>) -> Result<TaskBody> {
    let (change, expected_version) = input.read()?;
    write.expecting(expected_version)?.update(change).await
}

/// A partial update or a replacement, depending on the dialect.
pub(super) async fn put(State(app): State<AppState>, rules: Rules, request: Request) -> Response {
    if rules.put_is_partial {
        update.call(request, app).await
    } else {
        replace.call(request, app).await
    }
}

/// Change a task
///
/// Omitted fields stay unchanged; null clears a field.
#[utoipa::path(patch, path = "/tasks/{id}", operation_id = "updateTask", params(PathId, IfMatch),
    request_body = UpdateInput,
    responses(
        (status = 200, description = "The updated task", body = TaskBody),
        (status = 409, description = "The workflow does not allow the move, or the version does not match"),
    ))]
pub(super) async fn update(write: TaskWrite, Body(input): Body<UpdateInput>) -> Result<TaskBody> {
    let (change, expected_version) = input.read()?;
    write.expecting(expected_version)?.update(change).await
}

/// Move a task to the trash
#[utoipa::path(delete, path = "/tasks/{id}", operation_id = "deleteTask", params(PathId, IfMatch),
    responses((status = 204, description = "The task is in the trash")))]
pub(super) async fn delete(write: TaskWrite) -> Result<StatusCode> {
    let outcome = write.tasks().delete(&write.actor, write.id, write.expected());
    write.nothing(outcome.await)
}

/// Assign or unassign a task
///
/// Allowed for the owner and for administrators. An assignee who is not the owner may only unassign themselves.
#[utoipa::path(post, path = "/tasks/{id}/assign", operation_id = "assignTask", params(PathId, IfMatch),
    request_body = AssignInput,
    responses(
        (status = 200, description = "The updated task", body = TaskBody),
        (status = 403, description = "The caller may not assign this task"),
        (status = 409, description = "The version does not match"),
    ))]
pub(super) async fn assign(write: TaskWrite, Body(input): Body<AssignInput>) -> Result<TaskBody> {
    let write = write.expecting(input.expected_version)?;
    let outcome = write
        .tasks()
        .assign(&write.actor, write.id, input.assignee_id, write.expected());
    write.task(outcome.await).await
}

/// Move a task to another status
#[utoipa::path(post, path = "/tasks/{id}/transition", operation_id = "transitionTask", params(PathId, IfMatch),
    request_body = TransitionInput,
    responses(
        (status = 200, description = "The updated task", body = TaskBody),
        (status = 409, description = "The workflow does not allow the move, or the version does not match"),
    ))]
pub(super) async fn transition(write: TaskWrite, Body(input): Body<TransitionInput>) -> Result<TaskBody> {
    let write = write.expecting(input.expected_version)?;
    let outcome = write
        .tasks()
        .transition(&write.actor, write.id, input.target_status.0, write.expected());
    write.task(outcome.await).await
}

/// Delete a task permanently
///
/// The task may be in the trash. Its files are deleted too.
#[utoipa::path(delete, path = "/tasks/{id}/force", operation_id = "purgeTask", params(PathId, IfMatch),
    responses((status = 204, description = "The task is deleted")))]
pub(super) async fn purge(write: TaskWrite) -> Result<StatusCode> {
    let outcome = write.tasks().purge(&write.actor, write.id, write.expected());
    write.nothing(outcome.await)
}

/// Restore a task from the trash
#[utoipa::path(post, path = "/tasks/{id}/restore", operation_id = "restoreTask", params(PathId, IfMatch),
    responses((status = 200, description = "The restored task", body = TaskBody)))]
pub(super) async fn restore(write: TaskWrite) -> Result<TaskBody> {
    let outcome = write.tasks().restore(&write.actor, write.id, write.expected());
    write.task(outcome.await).await
}

/// Add tags to a task
///
/// Current tags stay.
#[utoipa::path(post, path = "/tasks/{id}/tags", operation_id = "tagTask", params(PathId, IfMatch),
    request_body = TagsInput,
    responses((status = 200, description = "The updated task", body = TaskBody)))]
pub(super) async fn add_tags(write: TaskWrite, AnyBody(TagsInput(tags)): AnyBody<TagsInput>) -> Result<TaskBody> {
    let outcome = write.tasks().add_tags(&write.actor, write.id, &tags, write.expected());
    write.task(outcome.await).await
}

/// Remove a tag from a task
///
/// 404 if the task does not have the tag.
#[utoipa::path(delete, path = "/tasks/{id}/tags/{tag}", operation_id = "untagTask", params(PathId, PathTag, IfMatch),
    responses((status = 204, description = "The tag is removed")))]
pub(super) async fn remove_tag(write: TaskWrite, PathTag(tag): PathTag) -> Result<Response> {
    let (tags, tasks) = (std::slice::from_ref(&tag), write.tasks());
    let outcome = tasks.remove_tags(&write.actor, write.id, tags, write.expected()).await;
    // A write without a cursor changed nothing: the task did not have the tag.
    if outcome.as_ref().is_ok_and(|written| written.cursor.is_none()) {
        let (resource, key, value) = ("Tag", "name", excerpt(&tag).to_string());
        return Err(Error::NotFound { resource, key, value }.into());
    }
    Ok(if write.rules.untag_shows_task {
        write.task(outcome).await?.into_response()
    } else {
        write.nothing(outcome)?.into_response()
    })
}
