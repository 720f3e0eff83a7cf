//! The OpenAPI document of a dialect: the canonical one with the changes of the dialect.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Dialect, Invalid, Shape, has};
use crate::config::RestDialect;
use crate::http::json::Json;
use crate::rest::{PREFIXES, openapi};

/// Cached documents, by dialect and root path.
static DOCUMENTS: Mutex<Option<HashMap<(RestDialect, String), Value>>> = Mutex::new(None);

pub(super) fn response(name: RestDialect, dialect: &Dialect, root: &str) -> Response {
    let mut documents = DOCUMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let known = documents.get_or_insert_default();
    let document = known
        .entry((name, root.to_owned()))
        .or_insert_with(|| of(name, dialect, root));
    // A new release may change the document.
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
    describe_parameters(&mut document, dialect);
    describe_bodies(&mut document["components"]["schemas"], dialect);
    describe_responses(&mut document, dialect);
    describe_errors(&mut document, dialect);
    document
}

/// `name` is a method and a path, such as `GET /tasks`.
fn operation<'a>(document: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let (method, path) = name.split_once(' ')?;
    let path = format!("{}{path}", PREFIXES[0]);
    document["paths"].get_mut(&path)?.get_mut(method.to_lowercase())
}

/// Replaces the status or the schema of a successful response.
fn respond(document: &mut Value, name: &str, status: Option<u16>, schema: Option<Value>) {
    let Some(responses) = operation(document, name).and_then(|operation| operation["responses"].as_object_mut()) else {
        return;
    };
    let canonical = responses.keys().find(|status| status.starts_with('2')).cloned();
    let Some((canonical, mut response)) = canonical.and_then(|status| responses.remove_entry(&status)) else {
        return;
    };
    if let Some(schema) = schema {
        response["content"] = json!({ "application/json": { "schema": schema } });
    }
    responses.insert(status.map_or(canonical, |status| status.to_string()), response);
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn list_of(schema: &str) -> Value {
    json!({ "type": "array", "items": reference(schema) })
}

fn describe_parameters(document: &mut Value, dialect: &Dialect) {
    let list = &dialect.list;
    if let Some(parameters) = operation(document, "GET /tasks").and_then(|list| list["parameters"].as_array_mut()) {
        parameters.retain(|parameter| {
            let name = parameter["name"].as_str().unwrap_or_default();
            parameter["in"] != "query" || has(list.parameters, name)
        });
        for parameter in parameters
            .iter_mut()
            .filter(|parameter| parameter["name"] == list.page_size.0)
        {
            parameter["schema"]["default"] = json!(list.page_size.1.parse::<u32>().unwrap_or_default());
            parameter["schema"]["maximum"] = json!(dialect.rules.max_rows);
        }
    }
    if let (Some(_), Some(all)) = (dialect.all_tasks, operation(document, "GET /tasks/admin/all")) {
        all["parameters"] = json!([]);
    }
    for (name, needed) in dialect.required {
        let parameters = operation(document, name).and_then(|operation| operation["parameters"].as_array_mut());
        for parameter in parameters.into_iter().flatten().filter(|one| one["name"] == *needed) {
            parameter["required"] = json!(true);
        }
    }
    for name in ["GET /async/external", "POST /async/background-task"] {
        if let (true, Some(operation)) = (dialect.rules.is_background_open, operation(document, name)) {
            operation["security"] = json!([{}]);
        }
    }
    if let (true, Some(put)) = (dialect.rules.put_is_partial, operation(document, "PUT /tasks/{id}")) {
        put["requestBody"]["content"]["application/json"]["schema"] = reference("TaskUpdate");
    }
}

fn describe_bodies(schemas: &mut Value, dialect: &Dialect) {
    let task = &dialect.task;
    for (name, fields) in [("TaskCreate", task.create), ("TaskUpdate", task.update)] {
        if let Some(properties) = schemas[name]["properties"].as_object_mut() {
            properties.retain(|name, _| has(fields, name));
            if task.keeps_null && name == "TaskUpdate" {
                for property in properties.values_mut() {
                    *property = json!({ "anyOf": [property.take(), { "type": "null" }] });
                }
            }
        }
    }
    if task.refuses_empty {
        let one = task.update.split(' ').map(|field| json!({ "required": [field] }));
        schemas["TaskUpdate"]["anyOf"] = one.collect();
    }
    // An empty string means no date.
    if let Some(forms) = schemas["Moment"]["oneOf"].as_array_mut() {
        forms.push(json!({ "type": "string", "maxLength": 0 }));
    }
    if task.drops_blank_tags {
        let tag = json!({ "anyOf": [schemas["TagName"], { "type": "string", "pattern": "^[ \\t-\\r]*$" }] });
        schemas["Tags"]["oneOf"][1]["items"] = tag.clone();
        for name in ["TaskCreate", "TaskUpdate"] {
            schemas[name]["properties"]["tags"]["items"] = tag.clone();
        }
    }
    schemas["List_Task"]["properties"]["items"] = list_of("Task");
    if task.is_due_by_day {
        schemas["Task"]["properties"]["due_date"] =
            json!({ "type": ["string", "null"], "format": "date", "description": "Due day." });
    }
    for status in schemas["StatusName"]["enum"].as_array_mut().into_iter().flatten() {
        let named = task.statuses.iter().find(|(canonical, _)| status == canonical);
        if let Some((_, name)) = named {
            *status = json!(name);
        }
    }
    // The upload form stays closed: its part names have syntax rules.
    let bodies = schemas
        .as_object_mut()
        .into_iter()
        .flatten()
        .filter(|(name, _)| *name != "Upload");
    bodies.for_each(|(_, schema)| open(schema));
}

/// Allows additional properties. An alternative still excludes the fields of the other alternatives.
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
        // The older APIs have no task versions.
        properties.remove("expected_versions");
        for name in names.iter().filter(|name| *name != "expected_versions") {
            properties.entry(name.clone()).or_insert_with(|| json!({ "not": {} }));
        }
    }
}

