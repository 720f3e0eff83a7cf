//! Tasks: the handlers. What they read is in `task/input.rs` and `task/list.rs`, what they answer in
//! `task/output.rs`.

mod input;
mod list;
mod output;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};

use self::input::{AssignInput, CreateInput, ReplaceInput, TagsInput, TransitionInput, UpdateInput};
use self::list::ListParameters;
use self::output::TaskBody;
use super::error::Result;
use super::extract::{AnyBody, Asker, Body, Parameters, PathId, PathTag};
use super::location;
use super::page::ListBody;
use crate::app::App;
use crate::domain::id::TaskId;
use crate::domain::policy;

pub(super) async fn list(
    State(app): State<App>,
    Asker(actor): Asker,
    Parameters(parameters): Parameters<ListParameters>,
) -> Result<Json<ListBody<TaskBody>>> {
    let request = parameters.read()?;
    Ok(Json(request.answer(&app, &actor).await?))
}

/// The same list, for those who see everything: an administrator's list has all tasks anyway.
pub(super) async fn list_all(
    state: State<App>,
    Asker(actor): Asker,
    parameters: Parameters<ListParameters>,
) -> Result<Json<ListBody<TaskBody>>> {
    policy::scope::<policy::AllTasks>(&actor)?;
    list(state, Asker(actor), parameters).await
}

pub(super) async fn create(
    State(app): State<App>,
    Asker(actor): Asker,
    Body(input): Body<CreateInput>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<TaskBody>)> {
    let task = app.domain().tasks().create(&actor, input.read()?).await?;
    let location = location("tasks", task.task.id.0);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(output::written(&app, &actor, task).await?),
    ))
}

pub(super) async fn get(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<Json<TaskBody>> {
    let task = app.domain().tasks().get(&actor, TaskId(id)).await?;
    Ok(Json(output::one(&app, &actor, task).await?))
}

pub(super) async fn replace(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    Body(input): Body<ReplaceInput>,
) -> Result<Json<TaskBody>> {
    let (change, expected) = input.read()?;
    let task = app
        .domain()
        .tasks()
        .update(&actor, TaskId(id), change, expected)
        .await?;
    Ok(Json(output::written(&app, &actor, task).await?))
}

pub(super) async fn update(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    Body(input): Body<UpdateInput>,
) -> Result<Json<TaskBody>> {
    let (change, expected) = input.read()?;
    let task = app
        .domain()
        .tasks()
        .update(&actor, TaskId(id), change, expected)
        .await?;
    Ok(Json(output::written(&app, &actor, task).await?))
}

pub(super) async fn delete(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<StatusCode> {
    app.domain().tasks().delete(&actor, TaskId(id), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn assign(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    Body(input): Body<AssignInput>,
) -> Result<Json<TaskBody>> {
    let tasks = app.domain().tasks();
    let task = tasks
        .assign(&actor, TaskId(id), input.assignee_id, input.expected_version)
        .await?;
    Ok(Json(output::written(&app, &actor, task).await?))
}

pub(super) async fn transition(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    Body(input): Body<TransitionInput>,
) -> Result<Json<TaskBody>> {
    let tasks = app.domain().tasks();
    let task = tasks
        .transition(&actor, TaskId(id), input.target_status.0, input.expected_version)
        .await?;
    Ok(Json(output::written(&app, &actor, task).await?))
}

pub(super) async fn purge(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<StatusCode> {
    app.domain().tasks().purge(&actor, TaskId(id), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn restore(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<Json<TaskBody>> {
    let task = app.domain().tasks().restore(&actor, TaskId(id), None).await?;
    Ok(Json(output::written(&app, &actor, task).await?))
}

pub(super) async fn add_tags(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    AnyBody(TagsInput(tags)): AnyBody<TagsInput>,
) -> Result<Json<TaskBody>> {
    let task = app.domain().tasks().add_tags(&actor, TaskId(id), &tags, None).await?;
    Ok(Json(output::written(&app, &actor, task).await?))
}

pub(super) async fn remove_tag(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    PathTag(tag): PathTag,
) -> Result<StatusCode> {
    app.domain()
        .tasks()
        .remove_tags(&actor, TaskId(id), &[tag], None)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
