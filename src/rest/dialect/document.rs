//! The OpenAPI document of a dialect: the canonical one with what the dialect does differently.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Dialect, Invalid, List, Shape};
use crate::config::RestDialect;
use crate::http::json::Json;
use crate::rest::{PREFIXES, openapi};

/// Documents by dialect and the path that they are served under, for every request after the first.
static DOCUMENTS: Mutex<Option<HashMap<(RestDialect, String), Value>>> = Mutex::new(None);

/// The document of a server under the path `root` as a response.
pub(super) fn response(name: RestDialect, dialect: &Dialect, root: &str) -> Response {
    let mut documents = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = documents.get_or_insert_default();
    let document = known
        .entry((name, root.to_owned()))
        .or_insert_with(|| of(name, dialect, root));
    // A new release may bring another one.
    ([(header::CACHE_CONTROL, "no-cache")], Json(&*document)).into_response()
}

fn of(name: RestDialect, dialect: &Dialect, root: &str) -> Value {
    let mut document = serde_json::to_value(openapi::document_under(root)).unwrap_or_default();
    let about = format!(
        "REST in the dialect `{}`, for unmodified clients of an older API; `X-Rest-Dialect: taskwire` chooses the \
         canonical one. Unknown fields and parameters are ignored.",
        name.as_str()
    );
    document["info"]["description"] = json!(about);
    describe_list(&mut document, &dialect.list, dialect.rules.max_rows);
    describe_bodies(&mut document, dialect);
    describe_answers(&mut document, dialect);
    describe_errors(&mut document, dialect);
    document
}

fn operation<'a>(document: &'a mut Value, method: &str, path: &str) -> Option<&'a mut Value> {
    let path = format!("{}{path}", PREFIXES[0]);
    document["paths"].get_mut(&path)?.get_mut(method)
}

/// The response of an operation with a status.
fn content<'a>(operation: &'a mut Value, status: &str) -> Option<&'a mut Value> {
    let response = operation["responses"].get_mut(status)?;
    response.pointer_mut("/content/application~1json/schema")
}

/// The list of tasks: its parameters with their defaults, and its envelope.
fn describe_list(document: &mut Value, list: &List, max_rows: u32) {
    let rows = list.rows;
    let Some(operation) = operation(document, "get", "/tasks") else {
        return;
    };
    if let Some(parameters) = operation["parameters"].as_array_mut() {
        parameters.retain(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default();
            parameter["in"] != "query" || list.parameters.contains(&name)
        });
        for parameter in parameters {
            if parameter["name"] == list.page_size.0 {
                parameter["schema"]["default"] = json!(list.page_size.1.parse::<u32>().unwrap_or_default());
                parameter["schema"]["maximum"] = json!(max_rows);
            }
        }
    }
    let Some(schema) = content(operation, "200") else {
        return;
    };
    let task = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Task" } });
    *schema = match rows {
        None => task,
        Some(name) => {
            let count = json!({ "type": "integer", "minimum": 0 });
            json!({
                "type": "object",
                "required": [name, "total", "skip", "limit", "page", "pages", "per_page"],
                "properties": {
                    name: task, "total": count, "skip": count, "limit": count, "page": count, "pages": count,
                    "per_page": count,
                },
            })
        }
    };
}

/// Bodies: unknown fields are ignored, and `PUT` may be partial.
fn describe_bodies(document: &mut Value, dialect: &Dialect) {
    if dialect.rules.put_is_partial
        && let Some(put) = operation(document, "put", "/tasks/{id}")
    {
        put["requestBody"]["content"]["application/json"]["schema"] =
            json!({ "$ref": "#/components/schemas/TaskUpdate" });
    }
    let task = &dialect.task;
    for (name, fields) in [("TaskCreate", task.create), ("TaskUpdate", task.update)] {
        if let Some(properties) = document["components"]["schemas"][name]["properties"].as_object_mut() {
            properties.retain(|name, _| fields.contains(&name.as_str()));
            if task.keeps_null && name == "TaskUpdate" {
                for property in properties.values_mut() {
                    *property = json!({ "anyOf": [property.take(), { "type": "null" }] });
                }
            }
        }
    }
    if let Some(schemas) = document["components"]["schemas"].as_object_mut() {
        // Forms stay closed: the names of their parts have rules of their syntax.
        let bodies = schemas.iter_mut().filter(|(name, _)| *name != "Upload");
        bodies.for_each(|(_, schema)| open(schema));
    }
    if let Some(all) = dialect
        .all_tasks
        .and_then(|_| operation(document, "get", "/tasks/admin/all"))
    {
        all["parameters"] = json!([]);
        if let Some(schema) = content(all, "200") {
            *schema = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Task" } });
        }
    }
    for (name, parameter) in dialect.required {
        let Some((method, path)) = name.split_once(' ') else {
            continue;
        };
        let parameters =
            operation(document, &method.to_lowercase(), path).map(|operation| &mut operation["parameters"]);
        let parameters = parameters.and_then(Value::as_array_mut).into_iter().flatten();
        for parameter in parameters.filter(|one| one["name"] == *parameter) {
            parameter["required"] = json!(true);
        }
    }
    if dialect.rules.is_background_open {
        for (method, path) in [("get", "/async/external"), ("post", "/async/background-task")] {
            if let Some(operation) = operation(document, method, path) {
                operation["security"] = json!([{}]);
            }
        }
    }
}