fn describe_responses(document: &mut Value, dialect: &Dialect) {
    let list = match dialect.list.rows {
        None => list_of("Task"),
        Some(name) => {
            let count = json!({ "type": "integer", "minimum": 0 });
            json!({
                "type": "object",
                "required": [name, "total", "skip", "limit", "page", "pages", "per_page"],
                "properties": {
                    name: list_of("Task"), "total": count, "skip": count, "limit": count, "page": count, "pages": count,
                    "per_page": count,
                },
            })
        }
    };
    respond(document, "GET /tasks", None, Some(list));
    if dialect.all_tasks.is_some() {
        respond(document, "GET /tasks/admin/all", None, Some(list_of("Task")));
    }
    if dialect.rules.untag_shows_task {
        respond(
            document,
            "DELETE /tasks/{id}/tags/{tag}",
            Some(200),
            Some(reference("Task")),
        );
    }
    for (name, status, shape) in dialect.answers {
        let schema = match shape {
            Shape::Message(_) => Some(json!({ "type": "object", "required": ["message"],
                "properties": { "message": { "type": "string" } } })),
            Shape::At("/user") => Some(reference("User")),
            Shape::At(_) => Some(list_of("File")),
            Shape::BulkTasks => Some(list_of("Task")),
            Shape::Only(names) => Some(json!({ "type": "object", "required": names.split(' ').collect::<Vec<_>>() })),
            Shape::Whole | Shape::With(_) | Shape::Occurring(_) | Shape::TaskCounts => None,
        };
        respond(document, name, *status, schema);
        if let (Shape::BulkTasks, Some(operation)) = (shape, operation(document, name)) {
            operation["responses"]["404"] = json!({ "$ref": "#/components/responses/NotFound" });
        }
    }
}

fn describe_errors(document: &mut Value, dialect: &Dialect) {
    let detail = match dialect.failures.invalid {
        Invalid::List => json!({ "type": ["string", "array"], "description": "The message, or the list of errors." }),
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
    for (_, operation) in paths.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        let Some(invalid) = operation["responses"].get("422").cloned() else {
            continue;
        };
        for (_, status) in dialect.failures.statuses {
            let response = &mut operation["responses"][status.to_string()];
            if response.is_null() {
                *response = invalid.clone();
            }
        }
    }
}
