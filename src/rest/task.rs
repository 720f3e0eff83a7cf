//! Tasks: the handlers. What they read is in `task/input.rs` and `task/list.rs`, what they answer in
//! `task/output.rs`; what all writes to one task share is in `task/write.rs`, and all about many tasks at once
//! in `task/bulk.rs`.

mod bulk;
mod input;
mod list;
mod output;
mod write;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};

pub(super) use self::bulk::{bulk_transition, bulk_update};
use self::input::{AssignInput, CreateInput, ReplaceInput, TagsInput, TransitionInput, UpdateInput};
use self::list::ListParameters;
use self::output::TaskBody;
use self::write::TaskWrite;
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

pub(super) async fn replace(write: TaskWrite, Body(input): Body<ReplaceInput>) -> Result<TaskBody> {
    let (change, expected_version) = input.read()?;
    let write = write.expecting(expected_version)?;
    let outcome = write.tasks().update(&write.actor, write.id, change, write.expected());
    write.task(outcome.await).await
}

pub(super) async fn update(write: TaskWrite, Body(input): Body<UpdateInput>) -> Result<TaskBody> {
    let (change, expected_version) = input.read()?;
    let write = write.expecting(expected_version)?;
    let outcome = write.tasks().update(&write.actor, write.id, change, write.expected());
    write.task(outcome.await).await
}

pub(super) async fn delete(write: TaskWrite) -> Result<StatusCode> {
    let outcome = write.tasks().delete(&write.actor, write.id, write.expected());
    write.nothing(outcome.await)
}

pub(super) async fn assign(write: TaskWrite, Body(input): Body<AssignInput>) -> Result<TaskBody> {
    let write = write.expecting(input.expected_version)?;
    let outcome = write
        .tasks()
        .assign(&write.actor, write.id, input.assignee_id, write.expected());
    write.task(outcome.await).await
}

pub(super) async fn transition(write: TaskWrite, Body(input): Body<TransitionInput>) -> Result<TaskBody> {
    let write = write.expecting(input.expected_version)?;
    let outcome = write
        .tasks()
        .transition(&write.actor, write.id, input.target_status.0, write.expected());
    write.task(outcome.await).await
}

pub(super) async fn purge(write: TaskWrite) -> Result<StatusCode> {
    let outcome = write.tasks().purge(&write.actor, write.id, write.expected());
    write.nothing(outcome.await)
}

pub(super) async fn restore(write: TaskWrite) -> Result<TaskBody> {
    let outcome = write.tasks().restore(&write.actor, write.id, write.expected());
    write.task(outcome.await).await
}

pub(super) async fn add_tags(write: TaskWrite, AnyBody(TagsInput(tags)): AnyBody<TagsInput>) -> Result<TaskBody> {
    let outcome = write.tasks().add_tags(&write.actor, write.id, &tags, write.expected());
    write.task(outcome.await).await
}

pub(super) async fn remove_tag(write: TaskWrite, PathTag(tag): PathTag) -> Result<StatusCode> {
    let tags = [tag];
    let outcome = write
        .tasks()
        .remove_tags(&write.actor, write.id, &tags, write.expected());
    write.nothing(outcome.await)
}
