//! The OpenAPI document of a dialect: the canonical one with the changes of the dialect.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Dialect, Invalid, Shape, has, lookup};
use crate::config::RestDialect;
use crate::http::json::Json;
use crate::rest::rules::Rules;
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
    describe_operations(&mut document["paths"], dialect);
    describe_file_size(&mut document, dialect.rules.max_file);
    describe_bodies(&mut document["components"]["schemas"], dialect);
    document["components"]["schemas"]["Error"] = error(dialect);
    document
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn list_of(schema: &str) -> Value {
    json!({ "type": "array", "items": reference(schema) })
}

/// `name` is a method and a path, such as `GET /tasks`.
fn operation<'a>(paths: &'a mut Value, name: &str) -> &'a mut Value {
    let (method, path) = name.split_once(' ').unwrap_or_default();
    &mut paths[format!("{}{path}", PREFIXES[0])][method.to_lowercase()]
}

fn describe_operations(paths: &mut Value, dialect: &Dialect) {
    let list = operation(paths, "GET /tasks");
    for parameter in list["parameters"].as_array_mut().into_iter().flatten() {
        if parameter["name"] == dialect.page_size.0 {
            parameter["schema"]["default"] = dialect.page_size.1.parse::<u32>().unwrap_or_default().into();
            parameter["schema"]["maximum"] = dialect.rules.max_rows.into();
        }
    }
    if let Some(parameters) = list["parameters"].as_array_mut() {
        parameters
            .retain(|one| one["in"] != "query" || has(dialect.parameters, one["name"].as_str().unwrap_or_default()));
    }
    if dialect.all_tasks.is_some() {
        operation(paths, "GET /tasks/admin/all")["parameters"] = json!([]);
    }
    for (name, needed) in dialect.required {
        let parameters = operation(paths, name)["parameters"].as_array_mut();
        for parameter in parameters.into_iter().flatten().filter(|one| one["name"] == *needed) {
            parameter["required"] = json!(true);
        }
    }
    if dialect.rules.is_background_open {
        for name in ["GET /async/external", "POST /async/background-task"] {
            operation(paths, name)["security"] = json!([{}]);
        }
    }
    if dialect.rules.put_is_partial {
        let put = operation(paths, "PUT /tasks/{id}");
        put["requestBody"]["content"]["application/json"]["schema"] = reference("TaskUpdate");
    }
    let listed = ["GET /tasks", "GET /tasks/admin/all"].into_iter();
    for name in listed.chain(dialect.answers.iter().map(|(name, _)| *name)) {
        if let Some((shape, schema)) = dialect.shape(name).and_then(|shape| Some((shape, shape.schema()?))) {
            describe_response(operation(paths, name), shape, &schema);
        }
    }
    let items = paths.as_object_mut().into_iter().flatten();
    for (_, operation) in items.flat_map(|(_, item)| item.as_object_mut().into_iter().flatten()) {
        let Some(invalid) = operation["responses"].get("422").cloned() else {
            continue;
        };
        for (_, status) in dialect.error_statuses {
            let response = &mut operation["responses"][status.to_string()];
            if response.is_null() {
                *response = invalid.clone();
            }
        }
    }
}

/// Replaces the maximum size of a file in the texts.
fn describe_file_size(document: &mut Value, max: u64) {
    let [canonical, max] = [Rules::CANONICAL.max_file, max].map(|bytes| format!("{} MiB", bytes / (1024 * 1024)));
    let replace = |text: &mut Value| {
        if let Some(replaced) = text.as_str().map(|text| text.replace(&canonical, &max)) {
            *text = replaced.into();
        }
    };
    for name in ["POST /tasks/{id}/files", "POST /upload"] {
        replace(&mut operation(&mut document["paths"], name)["responses"]["413"]["description"]);
    }
    replace(&mut document["components"]["schemas"]["Upload"]["properties"]["file"]["description"]);
}

