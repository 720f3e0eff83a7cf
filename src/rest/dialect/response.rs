//! Translates canonical response bodies to those of a dialect.

use axum::body::{Body, to_bytes};
use chrono::TimeDelta;
use serde_json::{Map, Value, json};

use super::{Dialect, END_OF_DAY, Exchange, Shape, has, lookup};
use crate::domain::actor::Actor;
use crate::domain::error::{self, Error, ViolationKind};
use crate::domain::task::{Comparison, TaskFilter, TaskList, TaskTime};
use crate::rest::error::{Problem, Result};
use crate::state::AppState;

impl Exchange {
    pub(super) async fn translated(&self, app: &AppState, shape: Option<Shape>, body: Body) -> Result<Value> {
        // JSON bodies are in memory.
        let bytes = to_bytes(body, usize::MAX).await.map_err(Problem::internal)?;
        let canonical = serde_json::from_slice(&bytes).map_err(Problem::internal)?;
        let mut body = match shape {
            Some(shape) => shape.apply(app, canonical).await?,
            None => canonical,
        };
        // The response of the external service stays unchanged.
        if !self.path.starts_with("/async/") {
            rewrite(self.dialect, &mut body);
        }
        Ok(body)
    }
}

impl Shape {
    async fn apply(self, app: &AppState, mut body: Value) -> Result<Value> {
        match self {
            Self::Ok(_) | Self::Message(_) => {}
            Self::Status(status) => body["status"] = json!(status),
            Self::Only(names) => {
                let members = names.split(' ').map(|name| (name.to_owned(), body[name].take()));
                return Ok(Value::Object(members.collect()));
            }
            Self::User => return Ok(body["user"].take()),
            Self::Items(_) => return Ok(body["items"].take()),
            Self::Rows(name) => {
                let mut list = Map::from_iter([(name.to_owned(), body["items"].take())]);
                if let Value::Object(canonical) = body {
                    list.extend(canonical.into_iter().filter(|(name, _)| name != "items"));
                }
                return Ok(Value::Object(list));
            }
            Self::BulkTasks => return bulk_tasks(&body),
            Self::With(members) => {
                let values = members.iter().map(|(_, pointer)| body.pointer(pointer).cloned());
                let values: Vec<_> = values.map(Option::unwrap_or_default).collect();
                for ((name, _), value) in members.iter().zip(values) {
                    body[name] = value;
                }
            }
            Self::Occurring(name) => {
                if let Some(counts) = body[name].as_object_mut() {
                    counts.retain(|_, count| *count != 0);
                }
            }
            Self::TaskCounts => (body["timestamp"], body["tasks"]) = task_counts(app).await?,
        }
        Ok(body)
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
    let (resource, key, value) = ("Task", "ids", missing.join(", "));
    Err(Error::NotFound { resource, key, value }.into())
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
fn rewrite(dialect: &Dialect, value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(|value| rewrite(dialect, value)),
        Value::Object(members) => {
            if let Some(due) = due_date(dialect, members) {
                members.insert("due_date".to_owned(), due);
            }
            for (name, member) in members.iter_mut() {
                match name.as_str() {
                    "status" | "previous_status" | "new_status" => {
                        if let Some(named) = member.as_str().and_then(|status| lookup(dialect.statuses, &status)) {
                            *member = json!(named);
                        }
                    }
                    "full_name" if dialect.has_blank_texts && member.is_null() => *member = json!(""),
                    _ => rewrite(dialect, member),
                }
            }
        }
        _ => {}
    }
}

/// `due_date` of a task with a due day, or in an API with days. Without it, a client that sends a whole task back would
/// clear the due day.
fn due_date(dialect: &Dialect, task: &Map<String, Value>) -> Option<Value> {
    let (moment, day) = (task.get("due_date")?.as_str(), task.get("due_on")?.as_str());
    match (moment, day) {
        (Some(moment), _) if dialect.is_due_by_day => Some(json!(moment.split('T').next())),
        (None, Some(day)) if dialect.is_due_by_day => Some(json!(day)),
        (None, Some(day)) if has(dialect.update, "due_date") => Some(json!(format!("{day}{END_OF_DAY}"))),
        _ => None,
    }
}
