//! Reads requests: an operation as JSON or in a URL, or a batch as a JSON list.

use std::fmt;

use axum::body::{Body, Bytes};
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde_json::{Map, Value};

use super::accept::{JSON, content_type, essence};
use crate::graphql::execution::parameters::{Parameters, known_extensions};
use crate::graphql::execution::response::Refusal;
use crate::graphql::transport::state::GraphqlState;
use crate::http::encoding::{check_content_encoding, is_utf8};
use crate::http::json::check_bounds;

pub(super) enum Posted {
    One(Parameters),
    Many(Vec<Parameters>),
}

/// An operation of a batch. Accepts only objects: the derived type would also accept a list.
struct BatchEntry(Parameters);

impl<'de> Deserialize<'de> for BatchEntry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(BatchEntryVisitor)
    }
}

struct BatchEntryVisitor;

impl<'de> Visitor<'de> for BatchEntryVisitor {
    type Value = BatchEntry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<BatchEntry, A::Error> {
        Parameters::deserialize(MapAccessDeserializer::new(members)).map(BatchEntry)
    }
}

pub(super) async fn from_body(state: &GraphqlState, parts: &Parts, body: Body) -> Result<Posted, Refusal> {
    require_unencoded(&parts.headers)?;
    require_json(&parts.headers)?;
    let limit = state.config().http.body_limit;
    // A copy of the head would have the limit too, but would copy all headers.
    let mut request = Request::new(body);
    DefaultBodyLimit::max(limit).apply(&mut request);
    let body = Bytes::from_request(request, &())
        .await
        .map_err(|rejection| unreadable(&rejection, limit))?;
    read("The body", &body, state.config().graphql.limits.batch)
}

/// Refuses a body with a `Content-Encoding`.
pub(super) fn require_unencoded(headers: &HeaderMap) -> Result<(), Refusal> {
    check_content_encoding(headers).map_err(Refusal::unsupported_encoding)
}

/// Parses operations from JSON. Error messages call the text `what`.
pub(super) fn read(what: &str, text: &[u8], max_batch: usize) -> Result<Posted, Refusal> {
    check_bounds(text).map_err(|excess| Refusal::bad_request(format!("{what} is {excess}")))?;
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    match first {
        None => Err(Refusal::bad_request(format!(
            "{what} is empty; send a GraphQL request as a JSON object"
        ))),
        Some(b'{') => parsed(what, text).map(Posted::One),
        Some(b'[') => {
            let batch: Vec<BatchEntry> = parsed(what, text)?;
            if batch.is_empty() {
                return Err(Refusal::bad_request("The batch is empty; send 1 operation or more"));
            }
            Refusal::check_limit("operations in a batch", batch.len(), max_batch)?;
            Ok(Posted::Many(batch.into_iter().map(|BatchEntry(one)| one).collect()))
        }
        Some(_) => Err(Refusal::bad_request(format!(
            "{what} is not a GraphQL request; send a JSON object, or a list of them"
        ))),
    }
}

/// Parses a JSON value with nothing after it.
fn parsed<T: DeserializeOwned>(what: &str, text: &[u8]) -> Result<T, Refusal> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| malformed(what, &error))?;
    json.end().map_err(|error| not_json(what, &error))?;
    Ok(value)
}

/// The error, with the path of the member if a member is invalid.
fn malformed(what: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Refusal {
    let path = error.path().to_string();
    if error.inner().is_data() && path != "." {
        Refusal::bad_request(format!("{path} cannot be read: {}", error.inner()))
    } else {
        not_json(what, error.inner())
    }
}

fn not_json(what: &str, error: &serde_json::Error) -> Refusal {
    Refusal::bad_request(format!("{what} is not a GraphQL request in JSON: {error}"))
}

/// Accepts only JSON: browsers send other types to other origins without a preflight request (CSRF).
fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = content_type(headers);
    if essence(content_type).eq_ignore_ascii_case(JSON) {
        return Ok(());
    }
    let message = format!("The content type '{content_type}' is not taken; send JSON as {JSON}");
    Err(Refusal::unsupported_media_type(message))
}

fn unreadable(rejection: &BytesRejection, limit: usize) -> Refusal {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            too_large(format!("The body is larger than the {limit} bytes that are allowed"))
        }
        _ => Refusal::bad_request("The body could not be read to its end"),
    }
}

pub(super) fn too_large(message: String) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "LIMIT_EXCEEDED", message)
}

/// URL parameters that are read. Others are ignored, because caches and trackers add some.
const PARAMETERS: [&str; 4] = ["query", "operationName", "variables", "extensions"];

pub(super) fn from_url(query: &str) -> Result<Parameters, Refusal> {
    if !is_utf8(query.as_bytes()) {
        return Err(Refusal::bad_request(
            "The URL has percent-encoded bytes that are not UTF-8; encode parameters as UTF-8",
        ));
    }
    let mut parameters = Parameters::default();
    let mut seen = Vec::with_capacity(PARAMETERS.len());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let Some(name) = PARAMETERS.into_iter().find(|known| *known == name) else {
            continue;
        };
        // A proxy in front may read the other value.
        if seen.contains(&name) {
            let message = format!("The parameter {name} comes more than once; send it once");
            return Err(Refusal::bad_request(message));
        }
        seen.push(name);
        match name {
            "query" => parameters.query = Some(value.into_owned()),
            // An empty one counts as absent.
            _ if value.is_empty() => {}
            "operationName" => parameters.operation_name = Some(value.into_owned()),
            "variables" => parameters.variables = json_object(name, &value)?,
            _ => {
                parameters.extensions = known_extensions(json_object(name, &value)?)
                    .map_err(|error| Refusal::bad_request(format!("{name} cannot be read: {error}")))?;
            }
        }
    }
    Ok(parameters)
}

/// Reads a parameter that is a JSON object or null, with nothing after it.
fn json_object(name: &str, text: &str) -> Result<Option<Map<String, Value>>, Refusal> {
    check_bounds(text.as_bytes()).map_err(|excess| Refusal::bad_request(format!("{name} is {excess}")))?;
    serde_json::from_str(text).map_err(|error| Refusal::bad_request(format!("{name} is not a JSON object: {error}")))
}
