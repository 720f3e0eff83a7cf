//! Calls to an external service, and background jobs.

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::routes;

use super::error::Result;
use super::extract::{BodyOrNothing, MaybeSignedIn, Parameters, PathId, SignedIn};
use super::openapi::schema::{self, described, described_by_hand};
use super::value::Moment;
use super::{Location, Route, location};
use crate::domain::external::ExternalAnswer;
use crate::domain::job::{BackgroundTask, JobId, MAX_MESSAGE_LENGTH};
use crate::http::json::Json;
use crate::rate_limit::Tier;
use crate::state::AppState;

described! {
    /// Text of up to 255 characters.
    Message => schema::text().max_length(Some(MAX_MESSAGE_LENGTH)).pattern(Some(schema::TEXT)).examples(["Count them"]);
}

described_by_hand!(JobId, "Id" => schema::id());

/// Response of the external service.
#[derive(Serialize, ToSchema)]
#[schema(as = ExternalAnswer)]
pub(super) struct ExternalBody {
    /// Always `ok`; any other result is an error.
    #[schema(value_type = String, example = "ok")]
    status: &'static str,
    /// HTTP status of the service's response.
    #[schema(example = 200)]
    status_code: u16,
    /// Response time in milliseconds.
    #[schema(value_type = u64, example = 12)]
    duration_ms: u128,
    /// Body of the service's response.
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

/// A background job to queue.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BackgroundOrder)]
pub(super) struct QueueInput {
    /// Text for the server's log; default `task_name`.
    #[schema(value_type = Option<Message>)]
    message: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct QueueParameters {
    /// Text for the server's log if the body has no `message`.
    #[param(value_type = Option<Message>, inline)]
    task_name: Option<String>,
}

/// A queued background job.
#[derive(Serialize, ToSchema)]
#[schema(as = BackgroundQueued)]
pub(super) struct QueuedBody {
    /// Job id, for `GET /async/background-task/{id}`.
    task_id: JobId,
    /// Always `queued`.
    #[schema(value_type = String, example = "queued")]
    status: &'static str,
    /// Fixed text that clients of an older API show.
    #[schema(value_type = String, example = "Background task triggered")]
    message: &'static str,
    /// Value of the parameter `task_name`; null if it was not given.
    #[schema(required = true, example = json!(null))]
    task_name: Option<String>,
}

/// State of a background job.
#[derive(Serialize, ToSchema)]
#[schema(as = BackgroundTask)]
pub(super) struct BackgroundTaskBody {
    /// Job id.
    task_id: JobId,
    /// `queued`, `running`, `done` or `failed`.
    #[schema(value_type = String, example = "done")]
    status: &'static str,
    /// When the job was queued (UTC).
    created_at: Moment,
    /// When the job finished (UTC); null before that.
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

/// Call the configured external service
#[utoipa::path(get, path = "/async/external", operation_id = "callExternal",
    responses(
        (status = 200, description = "The response of the service", body = ExternalBody),
        (status = 502, description = "The service cannot be reached or returned an error"),
        (status = 503, description = "No service is configured"),
        (status = 504, description = "The service did not respond in time"),
    ))]
pub(super) async fn call_external(
    State(app): State<AppState>,
    MaybeSignedIn(actor): MaybeSignedIn,
) -> Result<Json<ExternalBody>> {
    let answer = match actor {
        Some(actor) => app.external().call(&actor).await?,
        None => app.external().call_for_anyone().await?,
    };
    Ok(Json(answer.into()))
}

/// Count the caller's tasks in the background
#[utoipa::path(post, path = "/async/background-task", operation_id = "queueBackgroundTask",
    params(QueueParameters), request_body = Option<QueueInput>,
    responses((status = 202, description = "The job is queued", body = QueuedBody)))]
pub(super) async fn queue(
    State(app): State<AppState>,
    MaybeSignedIn(actor): MaybeSignedIn,
    Parameters(QueueParameters { task_name }): Parameters<QueueParameters>,
    BodyOrNothing(input): BodyOrNothing<QueueInput>,
) -> Result<(StatusCode, Location, Json<QueuedBody>)> {
    let (text, jobs) = (input.message.or_else(|| task_name.clone()), app.domain().jobs());
    let queued = match actor {
        Some(actor) => jobs.queue_background_task(&actor, text).await?,
        None => jobs.queue_anonymous_task(text).await?,
    };
    let location = location("async/background-task", queued.id.0);
    let body = QueuedBody {
        task_id: queued.id,
        status: queued.status.as_str(),
        message: "Background task triggered",
        task_name,
    };
    Ok((StatusCode::ACCEPTED, location, Json(body)))
}

/// Get the state of a background job
#[utoipa::path(get, path = "/async/background-task/{id}", operation_id = "getBackgroundTask",
    params(PathId),
    responses((status = 200, description = "The state of the job", body = BackgroundTaskBody)))]
pub(super) async fn get(SignedIn(app, actor): SignedIn, PathId(id): PathId) -> Result<Json<BackgroundTaskBody>> {
    let found = app.domain().jobs().get_background_task(&actor, JobId(id)).await?;
    Ok(Json(found.into()))
}
