//! Tasks: the handlers. What they read is in `task/input.rs` and `task/list.rs`, what they answer in
//! `task/output.rs`; what all writes to one task share is in `task/write.rs`, and all about many tasks at once
//! in `task/bulk.rs`.

mod bulk;
mod input;
mod list;
mod output;
mod write;

use axum::extract::{Request, State};
use axum::handler::Handler as _;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::Response;
use axum::routing::MethodFilter;
use utoipa_axum::routes;

use self::input::{AssignInput, CreateInput, ReplaceInput, TagsInput, TransitionInput, UpdateInput};
use self::list::ListParameters;
pub(super) use self::list::TagMode;
pub(super) use self::output::TaskBody;
use self::write::TaskWrite;
use super::error::Result;
use super::extract::{AnyBody, Asker, Body, Parameters, PathId, PathTag};
use super::page::{ListBody, PageParameters};
use super::precondition::IfMatch;
use super::rules::Rules;
use super::{Route, location};
use crate::domain::id::TaskId;
use crate::domain::policy;
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
        Route::of(routes!(replace)).handled_by(MethodFilter::PUT, put),
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

/// List tasks
///
/// Those that the asker may see, the newest first.
#[utoipa::path(get, path = "/tasks", tag = "tasks", operation_id = "listTasks", params(PageParameters, ListParameters),
    responses((status = 200, description = "A part of the list", body = ListBody<TaskBody>)))]
pub(super) async fn list(
    Asker(app, actor): Asker,
    rules: Rules,
    Parameters(page): Parameters<PageParameters>,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<ListBody<TaskBody>>> {
    Ok(Json(parameters.read(page, rules)?.answer(&app, &actor).await?))
}

/// List the tasks of everybody
///
/// For administrators, whose `/tasks` has all tasks anyway.
#[utoipa::path(get, path = "/tasks/admin/all", tag = "tasks", operation_id = "listAllTasks",
    params(PageParameters, ListParameters),
    responses(
        (status = 200, description = "A part of the list", body = ListBody<TaskBody>),
        (status = 403, description = "The asker is not an administrator"),
    ))]
pub(super) async fn list_all(
    asker: Asker,
    rules: Rules,
    page: Parameters<PageParameters>,
    parameters: Parameters<ListParameters>,
) -> Result<Json<ListBody<TaskBody>>> {
    policy::scope::<policy::AllTasks>(&asker.1)?;
    list(asker, rules, page, parameters).await
}

/// Create a task
///
/// With a `client_key` it is safe to repeat.
#[utoipa::path(post, path = "/tasks", tag = "tasks", operation_id = "createTask", request_body = CreateInput,
    responses(
        (status = 201, description = "The new task", body = TaskBody),
        (status = 200, description = "The task that has the `client_key` already", body = TaskBody),
    ))]
pub(super) async fn create(
    Asker(app, actor): Asker,
    Body(input): Body<CreateInput>,
) -> Result<(StatusCode, [(HeaderName, String); 1], TaskBody)> {
    let written = app.domain().tasks().create(&actor, input.read()?).await?;
    let is_new = written.cursor.is_some();
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let location = [(header::LOCATION, location("tasks", written.snapshot.task.id.0))];
    Ok((
        status,
        location,
        output::one(&app, &actor, written.snapshot.task).await?,
    ))
}

/// Read a task
#[utoipa::path(get, path = "/tasks/{id}", tag = "tasks", operation_id = "getTask", params(PathId),
    responses((status = 200, description = "The task", body = TaskBody)))]
pub(super) async fn get(Asker(app, actor): Asker, PathId(id): PathId) -> Result<TaskBody> {
    let task = app.domain().tasks().get(&actor, TaskId(id)).await?;
    Ok(output::one(&app, &actor, task).await?)
}

/// Replace a task
///
/// The body names every field that a client can set; `PATCH` changes some of them.
#[utoipa::path(put, path = "/tasks/{id}", tag = "tasks", operation_id = "replaceTask", params(PathId, IfMatch),
    request_body = ReplaceInput,
    responses(
        (status = 200, description = "The task as it is now", body = TaskBody),
        (status = 409, description = "The workflow does not allow the move, or the version is another"),
    ))]
pub(super) async fn replace(write: TaskWrite, Body(input): Body<ReplaceInput>) -> Result<TaskBody> {
    let (change, expected_version) = input.read()?;
    write.expecting(expected_version)?.update(change).await
}

/// `PUT` of a dialect in which it is a partial update, or of one in which it replaces.
pub(super) async fn put(State(app): State<AppState>, rules: Rules, request: Request) -> Response {
    if rules.put_is_partial {
        update.call(request, app).await
    } else {
        replace.call(request, app).await
    }
}

