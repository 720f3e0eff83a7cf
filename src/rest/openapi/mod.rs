//! The OpenAPI document: REST as programs read it.
//!
//! What is particular to a route stands at its handler, and what is particular to a value at its type. What all
//! routes have in common is added here, once: see `openapi/common.rs`. `schema` describes names and texts.

mod common;
pub(super) mod schema;

use std::borrow::Cow;
use std::sync::LazyLock;

use utoipa::OpenApi;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::{Components, RefOr, Required, Schema};

pub(super) use self::common::operations;
use super::{PREFIXES, error};
use crate::ops::{health, monitor};

/// The document itself, without the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Taskwire",
        description = "Tasks over REST, for clients of older task APIs and for `curl`. GraphQL at `/graphql` has the same \
            and more, live updates among it.\n\nEvery path answers with and without a slash at its end, and at the root \
            as well as under `/api/v1`. Unknown fields and parameters are refused. Errors come in one envelope, and \
            every answer bears the `X-Request-ID` that leads to it in the server's log."
    ),
    tags(
        (name = "auth", description = "Signing up, in and out"),
        (name = "tasks", description = "Tasks, their tags, and what is counted of them"),
        (name = "files", description = "Files of tasks, and files of one's own"),
        (name = "users", description = "Users and their accounts"),
        (name = "background", description = "What takes its time"),
        (name = "operations", description = "For whoever watches over the server; at the root as well as under `/api/v1`"),
    ),
    components(schemas(error::Envelope)),
)]
struct Document;

/// Routes that stand at the root first.
#[derive(OpenApi)]
#[openapi(paths(
    health::live,
    health::ready,
    health::health,
    health::detailed::answer,
    monitor::prometheus,
    monitor::json,
    health::jwks,
))]
struct Operations;

/// The document of a server that clients reach under this path.
pub(crate) fn document_under(root: &str) -> Cow<'static, utoipa::openapi::OpenApi> {
    let mut document = Cow::Borrowed(document());
    if !root.is_empty() {
        common::move_under(root, document.to_mut());
    }
    document
}

/// Paths that answer as another one does: the path, and which operation it shares under which name.
const ALIASES: [(&str, &str, &str); 3] = [
    ("/monitoring/health", "/health/detailed", "getMonitoringHealth"),
    ("/ops/health", "/health/detailed", "getOpsHealth"),
    ("/ops/metrics", "/monitoring/metrics", "getOpsMetrics"),
];

/// The document. It is the same for every server of this version.
#[must_use]
pub fn document() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(|| {
        let mut routes = utoipa::openapi::OpenApi::default();
        let mut components = Components::new();
        for route in super::routes() {
            routes.paths.merge(route.description);
            components.schemas.extend(route.schemas);
        }
        routes.components = Some(components);
        let mut document = Document::openapi().nest(PREFIXES[0], routes);
        common::complete(&mut document);
        document.merge(Operations::openapi());
        for (alias, path, operation_id) in ALIASES {
            if let Some(mut item) = document.paths.paths.get(path).cloned() {
                for (_, operation) in common::operations(&mut item) {
                    operation.operation_id = Some(operation_id.to_owned());
                }
                document.paths.paths.insert(alias.to_owned(), item);
            }
        }
        document
    });
    &DOCUMENT
}

/// A part of a path.
pub(super) fn path_parameter(
    name: &str,
    description: &str,
    schema: RefOr<Schema>,
    example: serde_json::Value,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example))
        .build()
}

/// A header that may be sent.
pub(super) fn header_parameter(
    name: &str,
    description: &str,
    schema: impl Into<RefOr<Schema>>,
    example: &str,
) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn json() -> Value {
        serde_json::to_value(document()).unwrap()
    }

    /// The method and path of every operation of the document, and the operation.
    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        paths
            .flat_map(|(path, item)| {
                let operations = item.as_object().unwrap().iter();
                operations.map(move |(method, operation)| (format!("{} {path}", method.to_uppercase()), operation))
            })
            .collect()
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = json();
        let described: BTreeSet<String> = operations(&document).into_iter().map(|(name, _)| name).collect();
        let routes = crate::rest::routes();
        let routes = routes
            .iter()
            .map(|route| format!("{} {}{}", route.method, PREFIXES[0], route.path));
        let operations = crate::ops::routes().map(|(path, _)| format!("GET {path}"));
        let routes: BTreeSet<String> = routes.chain(operations).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_summary_and_described_answers() {
        let document = json();
        let mut names = BTreeSet::new();
        for (operation, described) in operations(&document) {
            assert!(names.insert(described["operationId"].as_str().unwrap()), "{operation}");
            assert!(described["summary"].is_string(), "{operation}");
            for (status, answer) in described["responses"].as_object().unwrap() {
                let answer = answer["$ref"].as_str().map_or(answer, |reference| {
                    document.pointer(reference.strip_prefix('#').unwrap()).unwrap()
                });
                assert!(answer["description"].is_string(), "{operation} {status}");
                if status.as_str() >= "400" && !operation.contains("health") && !operation.ends_with("/readyz") {
                    assert!(
                        answer["content"]["application/json"].is_object(),
                        "{operation} {status}"
                    );
                }
            }
        }
    }

    #[test]
    fn every_property_and_parameter_is_described() {
        let document = json();
        for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
            let parts = schema["allOf"].as_array().cloned().unwrap_or_default();
            for schema in parts.iter().chain([schema]) {
                for (property, described) in schema["properties"].as_object().into_iter().flatten() {
                    let text = ["description", "$ref", "oneOf"]
                        .iter()
                        .any(|key| !described[key].is_null());
                    assert!(text, "{name}.{property}: {described}");
                }
            }
        }
        for (operation, described) in operations(&document) {
            for parameter in described["parameters"].as_array().into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{operation}: {parameter}");
            }
        }
    }
}
