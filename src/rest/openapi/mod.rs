//! The OpenAPI document.
//!
//! Routes are described at their handlers and values at their types; `schema` describes names and texts. This module
//! adds what the middleware does for all routes: authentication, errors and response headers.

pub(super) mod schema;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::Method;
use serde_json::json;
use utoipa::openapi::content::Content;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation, ParameterIn, PathsBuilder};
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{KnownFormat, PathItem, Ref, RefOr, Response, Server};
use utoipa::{IntoParams, OpenApi, ToSchema as _};

use super::error::{self, Envelope};
use super::precondition::IF_MATCH;
use super::task::TaskBody;
use super::{PREFIXES, Route, idempotency};
use crate::domain::attachment;
use crate::ops::{health, monitor};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Taskwire",
        description = "REST API for tasks, for clients of older task APIs and for `curl`. GraphQL at `/graphql` has \
            the same features and more, such as live updates.\n\nEvery path works with and without a trailing slash, \
            at the root and under `/api/v1`. Unknown fields and parameters are refused. All errors have the same \
            envelope. Every response has an `X-Request-ID`, which is also in the server's log."
    ),
    components(schemas(error::Envelope))
)]
struct Document;

#[derive(OpenApi)]
#[openapi(
    tags((name = "operations", description = "Health and metrics, for operators; at the root and under `/api/v1`")),
    paths(
        health::live,
        health::ready,
        health::health,
        health::detailed::answer,
        monitor::prometheus,
        monitor::json,
        health::jwks,
    ),
)]
struct Operations;

pub(crate) fn document_under(root: &str) -> Cow<'static, utoipa::openapi::OpenApi> {
    let mut document = Cow::Borrowed(document());
    if !root.is_empty() {
        describe_server(root, document.to_mut());
    }
    document
}

/// Alias path, path of the operation, and operation id of the alias.
const ALIASES: [(&str, &str, &str); 3] = [
    ("/monitoring/health", "/health/detailed", "getMonitoringHealth"),
    ("/ops/health", "/health/detailed", "getOpsHealth"),
    ("/ops/metrics", "/monitoring/metrics", "getOpsMetrics"),
];

/// The OpenAPI document; the same for every server of this version.
#[must_use]
pub fn document() -> &'static utoipa::openapi::OpenApi {
    static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(|| {
        let mut document = Document::openapi();
        let components = document.components.get_or_insert_default();
        components.responses = error_responses();
        let mut paths = PathsBuilder::new();
        for mut route in super::routes() {
            describe_operation(&mut route);
            components.schemas.extend(route.schemas);
            paths = paths.path(format!("{}{}", PREFIXES[0], route.path), route.item);
        }
        document.paths = paths.build();
        document.tags = Some(tags());
        describe_server("", &mut document);
        document.merge(Operations::openapi());
        for (alias, path, operation_id) in ALIASES {
            if let Some(mut item) = document.paths.paths.get(path).cloned() {
                rename(&mut item, operation_id);
                document.paths.paths.insert(alias.to_owned(), item);
            }
        }
        document
    });
    &DOCUMENT
}

