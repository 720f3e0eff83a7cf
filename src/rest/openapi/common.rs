//! What all routes have in common: who may ask, how errors come, and the headers of every answer.

use axum::http::Method;
use utoipa::ToSchema as _;
use utoipa::openapi::content::{Content, ContentBuilder};
use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::Type;
use utoipa::openapi::security::{
    Flow, HttpAuthScheme, HttpBuilder, OAuth2, Password, Scopes, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{
    Components, KnownFormat, ObjectBuilder, OpenApi, PathItem, Ref, RefOr, Response, Schema, SchemaFormat, Server,
};

use super::header_parameter;
use crate::domain::attachment;
use crate::domain::idempotency::MAX_KEY_LENGTH;
use crate::rest::error::Envelope;
use crate::rest::precondition::IF_MATCH;
use crate::rest::task::TaskBody;
use crate::rest::{PREFIXES, idempotency};

const JSON: &str = "application/json";
const FORM: &str = "multipart/form-data";
const KEY: &str = "Idempotency-Key";
const BYTES: &str = "application/octet-stream";

/// How one proves who one is, by the names of the schemes: each is enough.
const SCHEMES: [&str; 2] = ["bearer", "password"];

/// An error of many routes: its status, the name and the text of its response, and which routes answer with it.
struct CommonError(&'static str, &'static str, &'static str, When);

/// Which routes answer with it.
enum When {
    Always,
    SignedIn,
    OneOfMany,
    WithVersion,
    WithBody,
}

const ERRORS: [CommonError; 10] = [
    CommonError(
        "400",
        "BadRequest",
        "The request is malformed, or has a parameter that is unknown here",
        When::Always,
    ),
    CommonError(
        "401",
        "Unauthenticated",
        "Nobody is signed in, or the token is not good any more",
        When::SignedIn,
    ),
    CommonError(
        "404",
        "NotFound",
        "There is no such thing, or the asker may not see it",
        When::OneOfMany,
    ),
    CommonError(
        "412",
        "PreconditionFailed",
        "The task has another version than `If-Match` says",
        When::WithVersion,
    ),
    CommonError("413", "PayloadTooLarge", "The body is too large", When::WithBody),
    CommonError(
        "415",
        "UnsupportedMediaType",
        "The body is of another kind, or has a content encoding",
        When::WithBody,
    ),
    CommonError(
        "422",
        "Invalid",
        "A value is not acceptable; `details` name the fields",
        When::Always,
    ),
    CommonError(
        "429",
        "RateLimited",
        "The client has sent all the requests that it may within a minute",
        When::Always,
    ),
    CommonError("500", "Internal", "Something went wrong on the server", When::Always),
    CommonError(
        "503",
        "Unavailable",
        "The server cannot answer in time, or not now",
        When::Always,
    ),
];

/// The operations of a path.
pub(in crate::rest) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    [
        ("GET", &mut item.get),
        ("POST", &mut item.post),
        ("PUT", &mut item.put),
        ("PATCH", &mut item.patch),
        ("DELETE", &mut item.delete),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

/// Whether the body is a form with files.
fn takes_form(operation: &Operation) -> bool {
    match &operation.request_body {
        Some(RefOr::T(body)) => body.content.contains_key(FORM),
        _ => false,
    }
}

/// A write that is safe to repeat with a key.
fn describe_repeating(operation: &mut Operation) {
    let key = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(MAX_KEY_LENGTH))
        .pattern(Some("^[!-~]+$"));
    let about = "Makes the write safe to repeat for 24 hours: of requests with the same key only the first is done, and \
        the others get its answer.";
    let example = "7c0f3f0e-5b0a-4d5e-9a53-0a5f6f2a8f11";
    let parameter = header_parameter(KEY, about, key, example);
    operation.parameters.get_or_insert_default().push(parameter.into());
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            let replayed = header(
                "`true` for the answer to an earlier request with the same key",
                Type::String,
            );
            response
                .headers
                .insert("Idempotency-Replayed".to_owned(), replayed.into());
        }
    }
}

/// Adds it all to a document.
pub(super) fn complete(document: &mut OpenApi) {
    document.servers = Some(vec![Server::new("/")]);
    let components = document.components.get_or_insert_with(Components::new);
    components.add_security_scheme(SCHEMES[0], bearer());
    components.add_security_scheme(SCHEMES[1], password(""));
    for CommonError(status, name, description, _) in ERRORS {
        let mut response = Response::new(description);
        describe_answer(status, &mut response);
        components.responses.insert(name.to_owned(), response.into());
    }
    for (path, item) in &mut document.paths.paths {
        let is_repeatable = |method: &str| {
            let path = path.strip_prefix(PREFIXES[0]).unwrap_or(path);
            Method::from_bytes(method.as_bytes()).is_ok_and(|method| idempotency::is_for(&method, path))
        };
        for (method, operation) in operations(item) {
            if is_repeatable(method) && !takes_form(operation) {
                describe_repeating(operation);
            }
            describe_access(operation);
            describe_errors(operation);
            describe_answers(operation);
        }
    }
}

