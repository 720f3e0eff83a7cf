//! Parameters and fields of each operation, read from the OpenAPI document.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

use super::dialect::EARLY_FILES;
use super::{PREFIXES, openapi};

#[derive(Debug, Default)]
pub(super) struct Operation {
    /// Query parameters.
    pub(super) parameters: Vec<String>,
    /// Fields of the body.
    pub(super) fields: BTreeSet<String>,
    /// Required fields of a JSON body; empty if its schema has alternatives.
    pub(super) required: Vec<String>,
}

/// The path of a route without prefix and trailing slash.
pub(super) fn bare(matched: &str) -> &str {
    let path = matched.strip_prefix(PREFIXES[0]).unwrap_or(matched);
    path.strip_suffix('/').unwrap_or(path)
}

/// By method and path, such as `GET /tasks`.
static OPERATIONS: LazyLock<HashMap<String, Operation>> = LazyLock::new(|| {
    let document = serde_json::to_value(openapi::document()).unwrap_or_default();
    let named = all(&document).map(|(method, path, operation)| {
        let name = format!("{method} {}", bare(path));
        (name, Operation::read(&document, operation))
    });
    named.collect()
});

impl Operation {
    /// `path` has no prefix and no trailing slash.
    pub(super) fn of(method: &Method, path: &str) -> Option<&'static Self> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        // The early routes are not in the document, and have the parameters of the current ones.
        let path = if path == EARLY_FILES { "/files/{id}" } else { path };
        OPERATIONS.get(&format!("{method} {path}"))
    }

    fn read(document: &Value, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let queried = parameters.filter(|parameter| parameter["in"] == "query");
        let names = queried.filter_map(|parameter| parameter["name"].as_str().map(str::to_owned));
        let mut fields = BTreeSet::new();
        let bodies = &operation["requestBody"]["content"];
        for (_, body) in members(bodies) {
            collect(document, &body["schema"], &mut fields);
        }
        Self {
            parameters: names.collect(),
            fields,
            required: required(document, &bodies["application/json"]["schema"]),
        }
    }
}

/// Method, path and description of each operation in a document.
pub(super) fn all(document: &Value) -> impl Iterator<Item = (String, &String, &Value)> {
    members(&document["paths"]).flat_map(|(path, item)| {
        let operations = members(item);
        operations.map(move |(method, operation)| (method.to_uppercase(), path, operation))
    })
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn required(document: &Value, schema: &Value) -> Vec<String> {
    let target = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#'));
    let schema = target.and_then(|target| document.pointer(target)).unwrap_or(schema);
    let names = schema["required"].as_array().into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Collects the property names of a schema and its alternatives.
fn collect(document: &Value, schema: &Value, names: &mut BTreeSet<String>) {
    if let Some(target) = schema["$ref"].as_str().and_then(|text| text.strip_prefix('#')) {
        collect(document, document.pointer(target).unwrap_or(&Value::Null), names);
    }
    for part in ["oneOf", "anyOf", "allOf"] {
        for schema in schema[part].as_array().into_iter().flatten() {
            collect(document, schema, names);
        }
    }
    names.extend(members(&schema["properties"]).map(|(name, _)| name.clone()));
}