/// The only operation of an item, with its method.
pub(super) fn operation(item: &mut PathItem) -> Option<(Method, &mut Operation)> {
    let operations = [
        (Method::GET, &mut item.get),
        (Method::POST, &mut item.post),
        (Method::PUT, &mut item.put),
        (Method::PATCH, &mut item.patch),
        (Method::DELETE, &mut item.delete),
    ];
    operations
        .into_iter()
        .find_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn tags() -> Vec<Tag> {
    let resources = super::resources().into_iter();
    let tags =
        resources.map(|(name, description, _)| TagBuilder::new().name(name).description(Some(description)).build());
    tags.collect()
}

pub(super) fn rename(item: &mut PathItem, operation_id: &str) {
    if let Some((_, operation)) = operation(item) {
        operation.operation_id = Some(operation_id.to_owned());
    }
}

fn describe_server(root: &str, document: &mut utoipa::openapi::OpenApi) {
    document.servers = Some(vec![Server::new(if root.is_empty() { "/" } else { root })]);
    let token_url = format!("{root}{}/auth/login/access-token", PREFIXES[0]);
    let schemes = json!({
        "bearer": {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The `access_token` of a registration, sign-in or refresh.",
        },
        "password": {
            "type": "oauth2", "flows": { "password": { "tokenUrl": token_url, "scopes": {} } },
            "description": "Username or e-mail address, and password.",
        },
    });
    let schemes: BTreeMap<String, RefOr<SecurityScheme>> = serde_json::from_value(schemes).unwrap_or_default();
    document.components.get_or_insert_default().security_schemes = schemes;
}

/// Errors of many routes: response name and description, by status.
static ERRORS: LazyLock<BTreeMap<String, (String, String)>> = LazyLock::new(|| {
    let errors = json!({
        "400": ["BadRequest", "The request is malformed or has an unknown parameter"],
        "401": ["Unauthenticated", "The access token is missing, invalid or expired"],
        "404": ["NotFound", "The resource does not exist, or the caller may not see it"],
        "409": ["Conflict", "A write with this `Idempotency-Key` was done, and its response is not stored"],
        "412": ["PreconditionFailed", "The version of the task does not match `If-Match`"],
        "413": ["PayloadTooLarge", "The body is too large"],
        "415": ["UnsupportedMediaType", "The media type is wrong, or the body has a content encoding"],
        "422": ["Invalid", "A value is invalid; `details` names the fields"],
        "429": ["RateLimited", "The client has used up its requests per minute"],
        "500": ["Internal", "Internal server error"],
        "503": ["Unavailable", "The request timed out, or the server is unavailable"],
    });
    serde_json::from_value(errors).unwrap_or_default()
});

fn error_responses() -> BTreeMap<String, RefOr<Response>> {
    let responses = ERRORS.iter().map(|(status, (name, description))| {
        let mut response = Response::new(description);
        describe_response(status, &mut response);
        (name.clone(), response.into())
    });
    responses.collect()
}

/// Adds what middleware and extractors do for every route.
fn describe_operation(route: &mut Route) {
    let Some((_, operation)) = operation(&mut route.item) else {
        return;
    };
    // Public routes have an empty security requirement.
    let is_open = operation.security.is_some();
    let schemes = ["bearer", "password"].map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
    operation.security.get_or_insert_with(|| schemes.into());
    let mut parameters = operation.parameters.iter().flatten();
    let has_version =
        parameters.any(|parameter| matches!(parameter, RefOr::T(parameter) if parameter.name == IF_MATCH));
    let body = operation.request_body.as_ref();
    let takes_files = matches!(body, Some(RefOr::T(body)) if body.content.contains_key("multipart/form-data"));
    let is_repeatable = route.is_repeatable && !takes_files;
    if is_repeatable {
        let key = idempotency::KeyParameter::into_params(|| Some(ParameterIn::Header));
        let parameters = operation.parameters.get_or_insert_default();
        parameters.extend(key.into_iter().map(RefOr::T));
    }
    let responses = &mut operation.responses.responses;
    for (status, (name, _)) in ERRORS.iter() {
        let occurs = match status.as_str() {
            "401" => !is_open,
            "404" => route.path.contains('{'),
            "409" => is_repeatable,
            "412" => has_version,
            "413" | "415" => body.is_some(),
            _ => true,
        };
        if occurs {
            let response = responses.entry(status.clone());
            response.or_insert_with(|| Ref::from_response_name(name).into());
        }
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            describe_response(status, response);
            if is_repeatable && status.starts_with('2') {
                add_header(response, "Idempotency-Replayed");
            }
        }
    }
}

