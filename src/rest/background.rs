//! What takes its time: a call to another service, and work in the background.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::Result;
use super::extract::{Asker, BodyOrNothing, PathId};
use super::location;
use crate::app::App;
use crate::domain::clock::Timestamp;
use crate::domain::external::ExternalAnswer;
use crate::domain::id::JobId;
use crate::domain::job::BackgroundTask;

/// What another service answered.
#[derive(Serialize)]
pub(super) struct ExternalBody {
    /// Always `ok`: anything else is an error.
    status: &'static str,
    /// The status of its answer.
    status_code: u16,
    duration_ms: u128,
    /// Its answer.
    data: Value,
}

impl From<ExternalAnswer> for ExternalBody {
    fn from(answer: ExternalAnswer) -> Self {
        Self {
            status: "ok",
            status_code: answer.status,
            duration_ms: answer.duration.as_millis(),
            data: answer.data,
        }
    }
}

/// What is to be done in the background.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Order {
    /// Goes to the server's log, with what was counted.
    message: Option<String>,
}

/// That something is to be done in the background.
#[derive(Serialize)]
pub(super) struct QueuedBody {
    task_id: JobId,
    status: &'static str,
}

/// How far something in the background has come.
#[derive(Serialize)]
pub(super) struct BackgroundTaskBody {
    task_id: JobId,
    /// `queued`, `running`, `done` or `failed`.
    status: &'static str,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl From<BackgroundTask> for BackgroundTaskBody {
    fn from(task: BackgroundTask) -> Self {
        Self {
            task_id: task.id,
            status: task.status.as_str(),
            created_at: task.created_at,
            finished_at: task.finished_at,
        }
    }
}

/// Calls the service that the settings name.
pub(super) async fn call_external(State(app): State<App>, Asker(actor): Asker) -> Result<Json<ExternalBody>> {
    let answer = app.external().call(&actor).await?;
    Ok(Json(answer.into()))
}

/// Has the asker's tasks counted in the background.
pub(super) async fn queue(
    State(app): State<App>,
    Asker(actor): Asker,
    BodyOrNothing(order): BodyOrNothing<Order>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<QueuedBody>)> {
    let queued = app.domain().jobs().queue_background_task(&actor, order.message).await?;
    let body = QueuedBody {
        task_id: queued.id,
        status: queued.status.as_str(),
    };
    let place = location("async/background-task", queued.id.0);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, place)], Json(body)))
}

/// How far something in the background has come, to whoever asked for it.
pub(super) async fn get(
    State(app): State<App>,
    Asker(actor): Asker,
    PathId(id): PathId,
) -> Result<Json<BackgroundTaskBody>> {
    let found = app.domain().jobs().get_background_task(&actor, JobId(id)).await?;
    Ok(Json(found.into()))
}