/// Takes the ban on further fields away. An alternative keeps it for the fields of the others.
fn open(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else {
        return;
    };
    members.remove("additionalProperties");
    let Some(parts) = members.get_mut("oneOf").and_then(Value::as_array_mut) else {
        return;
    };
    parts.iter_mut().for_each(open);
    let properties = parts.iter().filter_map(|part| part["properties"].as_object());
    let names: Vec<String> = properties.flat_map(|properties| properties.keys().cloned()).collect();
    for properties in parts.iter_mut().filter_map(|part| part["properties"].as_object_mut()) {
        // Versions of tasks are none of the older APIs'.
        properties.remove("expected_versions");
        for name in names.iter().filter(|name| *name != "expected_versions") {
            properties.entry(name.clone()).or_insert_with(|| json!({ "not": {} }));
        }
    }
}

/// Responses of another status or form.
fn describe_answers(document: &mut Value, dialect: &Dialect) {
    for (name, answer) in dialect.answers {
        let Some((method, path)) = name.split_once(' ') else {
            continue;
        };
        let Some(operation) = operation(document, &method.to_lowercase(), path) else {
            continue;
        };
        let Some(responses) = operation["responses"].as_object_mut() else {
            continue;
        };
        let success = responses.keys().find(|status| status.starts_with('2')).cloned();
        let Some((status, mut response)) = success.and_then(|status| responses.remove_entry(&status)) else {
            continue;
        };
        let schema = match answer.shape {
            Shape::Message(_) => Some(json!({ "type": "object", "required": ["message"],
                "properties": { "message": { "type": "string" } } })),
            Shape::At("/user") => Some(json!({ "$ref": "#/components/schemas/User" })),
            Shape::At(_) => Some(json!({ "type": "array", "items": { "$ref": "#/components/schemas/File" } })),
            Shape::BulkTasks => Some(json!({ "type": "array", "items": { "$ref": "#/components/schemas/Task" } })),
            Shape::Only(names) => Some(json!({ "type": "object", "required": names })),
            Shape::Whole | Shape::With(_) | Shape::Occurring(_) | Shape::TaskCounts => None,
        };
        if let Some(schema) = schema {
            response["content"] = json!({ "application/json": { "schema": schema } });
        }
        let status = answer.status.map_or(status, |status| status.to_string());
        responses.insert(status, response);
    }
    if dialect.rules.untag_shows_task
        && let Some(untag) = operation(document, "delete", "/tasks/{id}/tags/{tag}")
        && let Some(responses) = untag["responses"].as_object_mut()
    {
        responses.remove("204");
        let task = json!({ "description": "The task", "content": { "application/json": {
            "schema": { "$ref": "#/components/schemas/Task" } } } });
        responses.insert("200".to_owned(), task);
    }
    if dialect.task.is_due_by_day {
        document["components"]["schemas"]["Task"]["properties"]["due_date"] =
            json!({ "type": ["string", "null"], "format": "date", "description": "The day on which it is due." });
    }
    describe_statuses(document, dialect);
}

fn describe_statuses(document: &mut Value, dialect: &Dialect) {
    let name = |status: &Value| {
        let found = dialect.task.statuses.iter().find(|(canonical, _)| status == canonical);
        found.map_or_else(|| status.clone(), |(_, name)| json!(name))
    };
    let schema = &mut document["components"]["schemas"]["StatusName"]["enum"];
    if let Some(names) = schema.as_array() {
        *schema = names.iter().map(name).collect();
    }
}

/// Errors: their statuses and their body.
fn describe_errors(document: &mut Value, dialect: &Dialect) {
    let detail = match dialect.failures.invalid {
        Invalid::List => json!({ "type": ["string", "array"], "description": "The message, or what is invalid." }),
        Invalid::Beside(_) => json!({ "type": "string", "description": "The message." }),
    };
    let error = if dialect.failures.texts.is_some() {
        json!({ "type": "string", "description": "The kind of the error." })
    } else {
        json!({ "type": "object", "description": "Code, message, request id and details." })
    };
    document["components"]["schemas"]["Error"] = json!({
        "type": "object",
        "required": ["detail", "error", "request_id"],
        "properties": { "detail": detail, "error": error, "request_id": { "type": "string" } },
    });
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    for operation in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        if let Some(responses) = operation.1["responses"].as_object_mut() {
            let sample = responses.get("422").cloned();
            for (_, status) in dialect.failures.statuses {
                let status = status.to_string();
                if let (false, Some(sample)) = (responses.contains_key(&status), &sample) {
                    responses.insert(status, sample.clone());
                }
            }
        }
    }
}
