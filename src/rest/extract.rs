//! Extractors. Invalid input is refused here with its field, so that handlers see only valid values.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::{Map, Value};
use url::form_urlencoded;
use utoipa::IntoParams;

use super::dialect::{Exchange, path_of, without_secret};
use super::error::{Problem, Result};
use super::openapi::schema;
use super::operation::Operation;
use super::rules::Rules;
use super::value::{unmarked, whole_number};
use crate::domain::actor::Actor;
use crate::domain::error::ViolationKind;
use crate::domain::session::Device;
use crate::http::caller::Caller;
use crate::http::encoding::{check_content_encoding, is_utf8};
use crate::http::json::check_bounds;
use crate::state::AppState;

/// The use cases and the signed-in user. Extracted first, so that strangers learn nothing about a request. This is only
/// authentication: the use case checks the permissions.
pub(super) struct SignedIn(pub(super) AppState, pub(super) Actor);

impl FromRequestParts<AppState> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        let caller = Caller::of(parts, app).await?;
        caller.actor.signed_in()?;
        Ok(Self(app.clone(), caller.actor))
    }
}

/// `None` without a token, if the rules of the request allow it.
pub(super) struct MaybeSignedIn(pub(super) Option<Actor>);

impl FromRequestParts<AppState> for MaybeSignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        let is_open = Rules::of(parts).is_background_open;
        match SignedIn::from_request_parts(parts, app).await {
            Ok(SignedIn(_, actor)) => Ok(Self(Some(actor))),
            Err(problem) if is_open && problem.status == StatusCode::UNAUTHORIZED => Ok(Self(None)),
            Err(problem) => Err(problem),
        }
    }
}

/// The use cases and the client's device, where no session is needed.
pub(super) struct Sender(pub(super) AppState, pub(super) Device);

impl FromRequestParts<AppState> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        Ok(Self(app.clone(), Caller::of(parts, app).await?.device))
    }
}

#[derive(IntoParams)]
#[into_params(names("id"), parameter_in = Path)]
pub(super) struct PathId(
    /// Id of the resource.
    #[param(example = 1)]
    pub(super) i32,
);

impl FromRequestParts<AppState> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        path_number(parts, app, "id").await.map(Self)
    }
}

#[derive(IntoParams)]
#[into_params(names("tag"), parameter_in = Path)]
pub(super) struct PathTag(
    /// Tag name.
    #[param(value_type = schema::TagName, inline, example = "work")]
    pub(super) String,
);

impl FromRequestParts<AppState> for PathTag {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        path_parameter(parts, app, "tag").await.map(Self)
    }
}

#[derive(IntoParams)]
#[into_params(names("filename"), parameter_in = Path)]
pub(super) struct PathFilename(
    /// File name of the upload.
    #[param(example = "report.pdf")]
    pub(super) String,
);

impl FromRequestParts<AppState> for PathFilename {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &AppState) -> Result<Self> {
        path_parameter(parts, app, "filename").await.map(Self)
    }
}

/// The number in the path under this name, for the extractors of ids.
pub(super) async fn path_number(parts: &mut Parts, app: &AppState, name: &str) -> Result<i32> {
    let text = path_parameter(parts, app, name).await?;
    whole_number(&text).ok_or_else(|| {
        let message = format!(
            "The {name} '{text}' in the path is not a whole number up to {}",
            i32::MAX
        );
        Problem::invalid(name, ViolationKind::NotInteger, message)
    })
}

async fn path_parameter(parts: &mut Parts, app: &AppState, name: &str) -> Result<String> {
    let parameters = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let found = parameters.iter().find(|(key, _)| *key == name);
    let (_, value) = found.ok_or_else(|| Problem::unknown_path(parts.uri.path()))?;
    Ok(value.to_owned())
}

pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<AppState> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let operation = Operation::of(&parts.method, path_of(&parts.extensions));
        check_parameters(query, operation.map_or(&[], |known| &known.parameters))?;
        read_pairs(query.as_bytes(), "query").map(Self)
    }
}

/// For paths without parameters.
pub(super) async fn refuse_parameters(request: Request, next: Next) -> Result<Response> {
    check_parameters(request.uri().query().unwrap_or_default(), &[])?;
    Ok(next.run(request).await)
}

fn check_parameters(query: &str, known: &[String]) -> Result<()> {
    let unknown = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| !known.iter().any(|known| known == name));
    let Some((name, _)) = unknown else {
        return Ok(());
    };
    let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    let message = match known.as_slice() {
        [] => format!("unknown parameter `{name}`; this path takes none"),
        [only] => format!("unknown parameter `{name}`, expected {only}"),
        several => format!("unknown parameter `{name}`, expected one of {}", several.join(", ")),
    };
    Err(Problem::unknown_parameter(&name, message))
}

/// A JSON object.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self> {
        let AnyBody(Object(value)) = AnyBody::from_request(request, app).await?;
        Ok(Self(value))
    }
}

/// A JSON object or an empty body.
pub(super) struct BodyOrNothing<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<AppState> for BodyOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self> {
        let (parts, body) = request.into_parts();
        let bytes = read_body(Request::from_parts(parts.clone(), body), app).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        let request = Request::from_parts(parts, bytes.into());
        let AnyBody(value) = AnyBody::<Option<Object<T>>>::from_request(request, app).await?;
        Ok(Self(value.map(|Object(value)| value).unwrap_or_default()))
    }
}

