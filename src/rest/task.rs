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
use super::precondition::IfMatch;
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
) -> Result<(StatusCode, [(HeaderName, String); 1], TaskBody)> {
    let task = app.domain().tasks().create(&actor, input.read()?).await?;
    let location = location("tasks", task.task.id.0);
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        output::written(&app, &actor, task).await?,
    ))
}

pub(super) async fn get(State(app): State<App>, Asker(actor): Asker, PathId(id): PathId) -> Result<TaskBody> {
    let task = app.domain().tasks().get(&actor, TaskId(id)).await?;
    Ok(output::one(&app, &actor, task).await?)
}

pub(super) async fn replace(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<ReplaceInput>,
) -> Result<TaskBody> {
    let (change, expected) = input.read()?;
    let precondition = if_match.or(expected)?;
    let task = app
        .domain()
        .tasks()
        .update(&actor, TaskId(id), change, precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(output::written(&app, &actor, task).await?)
}

pub(super) async fn update(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<UpdateInput>,
) -> Result<TaskBody> {
    let (change, expected) = input.read()?;
    let precondition = if_match.or(expected)?;
    let task = app
        .domain()
        .tasks()
        .update(&actor, TaskId(id), change, precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(output::written(&app, &actor, task).await?)
}

pub(super) async fn delete(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
) -> Result<StatusCode> {
    let precondition = if_match.alone()?;
    app.domain()
        .tasks()
        .delete(&actor, TaskId(id), precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn assign(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<AssignInput>,
) -> Result<TaskBody> {
    let precondition = if_match.or(input.expected_version)?;
    let task = app
        .domain()
        .tasks()
        .assign(&actor, TaskId(id), input.assignee_id, precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(output::written(&app, &actor, task).await?)
}

pub(super) async fn transition(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
    Body(input): Body<TransitionInput>,
) -> Result<TaskBody> {
    let precondition = if_match.or(input.expected_version)?;
    let task = app
        .domain()
        .tasks()
        .transition(&actor, TaskId(id), input.target_status.0, precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(output::written(&app, &actor, task).await?)
}

pub(super) async fn purge(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
) -> Result<StatusCode> {
    let precondition = if_match.alone()?;
    app.domain()
        .tasks()
        .purge(&actor, TaskId(id), precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn restore(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
) -> Result<TaskBody> {
    let precondition = if_match.alone()?;
    let task = app
        .domain()
        .tasks()
        .restore(&actor, TaskId(id), precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(output::written(&app, &actor, task).await?)
}

pub(super) async fn add_tags(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    if_match: IfMatch,
    AnyBody(TagsInput(tags)): AnyBody<TagsInput>,
) -> Result<TaskBody> {
    let precondition = if_match.alone()?;
    let task = app
        .domain()
        .tasks()
        .add_tags(&actor, TaskId(id), &tags, precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(output::written(&app, &actor, task).await?)
}

pub(super) async fn remove_tag(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
    PathTag(tag): PathTag,
    if_match: IfMatch,
) -> Result<StatusCode> {
    let precondition = if_match.alone()?;
    app.domain()
        .tasks()
        .remove_tags(&actor, TaskId(id), &[tag], precondition.expected())
        .await
        .map_err(|error| precondition.problem(error))?;
    Ok(StatusCode::NO_CONTENT)
}
