//! Translates canonical response bodies to those of a dialect.

use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::exchange::ALL_TASKS;
use super::{Exchange, Shape, TaskForm};
use crate::domain::actor::Actor;
use crate::domain::error::{self, Error, ViolationKind};
use crate::domain::task::{Comparison, TaskFilter, TaskList, TaskTime};
use crate::rest::error::{Problem, Result};
use crate::state::AppState;

const STATUSES: [&str; 3] = ["status", "previous_status", "new_status"];

pub(super) async fn translate(exchange: &Exchange, app: &AppState, shape: Shape, body: Value) -> Result<Value> {
    let mut body = shaped(app, shape, body).await?;
    if exchange.operation == "GET /tasks" {
        body = listed(exchange.dialect.list.rows, body);
    }
    if exchange.path == ALL_TASKS && exchange.dialect.all_tasks.is_some() {
        body = listed(None, body);
    }
    // The response of the external service stays unchanged.
    if !exchange.path.starts_with("/async/") {
        rewrite(&exchange.dialect.task, &mut body);
    }
    Ok(body)
}

/// Renames the member with the rows; without a name, returns only the rows.
fn listed(name: Option<&str>, mut list: Value) -> Value {
    let rows = list["items"].take();
    match (name, list) {
        (Some(name), Value::Object(mut list)) => {
            list.remove("items");
            let mut named = Map::from_iter([(name.to_owned(), rows)]);
            named.append(&mut list);
            Value::Object(named)
        }
        _ => rows,
    }
}

async fn shaped(app: &AppState, shape: Shape, mut body: Value) -> Result<Value> {
    let at = |body: &Value, pointer: &str| body.pointer(pointer).cloned().unwrap_or_default();
    match shape {
        Shape::Whole => Ok(body),
        Shape::Only(names) => {
            let members = names.split(' ').map(|name| (name.to_owned(), body[name].take()));
            Ok(Value::Object(members.collect()))
        }
        Shape::At(pointer) => Ok(at(&body, pointer)),
        Shape::Message(message) => Ok(json!({ "message": message })),
        Shape::BulkTasks => bulk_tasks(&body),
        Shape::With(members) => {
            let members: Vec<_> = members
                .iter()
                .map(|(name, pointer)| (*name, at(&body, pointer)))
                .collect();
            for (name, value) in members {
                body[name] = value;
            }
            Ok(body)
        }
        Shape::Occurring(names) => {
            for name in names.split(' ') {
                if let Some(counts) = body[name].as_object_mut() {
                    counts.retain(|_, count| *count != 0);
                }
            }
            Ok(body)
        }
        Shape::TaskCounts => {
            let (timestamp, tasks) = task_counts(app).await?;
            body["timestamp"] = timestamp;
            body["tasks"] = tasks;
            Ok(body)
        }
    }
}

/// If a task failed, nothing was written, and the error names the tasks that were not found.
fn bulk_tasks(body: &Value) -> Result<Value> {
    let results = body["results"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = results
        .iter()
        .find(|result| !result["code"].is_null() && result["code"] != "ABORTED");
    let Some(failed) = failed else {
        return Ok(results.iter().map(|result| result["task"].clone()).collect());
    };
    if failed["code"] != "NOT_FOUND" {
        let message = failed["error"].as_str().unwrap_or_default();
        let message = format!("Task {}: {message}", failed["task_id"]);
        return Err(Problem::invalid("updates", ViolationKind::Other, message));
    }
    let missing = results.iter().filter(|result| result["code"] == "NOT_FOUND");
    let missing: Vec<String> = missing.map(|result| result["task_id"].to_string()).collect();
    let value = missing.join(", ");
    Err(Error::NotFound {
        noun: "task",
        key: "ids",
        value,
    }
    .into())
}

/// The current time, and counts of the tasks of all users.
async fn task_counts(app: &AppState) -> error::Result<(Value, Value)> {
    let (tasks, now) = (app.domain().tasks(), app.domain().clock().now());
    let since = TaskFilter::Time(TaskTime::Created, Comparison::GreaterOrEqual(now - TimeDelta::days(1)));
    let today = TaskList {
        filter: since.try_into()?,
        ..TaskList::default()
    };
    let counted = tasks.statistics(&Actor::System).await?.statistics;
    let created_today = tasks.count(&Actor::System, &today).await?;
    let counts = json!({ "total": counted.total, "completed": counted.completed(), "created_today": created_today });
    Ok((json!(now.timestamp()), counts))
}

/// Translates statuses, days and missing texts at any depth.
fn rewrite(form: &TaskForm, value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| rewrite(form, value)),
        Value::Object(members) => {
            if form.is_due_by_day && members.contains_key("due_on") {
                let due = match &members["due_date"] {
                    Value::String(moment) => json!(moment.split('T').next()),
                    _ => members["due_on"].clone(),
                };
                members.insert("due_date".to_owned(), due);
            }
            for (name, member) in members.iter_mut() {
                if STATUSES.contains(&name.as_str()) {
                    let named = form.statuses.iter().find(|(canonical, _)| member == canonical);
                    if let Some((_, status)) = named {
                        *member = json!(status);
                    }
                } else if form.has_blank_texts && name == "full_name" && member.is_null() {
                    *member = json!("");
                } else {
                    rewrite(form, member);
                }
            }
        }
        _ => {}
    }
}