/// Any JSON value.
pub(super) struct AnyBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<AppState> for AnyBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &AppState) -> Result<Self> {
        check_content_type(request.headers(), is_json, "application/json")?;
        let operation = Operation::of(request.method(), path_of(request.extensions()));
        let exchange = request.extensions().get::<Exchange>().cloned();
        let bytes = read_body(request, app).await?;
        let Some(exchange) = exchange else {
            let read = read_json(&bytes).map(Self);
            return read.map_err(|problem| with_all_missing(problem, &bytes, operation));
        };
        let sent = read_json(&bytes)?;
        exchange.sent_body.get_or_init(|| bytes.clone());
        serde_path_to_error::deserialize(exchange.body(sent)?)
            .map(Self)
            .map_err(|error| unread_json(error, &bytes))
    }
}

/// Accepts only JSON objects. Derived types also accept arrays, in field order, on which no client should rely.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> std::result::Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(Object)
    }
}

/// The media type in lower case, without parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

pub(super) fn check_content_type(headers: &HeaderMap, is_allowed: impl Fn(&str) -> bool, allowed: &str) -> Result<()> {
    match content_type(headers) {
        Some(kind) if is_allowed(&kind) => Ok(()),
        kind => Err(Problem::unsupported_media_type(kind.as_deref(), allowed)),
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

pub(super) fn require_unencoded(headers: &HeaderMap) -> Result<()> {
    check_content_encoding(headers).map_err(Problem::unsupported_encoding)
}

pub(super) async fn read_body(request: Request, app: &AppState) -> Result<Bytes> {
    require_unencoded(request.headers())?;
    Bytes::from_request(request, app)
        .await
        .map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(app.config().http.body_limit),
            _ => Problem::bad_request("The body broke off before its end"),
        })
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    check_bounds(bytes).map_err(|excess| Problem::bad_request(format!("The body is {excess}")))?;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| unread_json(error, bytes))?;
    json.end().map_err(|error| Problem::malformed(&error, bytes))?;
    Ok(value)
}

/// Serde stops at the first missing field. This adds the others.
fn with_all_missing(problem: Problem, bytes: &[u8], operation: Option<&Operation>) -> Problem {
    let first = match problem.faults() {
        [fault] if fault.kind == ViolationKind::Missing => fault.field.clone(),
        _ => return problem,
    };
    let body: Map<String, Value> = serde_json::from_slice(bytes).unwrap_or_default();
    let required = operation.into_iter().flat_map(|operation| &operation.required);
    let others = required.filter(|name| **name != first && !body.contains_key(*name));
    problem.with_missing(others.map(String::as_str))
}

fn unread_json(error: serde_path_to_error::Error<serde_json::Error>, bytes: &[u8]) -> Problem {
    let (path, error) = (error.path().to_string(), error.into_inner());
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => Problem::malformed(&error, bytes),
        Category::Data => {
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            unreadable("body", &path, message.strip_suffix(&place).unwrap_or(&message))
        }
    }
}

pub(super) fn read_pairs<T: DeserializeOwned>(bytes: &[u8], whole: &str) -> Result<T> {
    if !is_utf8(bytes) {
        let message = format!("The {whole} has percent-encoded bytes that are not UTF-8; encode values as UTF-8");
        return Err(Problem::bad_request(message));
    }
    let bytes = join_repeated(bytes);
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(&bytes));
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| unreadable(whole, &error.path().to_string(), &error.inner().to_string()))
}

/// Lists that may be sent as one parameter for each value.
const REPEATED: [&str; 2] = ["tag", "tags"];

/// Joins repeated list parameters to one, separated by commas.
fn join_repeated(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut joined: Vec<(Cow<'_, str>, String)> = Vec::new();
    // Of the lists. To search all pairs for each list would take minutes for a large form.
    let mut positions = [None; REPEATED.len()];
    let mut is_repeated = false;
    for (name, value) in form_urlencoded::parse(bytes) {
        let list = REPEATED.iter().position(|list| *list == name);
        let position = list.map(|list| *positions[list].get_or_insert(joined.len()));
        match position.and_then(|position| joined.get_mut(position)) {
            Some((_, values)) => {
                is_repeated = true;
                values.push(',');
                values.push_str(&value);
            }
            None => joined.push((name, value.into_owned())),
        }
    }
    if !is_repeated {
        return bytes.into();
    }
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.extend_pairs(joined).finish().into_bytes().into()
}

/// By what serde expected.
const EXPECTED: [(&str, ViolationKind); 3] = [
    ("expected a boolean", ViolationKind::NotBoolean),
    ("expected i32", ViolationKind::NotInteger),
    ("expected a sequence", ViolationKind::NotList),
];

/// Serde's message with its field: the name from the message for missing and unknown fields, else the path.
fn unreadable(whole: &str, path: &str, text: &str) -> Problem {
    let named = |start: &str| text.strip_prefix(start)?.split('`').next();
    if let Some(name) = named("missing field `") {
        return Problem::invalid(name, ViolationKind::Missing, text);
    }
    if let Some(name) = named("unknown field `").or_else(|| named("duplicate field `")) {
        return Problem::invalid(name, ViolationKind::Other, text);
    }
    let (kind, message) = unmarked(text);
    let expected = EXPECTED.into_iter().find(|(end, _)| message.ends_with(end));
    let kind = expected.map_or(kind, |(_, kind)| kind);
    let field = if path == "." { whole } else { path };
    let message = without_secret(field, message);
    Problem::invalid(field, kind, format!("{field}: {message}"))
}
