//! What takes its time: a call to another service, and work in the background.

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::error::Result;
use super::extract::{Asker, AskerOrNobody, BodyOrNothing, Parameters, PathId};
use super::openapi::schema;
use super::value::Moment;
use super::{Route, location};
use crate::domain::external::ExternalAnswer;
use crate::domain::id::JobId;
use crate::domain::job::BackgroundTask;
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::state::AppState;

/// What another service answered.
#[derive(Serialize, ToSchema)]
#[schema(as = ExternalAnswer)]
pub(super) struct ExternalBody {
    /// Always `ok`: anything else is an error.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    /// The status of its answer.
    #[schema(example = 200)]
    status_code: u16,
    /// How long it took to answer, in milliseconds.
    #[schema(value_type = u64, example = 12)]
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
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackgroundOrder)]
pub(super) struct Order {
    /// Goes to the server's log, with what was counted.
    #[schema(value_type = Option<schema::Message>)]
    message: Option<String>,
}

/// The name of a background task.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QueueParameters {
    /// Goes to the server's log where the body has no `message`.
    #[param(value_type = Option<schema::Message>, inline)]
    task_name: Option<String>,
}

/// That something is to be done in the background.
#[derive(Serialize, ToSchema)]
#[schema(as = BackgroundQueued)]
pub(super) struct QueuedBody {
    /// Its number, with which one may ask how far it has come.
    task_id: JobId,
    /// Always `queued`.
    #[schema(value_type = String, example = "queued")]
    status: &'static str,
    /// A sentence that clients of an older API show.
    #[schema(value_type = String, example = "Background task triggered")]
    message: &'static str,
    /// The parameter `task_name`.
    #[schema(required = true, example = json!(null))]
    task_name: Option<String>,
}

impl QueuedBody {
    fn of(queued: &BackgroundTask, task_name: Option<String>) -> Self {
        Self {
            task_id: queued.id,
            status: queued.status.as_str(),
            message: "Background task triggered",
            task_name,
        }
    }
}

/// How far something in the background has come.
#[derive(Serialize, ToSchema)]
#[schema(as = BackgroundTask)]
pub(super) struct BackgroundTaskBody {
    /// Its number.
    task_id: JobId,
    /// `queued`, `running`, `done` or `failed`.
    #[schema(value_type = String, example = "done")]
    status: &'static str,
    /// When it was asked for.
    created_at: Moment,
    /// When it came to its end.
    #[schema(required = true)]
    finished_at: Option<Moment>,
}

impl From<BackgroundTask> for BackgroundTaskBody {
    fn from(task: BackgroundTask) -> Self {
        Self {
            task_id: task.id,
            status: task.status.as_str(),
            created_at: Moment(task.created_at),
            finished_at: task.finished_at.map(Moment),
        }
    }
}

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::of(routes!(call_external)).counted_as(Tier::Background),
        Route::of(routes!(queue)).counted_as(Tier::Background),
        Route::of(routes!(get)),
    ]
}

/// Call the service that the settings name
#[utoipa::path(get, path = "/async/external", tag = "background", operation_id = "callExternal",
    responses(
        (status = 200, description = "What it answered", body = ExternalBody),
        (status = 502, description = "It cannot be reached, or answers an error"),
        (status = 503, description = "The settings name none"),
        (status = 504, description = "It does not answer in time"),
    ))]
pub(super) async fn call_external(
    State(app): State<AppState>,
    AskerOrNobody(actor): AskerOrNobody,
) -> Result<Json<ExternalBody>> {
    let answer = match actor {
        Some(actor) => app.external().call(&actor).await?,
        None => app.external().call_for_anyone().await?,
    };
    Ok(Json(answer.into()))
}

/// Have one's tasks counted in the background
#[utoipa::path(post, path = "/async/background-task", tag = "background", operation_id = "queueBackgroundTask",
    params(QueueParameters), request_body = Option<Order>,
    responses((status = 202, description = "It is queued", body = QueuedBody)))]
pub(super) async fn queue(
    State(app): State<AppState>,
    AskerOrNobody(actor): AskerOrNobody,
    Parameters(QueueParameters { task_name }): Parameters<QueueParameters>,
    BodyOrNothing(order): BodyOrNothing<Order>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<QueuedBody>)> {
    let (text, jobs) = (order.message.or_else(|| task_name.clone()), app.domain().jobs());
    let queued = match actor {
        Some(actor) => jobs.queue_background_task(&actor, text).await?,
        None => jobs.queue_anonymous_task(text).await?,
    };
    let place = [(header::LOCATION, location("async/background-task", queued.id.0))];
    Ok((StatusCode::ACCEPTED, place, Json(QueuedBody::of(&queued, task_name))))
}

/// Read how far something in the background has come
#[utoipa::path(get, path = "/async/background-task/{id}", tag = "background", operation_id = "getBackgroundTask",
    params(PathId),
    responses((status = 200, description = "How far it has come", body = BackgroundTaskBody)))]
pub(super) async fn get(Asker(app, actor): Asker, PathId(id): PathId) -> Result<Json<BackgroundTaskBody>> {
    let found = app.domain().jobs().get_background_task(&actor, JobId(id)).await?;
    Ok(Json(found.into()))
}