/// Change a task
///
/// What is left out stays, what is null is cleared.
#[utoipa::path(patch, path = "/tasks/{id}", tag = "tasks", operation_id = "updateTask", params(PathId, IfMatch),
    request_body = UpdateInput,
    responses(
        (status = 200, description = "The task as it is now", body = TaskBody),
        (status = 409, description = "The workflow does not allow the move, or the version is another"),
    ))]
pub(super) async fn update(write: TaskWrite, Body(input): Body<UpdateInput>) -> Result<TaskBody> {
    let (change, expected_version) = input.read()?;
    write.expecting(expected_version)?.update(change).await
}

/// Put a task into the trash
#[utoipa::path(delete, path = "/tasks/{id}", tag = "tasks", operation_id = "deleteTask", params(PathId, IfMatch),
    responses((status = 204, description = "Done")))]
pub(super) async fn delete(write: TaskWrite) -> Result<StatusCode> {
    let outcome = write.tasks().delete(&write.actor, write.id, write.expected());
    write.nothing(outcome.await)
}

/// Assign a task to a user, or to nobody
///
/// For its owner and administrators. An assignee who is not the owner may only unassign themselves.
#[utoipa::path(post, path = "/tasks/{id}/assign", tag = "tasks", operation_id = "assignTask", params(PathId, IfMatch),
    request_body = AssignInput,
    responses(
        (status = 200, description = "The task as it is now", body = TaskBody),
        (status = 403, description = "The task is not the asker's to hand over"),
        (status = 409, description = "The version is another"),
    ))]
pub(super) async fn assign(write: TaskWrite, Body(input): Body<AssignInput>) -> Result<TaskBody> {
    let write = write.expecting(input.expected_version)?;
    let outcome = write
        .tasks()
        .assign(&write.actor, write.id, input.assignee_id, write.expected());
    write.task(outcome.await).await
}

/// Move a task along the workflow
#[utoipa::path(post, path = "/tasks/{id}/transition", tag = "tasks", operation_id = "transitionTask", params(PathId, IfMatch),
    request_body = TransitionInput,
    responses(
        (status = 200, description = "The task as it is now", body = TaskBody),
        (status = 409, description = "The workflow does not allow the move, or the version is another"),
    ))]
pub(super) async fn transition(write: TaskWrite, Body(input): Body<TransitionInput>) -> Result<TaskBody> {
    let write = write.expecting(input.expected_version)?;
    let outcome = write
        .tasks()
        .transition(&write.actor, write.id, input.target_status.0, write.expected());
    write.task(outcome.await).await
}

/// Delete a task for good
///
/// Also one in the trash. Its files go with it.
#[utoipa::path(delete, path = "/tasks/{id}/force", tag = "tasks", operation_id = "purgeTask", params(PathId, IfMatch),
    responses((status = 204, description = "It is gone")))]
pub(super) async fn purge(write: TaskWrite) -> Result<StatusCode> {
    let outcome = write.tasks().purge(&write.actor, write.id, write.expected());
    write.nothing(outcome.await)
}

/// Take a task out of the trash
#[utoipa::path(post, path = "/tasks/{id}/restore", tag = "tasks", operation_id = "restoreTask", params(PathId, IfMatch),
    responses((status = 200, description = "The task as it is now", body = TaskBody)))]
pub(super) async fn restore(write: TaskWrite) -> Result<TaskBody> {
    let outcome = write.tasks().restore(&write.actor, write.id, write.expected());
    write.task(outcome.await).await
}

/// Tag a task
///
/// Beside the tags that it has.
#[utoipa::path(post, path = "/tasks/{id}/tags", tag = "tasks", operation_id = "tagTask", params(PathId, IfMatch),
    request_body = TagsInput,
    responses((status = 200, description = "The task as it is now", body = TaskBody)))]
pub(super) async fn add_tags(write: TaskWrite, AnyBody(TagsInput(tags)): AnyBody<TagsInput>) -> Result<TaskBody> {
    let outcome = write.tasks().add_tags(&write.actor, write.id, &tags, write.expected());
    write.task(outcome.await).await
}

/// Take a tag from a task
///
/// 404 if the task does not have it.
#[utoipa::path(delete, path = "/tasks/{id}/tags/{tag}", tag = "tasks", operation_id = "untagTask", params(PathId, PathTag, IfMatch),
    responses((status = 204, description = "Done")))]
pub(super) async fn remove_tag(write: TaskWrite, PathTag(tag): PathTag) -> Result<Response> {
    let tags = std::slice::from_ref(&tag);
    let outcome = write
        .tasks()
        .remove_tags(&write.actor, write.id, tags, write.expected());
    write.untagged(outcome.await, &tag).await
}
