//! Parameters and fields of each operation, read from the OpenAPI document.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use axum::http::Method;
use serde_json::Value;

use super::{PREFIXES, openapi};

#[derive(Debug, Default)]
pub(super) struct Operation {
    /// Query parameters.
    pub(super) parameters: Vec<String>,
    /// Fields of the body.
    pub(super) fields: BTreeSet<String>,
}

/// The path of a route without prefix and trailing slash.
pub(super) fn bare(matched: &str) -> &str {
    let path = matched.strip_prefix(PREFIXES[0]).unwrap_or(matched);
    path.strip_suffix('/').unwrap_or(path)
}

static OPERATIONS: LazyLock<HashMap<(String, String), Operation>> = LazyLock::new(|| {
    let document = serde_json::to_value(openapi::document()).unwrap_or_default();
    let paths = document["paths"].as_object().into_iter().flatten();
    let operations = paths.flat_map(|(path, item)| {
        let path = path.strip_prefix(PREFIXES[0]).unwrap_or(path);
        let methods = item.as_object().into_iter().flatten();
        methods.map(move |(method, operation)| ((method.to_uppercase(), path.to_owned()), operation))
    });
    operations
        .map(|(name, operation)| (name, Operation::read(&document, operation)))
        .collect()
});

impl Operation {
    /// `path` has no prefix and no trailing slash.
    pub(super) fn of(method: &Method, path: &str) -> Option<&'static Self> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        OPERATIONS.get(&(method.as_str().to_owned(), path.to_owned()))
    }

    /// `matched` is the path of the route in the router.
    pub(super) fn at(method: &Method, matched: &str) -> Option<&'static Self> {
        Self::of(method, bare(matched))
    }

    fn read(document: &Value, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let queried = parameters.filter(|parameter| parameter["in"] == "query");
        let mut fields = BTreeSet::new();
        let content = operation["requestBody"]["content"].as_object().into_iter().flatten();
        for (_, body) in content {
            collect(document, &body["schema"], &mut fields);
        }
        Self {
            parameters: queried
                .filter_map(|parameter| parameter["name"].as_str().map(str::to_owned))
                .collect(),
            fields,
        }
    }
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
    names.extend(
        schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone()),
    );
}