fn bearer() -> SecurityScheme {
    let text = "The `access_token` of signing up, in or on.";
    let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
    SecurityScheme::Http(scheme.description(Some(text)).build())
}

/// Puts a path in front of every address.
pub(super) fn move_under(root: &str, document: &mut OpenApi) {
    document.servers = Some(vec![Server::new(root)]);
    if let Some(components) = &mut document.components {
        components.add_security_scheme(SCHEMES[1], password(root));
    }
}

fn password(root: &str) -> SecurityScheme {
    let address = format!("{root}{}/auth/login/access-token", PREFIXES[0]);
    let flow = Flow::Password(Password::new(address, Scopes::new()));
    SecurityScheme::OAuth2(OAuth2::with_description([flow], "A name and a password."))
}

/// A route that says nothing else is for those who are signed in.
fn describe_access(operation: &mut Operation) {
    // That of a route for everybody is there, and empty.
    if operation.security.is_none() {
        let requirements = SCHEMES.map(|scheme| SecurityRequirement::new(scheme, Vec::<String>::new()));
        operation.security = Some(requirements.into());
    }
}

fn is_for_everybody(operation: &Operation) -> bool {
    let requirements = operation.security.iter().flatten();
    requirements
        .into_iter()
        .any(|requirement| *requirement == SecurityRequirement::default())
}

/// The errors that come of how a request is made, whatever the route does.
fn describe_errors(operation: &mut Operation) {
    let takes = |is_meant: fn(&Parameter) -> bool| {
        let parameters = operation.parameters.iter().flatten();
        parameters.into_iter().any(|parameter| match parameter {
            RefOr::T(parameter) => is_meant(parameter),
            RefOr::Ref(_) => false,
        })
    };
    let everybody = is_for_everybody(operation);
    let (with_body, with_path) = (
        operation.request_body.is_some(),
        takes(|parameter| parameter.parameter_in == ParameterIn::Path),
    );
    let with_version = takes(|parameter| parameter.name == IF_MATCH);
    let errors = ERRORS.iter().filter(|CommonError(.., when)| match when {
        When::Always => true,
        When::SignedIn => !everybody,
        When::OneOfMany => with_path,
        When::WithVersion => with_version,
        When::WithBody => with_body,
    });
    let answers = &mut operation.responses.responses;
    for CommonError(status, name, ..) in errors {
        answers
            .entry((*status).to_owned())
            .or_insert_with(|| Ref::from_response_name(*name).into());
    }
}

fn describe_answers(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            describe_answer(status, response);
        }
    }
}

/// Adds what stands in an answer beside what the route says of it.
fn describe_answer(status: &str, response: &mut Response) {
    if status >= "400" {
        let envelope = Ref::from_schema_name(Envelope::name());
        response
            .content
            .insert(JSON.to_owned(), Content::new(Some(envelope)).into());
    }
    if response.content.contains_key(BYTES) {
        response.content = attachment::MEDIA_TYPES
            .into_iter()
            .map(|kind| {
                (
                    kind.to_owned(),
                    ContentBuilder::new().schema(Some(bytes())).build().into(),
                )
            })
            .collect();
    }
    let mut headers = vec![
        ("X-Request-ID", "Leads to this answer in the server's log", Type::String),
        ("X-Process-Time", "Seconds that the server took", Type::Number),
        (
            "X-RateLimit-Limit",
            "How many requests there are for a minute",
            Type::Integer,
        ),
        ("X-RateLimit-Remaining", "How many of them are left", Type::Integer),
        (
            "X-RateLimit-Reset",
            "When all are there again: Unix seconds",
            Type::Integer,
        ),
    ];
    match status {
        "201" | "202" => headers.push(("Location", "The path of what was made", Type::String)),
        "401" => headers.push(("WWW-Authenticate", "How to prove who one is", Type::String)),
        "429" | "503" => headers.push(("Retry-After", "After how many seconds to try again", Type::Integer)),
        "206" | "416" => headers.push(("Content-Range", "Which part it is, of how many bytes", Type::String)),
        _ => {}
    }
    if is_task(response) || matches!(status, "206" | "304") {
        headers.push(("ETag", "Changes with what is answered", Type::String));
    }
    for (name, description, kind) in headers {
        response
            .headers
            .insert(name.to_owned(), header(description, kind).into());
    }
}

fn is_task(response: &Response) -> bool {
    response.content.get(JSON).is_some_and(|content| match content {
        RefOr::T(content) => content.schema == Some(Ref::from_schema_name(TaskBody::name()).into()),
        RefOr::Ref(_) => false,
    })
}

fn bytes() -> Schema {
    let binary = SchemaFormat::KnownFormat(KnownFormat::Binary);
    ObjectBuilder::new()
        .schema_type(Type::String)
        .format(Some(binary))
        .build()
        .into()
}

fn header(description: &str, kind: Type) -> Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(kind).build()))
        .description(Some(description))
        .build()
}