/// Replaces the schema of a successful response, and its status if the dialect has another one.
fn describe_response(operation: &mut Value, shape: Shape, schema: &Value) {
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    let canonical = responses.keys().find(|status| status.starts_with('2')).cloned();
    let Some((canonical, mut response)) = canonical.and_then(|status| responses.remove_entry(&status)) else {
        return;
    };
    response["content"] = json!({ "application/json": { "schema": schema } });
    let has_status = matches!(shape, Shape::Ok(_) | Shape::Message(_));
    let status = if has_status { "200".to_owned() } else { canonical };
    responses.insert(status, response);
    if matches!(shape, Shape::BulkTasks) {
        responses.insert("404".to_owned(), json!({ "$ref": "#/components/responses/NotFound" }));
    }
}

impl Shape {
    /// `None` for the canonical schema.
    fn schema(self) -> Option<Value> {
        Some(match self {
            Self::Ok(schema) => reference(schema),
            Self::Message(_) => json!({ "type": "object", "required": ["message"],
                "properties": { "message": { "type": "string" } } }),
            Self::User => reference("User"),
            Self::Items(schema) => list_of(schema),
            Self::BulkTasks => list_of("Task"),
            Self::Only(names) => json!({ "type": "object", "required": names.split(' ').collect::<Vec<_>>() }),
            Self::Rows(name) => {
                let count = json!({ "type": "integer", "minimum": 0 });
                json!({
                    "type": "object",
                    "required": [name, "total", "skip", "limit", "page", "pages", "per_page"],
                    "properties": {
                        name: list_of("Task"), "total": count, "skip": count, "limit": count, "page": count,
                        "pages": count, "per_page": count,
                    },
                })
            }
            Self::Status(_) | Self::With(_) | Self::Occurring(_) | Self::TaskCounts => return None,
        })
    }
}

fn describe_bodies(schemas: &mut Value, dialect: &Dialect) {
    let bodies = [
        ("Register", dialect.register),
        ("TaskCreate", dialect.create),
        ("TaskUpdate", dialect.update),
    ];
    for (name, fields) in bodies {
        if let Some(properties) = schemas[name]["properties"].as_object_mut() {
            properties.retain(|name, _| has(fields, name));
            if dialect.keeps_null && name == "TaskUpdate" {
                for property in properties.values_mut() {
                    *property = json!({ "anyOf": [property.take(), { "type": "null" }] });
                }
            }
        }
    }
    if dialect.refuses_empty {
        let one = dialect.update.split(' ').map(|field| json!({ "required": [field] }));
        schemas["TaskUpdate"]["anyOf"] = one.collect();
    }
    // An empty string means no date.
    if let Some(forms) = schemas["Moment"]["oneOf"].as_array_mut() {
        forms.push(json!({ "type": "string", "maxLength": 0 }));
    }
    if dialect.drops_blank_tags {
        let tag = json!({ "anyOf": [schemas["TagName"], { "type": "string", "pattern": "^[ \\t-\\r]*$" }] });
        schemas["Tags"]["oneOf"][1]["items"] = tag.clone();
        for name in ["TaskCreate", "TaskUpdate"] {
            schemas[name]["properties"]["tags"]["items"] = tag.clone();
        }
    }
    schemas["List_Task"]["properties"]["items"] = list_of("Task");
    if dialect.is_due_by_day {
        schemas["Task"]["properties"]["due_date"] =
            json!({ "type": ["string", "null"], "format": "date", "description": "Due day." });
    }
    for status in schemas["StatusName"]["enum"].as_array_mut().into_iter().flatten() {
        if let Some(name) = status.as_str().and_then(|status| lookup(dialect.statuses, &status)) {
            *status = json!(name);
        }
    }
    // The upload form stays closed: its part names have syntax rules.
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if name != "Upload" {
            open(schema);
        }
    }
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

fn error(dialect: &Dialect) -> Value {
    let detail = match dialect.invalid {
        Invalid::List => json!({ "type": ["string", "array"], "description": "The message, or the list of errors." }),
        Invalid::Beside(_) => json!({ "type": "string", "description": "The message." }),
    };
    let error = if dialect.error_texts.is_some() {
        json!({ "type": "string", "description": "The kind of the error." })
    } else {
        json!({ "type": "object", "description": "Code, message, request id and details." })
    };
    json!({
        "type": "object",
        "required": ["detail", "error", "request_id"],
        "properties": { "detail": detail, "error": error, "request_id": { "type": "string" } },
    })
}
