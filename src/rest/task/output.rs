//! Tasks as REST shows them.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Error, Result};
use crate::domain::id::{TaskId, UserId};
use crate::domain::tag::Tags;
use crate::domain::task::Task;
use crate::domain::user::User;
use crate::domain::workflow::Status;
use crate::rest::user::NameBody;

/// A task.
#[derive(Serialize)]
pub(in crate::rest) struct TaskBody {
    id: TaskId,
    title: String,
    description: Option<String>,
    status: &'static str,
    priority: &'static str,
    due_date: Option<Timestamp>,
    completed: bool,
    completed_at: Option<Timestamp>,
    owner_id: UserId,
    assignee_id: Option<UserId>,
    owner: Option<NameBody>,
    assignee: Option<NameBody>,
    tags: Tags,
    version: i32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// One task, with the names and tags that belong to it.
pub(super) async fn one(app: &App, actor: &Actor, task: Task) -> Result<TaskBody> {
    let missing = Error::NotFound {
        noun: "task",
        key: "id",
        value: task.id.to_string(),
    };
    many(app, actor, vec![task]).await?.pop().ok_or(missing)
}

/// Tasks, with the names and tags that belong to them: two statements, however many tasks there are.
pub(super) async fn many(app: &App, actor: &Actor, tasks: Vec<Task>) -> Result<Vec<TaskBody>> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    let people: BTreeSet<UserId> = tasks
        .iter()
        .flat_map(|task| task.assignee_id.into_iter().chain([task.owner_id]))
        .collect();
    let people: Vec<UserId> = people.into_iter().collect();
    let ids: Vec<TaskId> = tasks.iter().map(|task| task.id).collect();
    let users = app.domain().users().find_many(actor, &people).await?;
    let users: HashMap<UserId, User> = users.into_iter().map(|user| (user.id, user)).collect();
    let mut tags: HashMap<TaskId, Tags> = app.domain().tasks().tags_of(actor, &ids).await?.into_iter().collect();
    Ok(tasks
        .into_iter()
        .map(|task| {
            let tags = tags.remove(&task.id).unwrap_or_default();
            body(task, tags, &users)
        })
        .collect())
}

fn body(task: Task, tags: Tags, users: &HashMap<UserId, User>) -> TaskBody {
    let name = |id: UserId| users.get(&id).cloned().map(NameBody::from);
    TaskBody {
        id: task.id,
        title: task.title,
        description: task.description,
        status: task.status.as_str(),
        priority: task.priority.as_str(),
        due_date: task.due_date,
        completed: task.status == Status::Done,
        completed_at: task.completed_at,
        owner_id: task.owner_id,
        assignee_id: task.assignee_id,
        owner: name(task.owner_id),
        assignee: task.assignee_id.and_then(name),
        tags,
        version: task.version,
        created_at: task.created_at,
        updated_at: task.updated_at,
    }
}
