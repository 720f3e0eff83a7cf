//! What handlers take from a request. Whatever cannot be read is refused here, in the envelope and with
//! the place named, so that a handler sees only values that it can use.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use url::form_urlencoded;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::{IntoParams, PartialSchema as _};

use super::error::{Problem, Result};
use super::openapi::{self, schema};
use super::value::whole_number;
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::session::Device;
use crate::http::caller::Caller;
use crate::http::encoding::{check_content_encoding, is_utf8};
use crate::http::json::check_bounds;

/// Whoever is signed in. Asked for first, so that a stranger learns nothing else about a request.
/// It is the door, not the lock: the use case asks the policy.
pub(super) struct Asker(pub(super) Actor);

impl FromRequestParts<App> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let caller = Caller::of(parts, app).await?;
        caller.actor.signed_in()?;
        Ok(Self(caller.actor))
    }
}

/// The device of somebody who is about to sign in; a token that came along does not matter.
pub(super) struct Sender(pub(super) Device);

impl FromRequestParts<App> for Sender {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self(Caller::of(parts, app).await?.device))
    }
}

/// The number `{id}` of a path.
pub(super) struct PathId(pub(super) i32);

impl FromRequestParts<App> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let text = path_parameter(parts, app, "id").await?;
        let number = whole_number(&text).ok_or_else(|| {
            Problem::invalid(
                "id",
                format!("The id '{text}' in the path is not a whole number up to {}", i32::MAX),
            )
        })?;
        Ok(Self(number))
    }
}

impl IntoParams for PathId {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        vec![openapi::path_parameter(
            "id",
            "Which one: its number.",
            i32::schema(),
            1.into(),
        )]
    }
}

/// The text `{tag}` of a path.
pub(super) struct PathTag(pub(super) String);

impl FromRequestParts<App> for PathTag {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self(path_parameter(parts, app, "tag").await?))
    }
}

impl IntoParams for PathTag {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = schema::TagName::schema();
        vec![openapi::path_parameter("tag", "Which tag.", schema, "work".into())]
    }
}

/// The text `{filename}` of a path.
pub(super) struct PathFilename(pub(super) String);

impl FromRequestParts<App> for PathFilename {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        Ok(Self(path_parameter(parts, app, "filename").await?))
    }
}

impl IntoParams for PathFilename {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = "Which file: the name with which it came.";
        vec![openapi::path_parameter(
            "filename",
            text,
            String::schema(),
            "report.pdf".into(),
        )]
    }
}

async fn path_parameter(parts: &mut Parts, app: &App, name: &str) -> Result<String> {
    let parameters = RawPathParams::from_request_parts(parts, app)
        .await
        .map_err(|rejection| Problem::bad_request(rejection.body_text()))?;
    let found = parameters.iter().find(|(key, _)| *key == name);
    found
        .map(|(_, value)| value.to_owned())
        .ok_or_else(|| Problem::unknown_path(parts.uri.path()))
}

/// What messages call all parameters together.
const QUERY: &str = "query";

/// The parameters behind the `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        read_pairs(query.as_bytes(), QUERY).map(Self)
    }
}

/// For paths that take no parameters: one that came is refused, not ignored.
pub(super) async fn refuse_parameters(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    match form_urlencoded::parse(query.as_bytes()).next() {
        None => next.run(request).await,
        Some((name, _)) => {
            let message = format!("unknown parameter `{name}`; this path takes none");
            Problem::unknown_parameter(&name, message).into_response()
        }
    }
}

/// A JSON object as the body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let AnyBody(Object(value)) = AnyBody::from_request(request, app).await?;
        Ok(Self(value))
    }
}

/// A JSON object as the body, or no body at all.
pub(super) struct BodyOrNothing<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for BodyOrNothing<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let headers = request.headers().clone();
        let bytes = read_body(request, app).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        check_content_type(&headers, is_json, "application/json")?;
        let value: Option<Object<T>> = read_json(&bytes)?;
        Ok(Self(value.map(|Object(value)| value).unwrap_or_default()))
    }
}

/// Any JSON as the body.
pub(super) struct AnyBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for AnyBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        check_content_type(request.headers(), is_json, "application/json")?;
        read_json(&read_body(request, app).await?).map(Self)
    }
}

/// What is read from an object only. Derived types also read lists, by the order of their fields, which
/// is nothing a client should rely on.
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

/// A body as HTML forms send it.
pub(super) struct Form<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        const FORM: &str = "application/x-www-form-urlencoded";

        check_content_type(request.headers(), |kind| kind == FORM, FORM)?;
        read_pairs(&read_body(request, app).await?, "body").map(Self)
    }
}

