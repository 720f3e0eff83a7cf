//! Response bodies of tasks.

use std::collections::{BTreeSet, HashMap};

use axum::http::header;
use axum::response::{IntoResponse, Response};
use chrono::NaiveDate;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::actor::Actor;
use crate::domain::error::Result;
use crate::domain::id::{TaskId, UserId};
use crate::domain::tag::Tags;
use crate::domain::task::Task;
use crate::domain::task::workflow::Status;
use crate::domain::user::User;
use crate::http::json::Json;
use crate::rest::openapi::schema::{self, described_by_hand};
use crate::rest::user::PersonBody;
use crate::rest::value::Moment;
use crate::state::AppState;

described_by_hand!(TaskId, "Id" => schema::id());

/// A task.
#[derive(Serialize, ToSchema)]
#[schema(as = Task)]
pub(in crate::rest) struct TaskBody {
    /// Task id.
    id: TaskId,
    /// Title, one line.
    #[schema(example = "Paint the fence")]
    title: String,
    /// Description; null if there is none.
    #[schema(required = true, example = "Two coats, green")]
    description: Option<String>,
    /// Workflow status.
    #[schema(value_type = schema::StatusName)]
    status: &'static str,
    /// Priority.
    #[schema(value_type = schema::PriorityName)]
    priority: &'static str,
    /// Due date and time (UTC); null if the task has none.
    #[schema(required = true)]
    due_date: Option<Moment>,
    /// Due day without a time; null if the task has none. A task has `due_date` or `due_on`, not both.
    #[schema(value_type = Option<schema::Day>, required = true, example = json!(null))]
    due_on: Option<NaiveDate>,
    /// Whether the status is `done`.
    completed: bool,
    /// When the task became `done` (UTC); null if it is not `done`.
    #[schema(required = true, example = json!(null))]
    completed_at: Option<Moment>,
    /// Id of the user who owns the task.
    owner_id: UserId,
    /// Same value as `owner_id`, for clients of older APIs.
    user_id: UserId,
    /// Id of the assigned user; null if there is none.
    #[schema(required = true)]
    assignee_id: Option<UserId>,
    /// The user who owns the task.
    #[schema(required = true)]
    owner: Option<PersonBody>,
    /// The assigned user; null if there is none.
    #[schema(required = true)]
    assignee: Option<PersonBody>,
    /// Tags, in lower case and sorted.
    #[schema(value_type = Vec<schema::TagName>)]
    tags: Tags,
    /// `client_key` with which the task was created; null if there was none.
    #[schema(required = true, example = json!(null))]
    client_key: Option<String>,
    /// Version: 1 for a new task, incremented by each change. In quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i32,
    /// Creation time (UTC).
    created_at: Moment,
    /// Time of the last change (UTC).
    updated_at: Moment,
}

/// Only the response with a single task has an `ETag`.
impl IntoResponse for TaskBody {
    fn into_response(self) -> Response {
        ([(header::ETAG, format!("\"{}\"", self.version))], Json(self)).into_response()
    }
}

pub(super) async fn one(app: &AppState, actor: &Actor, task: Task) -> Result<TaskBody> {
    let users = people_of(app, actor, [&task]).await?;
    Ok(body(task, &users))
}

pub(super) async fn many(app: &AppState, actor: &Actor, tasks: Vec<Task>) -> Result<Vec<TaskBody>> {
    let users = people_of(app, actor, &tasks).await?;
    Ok(tasks.into_iter().map(|task| body(task, &users)).collect())
}

async fn people_of(
    app: &AppState,
    actor: &Actor,
    tasks: impl IntoIterator<Item = &Task>,
) -> Result<HashMap<UserId, User>> {
    let ids = tasks.into_iter();
    let ids = ids.flat_map(|task| task.assignee_id.into_iter().chain([task.owner_id]));
    let ids = Vec::from_iter(ids.collect::<BTreeSet<UserId>>());
    let users = app.domain().users().find_many(actor, &ids).await?;
    Ok(users.into_iter().map(|user| (user.id, user)).collect())
}

fn body(task: Task, users: &HashMap<UserId, User>) -> TaskBody {
    let user = |id: UserId| users.get(&id).map(PersonBody::new);
    let (owner, assignee) = (user(task.owner_id), task.assignee_id.and_then(user));
    TaskBody {
        id: task.id,
        title: task.title,
        description: task.description,
        status: task.status.as_str(),
        priority: task.priority.as_str(),
        due_date: task.due_date.map(Moment),
        due_on: task.due_on,
        completed: task.status == Status::Done,
        completed_at: task.completed_at.map(Moment),
        owner_id: task.owner_id,
        user_id: task.owner_id,
        assignee_id: task.assignee_id,
        owner,
        assignee,
        tags: task.tags,
        client_key: task.client_key,
        version: task.version,
        created_at: Moment(task.created_at),
        updated_at: Moment(task.updated_at),
    }
}
