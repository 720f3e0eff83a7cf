//! What handlers take from a request. Whatever cannot be read is refused here, in the envelope and with
//! the place named, so that a handler sees only values that it can use.

mod path;

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use url::form_urlencoded;

pub(super) use self::path::{PathFilename, PathId, PathTag};
use super::dialect::Exchange;
use super::error::{Problem, Result};
use super::operation::Operation;
use super::rules::Rules;
use crate::domain::actor::Actor;
use crate::domain::session::Device;
use crate::http::caller::Caller;
use crate::http::encoding::{check_content_encoding, is_utf8};
use crate::http::json::check_bounds;
use crate::state::AppState as App;

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

/// Who asks, where the rules of the request may do without a token.
pub(super) struct AskerOrNobody(pub(super) Option<Actor>);

impl FromRequestParts<App> for AskerOrNobody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let rules: Rules = parts.extensions.get().copied().unwrap_or_default();
        match Asker::from_request_parts(parts, app).await {
            Ok(Asker(actor)) => Ok(Self(Some(actor))),
            Err(problem) if rules.is_background_open && problem.status == StatusCode::UNAUTHORIZED => Ok(Self(None)),
            Err(problem) => Err(problem),
        }
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

/// What messages call all parameters together.
const QUERY: &str = "query";

/// The parameters behind the `?`.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        let path = parts.extensions.get().map_or("", MatchedPath::as_str);
        check_parameters(
            query,
            Operation::at(&parts.method, path).map_or(&[], |known| &known.parameters),
        )?;
        read_pairs(query.as_bytes(), QUERY).map(Self)
    }
}

/// For paths that take no parameters: one that came is refused, not ignored.
pub(super) async fn refuse_parameters(request: Request, next: Next) -> Response {
    match check_parameters(request.uri().query().unwrap_or_default(), &[]) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

/// Refuses parameters that the operation does not have.
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
        let exchange = request.extensions().get::<Exchange>().cloned();
        let bytes = read_body(request, app).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        check_content_type(&headers, is_json, "application/json")?;
        let value: Option<Object<T>> = read_translated(exchange.as_ref(), &bytes)?;
        Ok(Self(value.map(|Object(value)| value).unwrap_or_default()))
    }
}

/// Any JSON as the body.
pub(super) struct AnyBody<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for AnyBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        check_content_type(request.headers(), is_json, "application/json")?;
        let exchange = request.extensions().get::<Exchange>().cloned();
        let bytes = read_body(request, app).await?;
        read_translated(exchange.as_ref(), &bytes).map(Self)
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
        let exchange = request.extensions().get::<Exchange>().cloned();
        let bytes = read_body(request, app).await?;
        match exchange {
            Some(exchange) => read_pairs(&exchange.form(&bytes), "body").map(Self),
            None => read_pairs(&bytes, "body").map(Self),
        }
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

/// A value from a body that may be in a dialect.
fn read_translated<T: DeserializeOwned>(exchange: Option<&Exchange>, bytes: &[u8]) -> Result<T> {
    let Some(exchange) = exchange else {
        return read_json(bytes);
    };
    let value = exchange.body(read_json(bytes)?)?;
    serde_path_to_error::deserialize(value).map_err(|error| json_problem(&error.path().to_string(), error.inner()))
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
    let bytes = join_repeated(bytes);
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(&bytes));
    serde_path_to_error::deserialize(pairs)
        .map_err(|error| unreadable(whole, &error.path().to_string(), &error.inner().to_string()))
}

/// Lists that may come as one parameter for each value.
const REPEATED: [&str; 2] = ["tag", "tags"];

/// Pairs with one parameter for each list, its values separated by commas.
fn join_repeated(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut joined: Vec<(Cow<'_, str>, String)> = Vec::new();
    let mut is_repeated = false;
    for (name, value) in form_urlencoded::parse(bytes) {
        let is_list = REPEATED.contains(&name.as_ref());
        match joined.iter_mut().find(|(known, _)| is_list && *known == name) {
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

/// Serde's message, with the field it is about. Of missing and unknown fields the message tells the name,
/// of all others the path.
fn unreadable(whole: &str, path: &str, message: &str) -> Problem {
    let about_a_name = ["missing field `", "unknown field `", "duplicate field `"];
    let named = about_a_name
        .iter()
        .find_map(|start| message.strip_prefix(start)?.split('`').next());
    match (named, path) {
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
