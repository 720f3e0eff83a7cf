//! Tasks as REST shows them.

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
use crate::rest::openapi::schema;
use crate::rest::precondition;
use crate::rest::user::PersonBody;
use crate::rest::value::Moment;
use crate::state::AppState;

/// A task.
#[derive(Serialize, ToSchema)]
#[schema(as = Task)]
pub(in crate::rest) struct TaskBody {
    /// Its number.
    id: TaskId,
    /// What is to be done, in a line.
    #[schema(example = "Paint the fence")]
    title: String,
    /// What is to be done, at length.
    #[schema(required = true, example = "Two coats, green")]
    description: Option<String>,
    /// Where it stands.
    #[schema(value_type = schema::StatusName)]
    status: &'static str,
    /// How urgent it is.
    #[schema(value_type = schema::PriorityName)]
    priority: &'static str,
    /// When it should be done.
    #[schema(required = true)]
    due_date: Option<Moment>,
    /// On which day it should be done, in place of `due_date`.
    #[schema(value_type = Option<schema::Day>, required = true, example = json!(null))]
    due_on: Option<NaiveDate>,
    /// Whether its status is `done`.
    completed: bool,
    /// When it became `done`.
    #[schema(required = true, example = json!(null))]
    completed_at: Option<Moment>,
    /// Whose it is.
    owner_id: UserId,
    /// As `owner_id`: the name in two of the older APIs.
    user_id: UserId,
    /// Who is to do it.
    #[schema(required = true)]
    assignee_id: Option<UserId>,
    /// Whose it is, by name.
    #[schema(required = true)]
    owner: Option<PersonBody>,
    /// Who is to do it, by name.
    #[schema(required = true)]
    assignee: Option<PersonBody>,
    /// Its tags, in small letters, in order.
    #[schema(value_type = Vec<schema::TagName>)]
    tags: Tags,
    /// The key that its creator gave it.
    #[schema(required = true, example = json!(null))]
    client_key: Option<String>,
    /// Counts its changes from 1; in quotes it is the `ETag`.
    #[schema(example = 1)]
    version: i32,
    /// When it was made.
    created_at: Moment,
    /// When it was changed last.
    updated_at: Moment,
}

/// A task alone bears the tag of its version.
impl IntoResponse for TaskBody {
    fn into_response(self) -> Response {
        let etag = precondition::etag(self.version);
        let mut response = Json(self).into_response();
        if let Some(etag) = etag {
            response.headers_mut().insert(header::ETAG, etag);
        }
        response
    }
}

/// One task with the names of its owner and assignee.
pub(super) async fn one(app: &AppState, actor: &Actor, task: Task) -> Result<TaskBody> {
    let users = people_of(app, actor, [&task]).await?;
    Ok(body(task, &users))
}

/// Tasks with the names of their owners and assignees, which are read together.
pub(super) async fn many(app: &AppState, actor: &Actor, tasks: Vec<Task>) -> Result<Vec<TaskBody>> {
    let users = people_of(app, actor, &tasks).await?;
    Ok(tasks.into_iter().map(|task| body(task, &users)).collect())
}

/// The owners and assignees of tasks, each once.
async fn people_of(
    app: &AppState,
    actor: &Actor,
    tasks: impl IntoIterator<Item = &Task>,
) -> Result<HashMap<UserId, User>> {
    let ids: BTreeSet<UserId> = tasks
        .into_iter()
        .flat_map(|task| task.assignee_id.into_iter().chain([task.owner_id]))
        .collect();
    let ids: Vec<UserId> = ids.into_iter().collect();
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