static HEADERS: LazyLock<BTreeMap<String, Header>> = LazyLock::new(|| {
    let of = |kind: &str, description: &str| json!({ "schema": { "type": kind }, "description": description });
    let headers = json!({
        "Content-Range": of("string", "Byte range of the response, and size of the file"),
        "ETag": of("string", "Version of the response"),
        "Idempotency-Replayed": of("string", "`true` for the stored response of an earlier request with the same key"),
        "Location": of("string", "Path of the new resource"),
        "Retry-After": of("integer", "Seconds to wait before the next attempt"),
        "WWW-Authenticate": of("string", "Authentication scheme"),
        "X-Process-Time": of("number", "Processing time in seconds"),
        "X-RateLimit-Limit": of("integer", "Maximum requests per minute"),
        "X-RateLimit-Remaining": of("integer", "Remaining requests"),
        "X-RateLimit-Reset": of("integer", "When all requests are available again, in Unix seconds"),
        "X-Request-ID": of("string", "Request id, as in the server's log"),
    });
    serde_json::from_value(headers).unwrap_or_default()
});

fn add_header(response: &mut Response, name: &str) {
    let header = HEADERS.get(name).cloned();
    response
        .headers
        .extend(header.map(|header| (name.to_owned(), header.into())));
}

fn describe_response(status: &str, response: &mut Response) {
    if status >= "400" {
        let envelope = Content::new(Some(Ref::from_schema_name(Envelope::name())));
        response.content.insert("application/json".to_owned(), envelope.into());
    }
    if response.content.contains_key("application/octet-stream") {
        let bytes = Content::new(Some(schema::formatted(KnownFormat::Binary)));
        let kinds = attachment::MEDIA_TYPES.into_iter();
        response.content = kinds.map(|kind| (kind.to_owned(), bytes.clone().into())).collect();
    }
    let task = Some(Ref::from_schema_name(TaskBody::name()).into());
    let is_task = |content: &RefOr<Content>| matches!(content, RefOr::T(content) if content.schema == task);
    let mut names: Vec<&str> = match status {
        "201" | "202" => vec!["Location"],
        "401" => vec!["WWW-Authenticate"],
        "429" | "503" => vec!["Retry-After"],
        "206" => vec!["Content-Range", "ETag"],
        "304" => vec!["ETag"],
        "416" => vec!["Content-Range"],
        _ => vec![],
    };
    names.extend(HEADERS.keys().map(String::as_str).filter(|name| name.starts_with("X-")));
    names.extend(response.content.values().any(is_task).then_some("ETag"));
    for name in names {
        add_header(response, name);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;
    use crate::rest::operation;

    fn json() -> Value {
        serde_json::to_value(document()).unwrap()
    }

    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let operations = operation::all(document);
        operations
            .map(|(method, path, described)| (format!("{method} {path}"), described))
            .collect()
    }

    #[test]
    fn every_route_is_in_the_document_and_nothing_else() {
        let document = json();
        let described: BTreeSet<String> = operations(&document).into_iter().map(|(name, _)| name).collect();
        let routes = crate::rest::route_names().into_iter();
        let routes = routes.map(|(method, path)| format!("{method} {}{path}", PREFIXES[0]));
        let operations = crate::ops::routes().map(|(path, _)| format!("GET {path}"));
        let routes: BTreeSet<String> = routes.chain(operations).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn every_operation_has_a_unique_name_a_summary_and_described_answers() {
        let document = json();
        let mut names = BTreeSet::new();
        for (operation, described) in operations(&document) {
            assert!(names.insert(described["operationId"].as_str().unwrap()), "{operation}");
            assert!(described["summary"].is_string(), "{operation}");
            for (status, answer) in described["responses"].as_object().unwrap() {
                let target = answer["$ref"]
                    .as_str()
                    .and_then(|reference| reference.strip_prefix('#'));
                let answer = target.map_or(answer, |target| document.pointer(target).unwrap());
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
                    let mut keys = ["description", "$ref", "oneOf"].into_iter();
                    let is_described = keys.any(|key| !described[key].is_null());
                    assert!(is_described, "{name}.{property}: {described}");
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