/// Of which kind the body is, in small letters and without parameters.
pub(super) fn content_type(headers: &HeaderMap) -> Option<String> {
    let given = headers.get(header::CONTENT_TYPE)?.to_str().unwrap_or_default();
    Some(given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

fn check_content_type(headers: &HeaderMap, is_allowed: impl Fn(&str) -> bool, allowed: &str) -> Result<()> {
    match content_type(headers) {
        Some(kind) if is_allowed(&kind) => Ok(()),
        kind => Err(Problem::unsupported_media_type(kind.as_deref(), allowed)),
    }
}

fn is_json(kind: &str) -> bool {
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// Refuses a body with a content coding.
pub(super) fn require_unencoded(headers: &HeaderMap) -> Result<()> {
    check_content_encoding(headers).map_err(Problem::unsupported_encoding)
}

/// The whole body, which may be as large as the settings say.
pub(super) async fn read_body(request: Request, app: &App) -> Result<Bytes> {
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
    let value = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| json_problem(&error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| json_problem(".", &error))?;
    Ok(value)
}

fn json_problem(path: &str, error: &serde_json::Error) -> Problem {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => {
            Problem::bad_request(format!("The body is not valid JSON: {error}"))
        }
        Category::Data => {
            let message = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            unreadable("body", path, message.strip_suffix(&place).unwrap_or(&message))
        }
    }
}

/// Names and values as query strings and forms have them.
fn read_pairs<T: DeserializeOwned>(bytes: &[u8], whole: &str) -> Result<T> {
    if !is_utf8(bytes) {
        let message = format!("The {whole} has percent-encoded bytes that are not UTF-8; encode values as UTF-8");
        return Err(Problem::bad_request(message));
    }
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(bytes));
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| unreadable(whole, &error.path().to_string(), &error.inner().to_string()))
}

/// Serde's message, with the field it is about. Of missing and unknown fields the message tells the name,
/// of all others the path.
fn unreadable(whole: &str, path: &str, message: &str) -> Problem {
    let about_a_name = ["missing field `", "unknown field `", "duplicate field `"];
    let named = about_a_name
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split('`').next());
    match (named, path) {
        (Some(name), _) if whole == QUERY && message.starts_with("unknown") => {
            Problem::unknown_parameter(name, message.replacen("field", "parameter", 1))
        }
        (Some(name), _) => Problem::invalid(name, message),
        (None, ".") => Problem::invalid(whole, format!("{whole}: {message}")),
        (None, path) => Problem::invalid(path, format!("{path}: {message}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Paint {
        colour: String,
        coats: Option<u8>,
    }

    /// What is said of a body: status and message.
    fn read(body: &str) -> (u16, String) {
        let problem = read_json::<Object<Paint>>(body.as_bytes()).err().unwrap();
        (problem.status.as_u16(), problem.message)
    }

    #[test]
    fn malformed_json_is_answered_with_line_and_column() {
        let (status, message) = read("{\n\"colour\": red}");
        assert_eq!(
            (status, message.as_str()),
            (400, "The body is not valid JSON: expected value at line 2 column 11")
        );
    }

    #[test]
    fn a_field_is_named_that_is_unknown_missing_or_of_another_type() {
        let unknown = "unknown field `size`, expected `colour` or `coats`";
        assert_eq!(read(r#"{"colour": "red", "size": 1}"#), (422, unknown.to_owned()));
        assert_eq!(read("{}"), (422, "missing field `colour`".to_owned()));
        let wrong = "coats: invalid type: string \"two\", expected u8";
        assert_eq!(read(r#"{"colour": "red", "coats": "two"}"#), (422, wrong.to_owned()));
    }

    #[test]
    fn a_list_is_no_object_and_nothing_may_follow_one() {
        assert_eq!(
            read(r#"["red", 2]"#),
            (422, "body: invalid type: sequence, expected an object".to_owned())
        );
        assert_eq!(read(r#"{"colour": "red"} 1"#).0, 400);
        let Object(paint) = read_json::<Object<Paint>>(br#"{"colour": "red"} "#).unwrap();
        assert_eq!((paint.colour.as_str(), paint.coats), ("red", None));
    }

    #[test]
    fn json_of_any_flavour_is_json_and_text_is_not() {
        assert!(is_json("application/json") && is_json("application/merge-patch+json"));
        assert!(!is_json("text/plain") && !is_json("text/json+json"));
    }
}
