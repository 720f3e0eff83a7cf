//! Responses of operations, for every transport: a body, or a refusal if nothing was executed.

use std::collections::BTreeMap;
use std::time::Duration;

use async_graphql::{Response, ServerError, Value};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::problem::{Problem, Rejection};
use crate::domain::error::{Code, Error};
use crate::graphql::error::{Failure, extensions};
use crate::graphql::row::write_value;
use crate::http::encoding;
use crate::http::json::FIRST_BYTES;
use crate::http::request_id;

/// An operation that was not executed: HTTP status and errors.
#[derive(Debug)]
pub(in crate::graphql) struct Refusal {
    pub(in crate::graphql) status: StatusCode,
    errors: Vec<ServerError>,
    pub(in crate::graphql) header: Option<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(in crate::graphql) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self::of_problems(status, code, vec![Problem::new(message)])
    }

    fn of_problems(status: StatusCode, code: &str, problems: Vec<Problem>) -> Self {
        let errors = problems.into_iter().map(|problem| ServerError {
            locations: problem.positions,
            extensions: Some(extensions(code, None)),
            ..ServerError::new(problem.message, None)
        });
        Self {
            status,
            errors: errors.collect(),
            header: None,
        }
    }

    /// The errors of a subscription that did not start.
    pub(in crate::graphql) fn of_subscription(response: Response) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            errors: Body::from(response).errors,
            header: None,
        }
    }

    pub(in crate::graphql) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// `methods` is the header `Allow`.
    pub(in crate::graphql) fn method_not_allowed(message: &str, methods: &'static str) -> Self {
        Self {
            header: Some((header::ALLOW, HeaderValue::from_static(methods))),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
        }
    }

    pub(in crate::graphql) fn timed_out(limit: Duration) -> Self {
        let message = format!("The request took longer than {} s and was cancelled", limit.as_secs());
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    }

    pub(in crate::graphql) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::from(Error::internal(cause))
    }

    pub(in crate::graphql) fn not_acceptable(message: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message)
    }

    /// Checks a limit of the request.
    pub(in crate::graphql) fn check_limit(what: &str, reached: usize, allowed: usize) -> Result<(), Self> {
        if reached <= allowed {
            return Ok(());
        }
        let message = format!("The request exceeds the limit of {what}: {reached}; up to {allowed} are allowed");
        Err(Self::new(StatusCode::BAD_REQUEST, "LIMIT_EXCEEDED", message))
    }

    /// Whether the operation is wrong, and not its transport, its rate or the server.
    pub(in crate::graphql) fn is_of_operation(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::GONE
        )
    }

    /// Whether the operation is wrong, but its document could be parsed.
    pub(in crate::graphql) fn is_of_document(&self) -> bool {
        let code = self.errors.first().and_then(code_of);
        self.is_of_operation() && !matches!(code, Some("BAD_REQUEST" | "GRAPHQL_PARSE_FAILED"))
    }

    pub(in crate::graphql) fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    pub(in crate::graphql) fn unsupported_encoding(message: String) -> Self {
        Self {
            header: Some(encoding::ACCEPTED),
            ..Self::unsupported_media_type(message)
        }
    }

    /// Adds the header `Retry-After` and the extension `retryAfter`.
    pub(in crate::graphql) fn retry_after(mut self, seconds: u64) -> Self {
        for error in &mut self.errors {
            error.extensions.get_or_insert_default().set("retryAfter", seconds);
        }
        self.header = Some((header::RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::of_problems(StatusCode::BAD_REQUEST, rejection.code, rejection.problems)
    }
}

/// Errors before execution, such as failed authentication or an unusable idempotency key.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let status = match error.code() {
            Code::BadUserInput => StatusCode::BAD_REQUEST,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::ResyncRequired => StatusCode::GONE,
            Code::IdempotentResponseTooLarge | Code::IdempotentResponseSecret | Code::IdempotentResponseLost => {
                StatusCode::CONFLICT
            }
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let retry_after = error.retry_after();
        let error = async_graphql::Error::from(Failure::from(error));
        Self {
            status,
            errors: vec![ServerError {
                extensions: error.extensions,
                ..ServerError::new(error.message, None)
            }],
            header: retry_after.map(|wait| (header::RETRY_AFTER, HeaderValue::from(wait.as_secs()))),
        }
    }
}

pub(in crate::graphql) struct Body {
    errors: Vec<ServerError>,
    data: Option<Value>,
    extensions: BTreeMap<String, Value>,
}

impl From<Response> for Body {
    /// An executed operation has `data`, even if it is null. Other responses have only `errors`.
    fn from(response: Response) -> Self {
        let began = began(&response);
        let errors = response.errors.into_iter();
        Self {
            errors: errors.map(|error| with_request_id(with_code(error, began))).collect(),
            data: began.then_some(response.data),
            extensions: response.extensions,
        }
    }
}

impl Body {
    /// The body as JSON. Fields have the order of the selection set, as the specification requires;
    /// [`serde_json::Value`] would sort them.
    pub(in crate::graphql) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(FIRST_BYTES);
        // Serialising to memory cannot fail.
        let _ = self.write(&mut json);
        json
    }

    fn write(&self, json: &mut Vec<u8>) -> Option<()> {
        json.push(b'{');
        if !self.errors.is_empty() {
            begin_member(json, "errors");
            serde_json::to_writer(&mut *json, &self.errors).ok()?;
        }
        if let Some(data) = &self.data {
            begin_member(json, "data");
            write_value(data, json)?;
        }
        if !self.extensions.is_empty() {
            begin_member(json, "extensions");
            serde_json::to_writer(&mut *json, &self.extensions).ok()?;
        }
        json.push(b'}');
        Some(())
    }

    pub(in crate::graphql) fn is_executed(&self) -> bool {
        self.data.is_some()
    }

    pub(in crate::graphql) fn errors(&self) -> &[ServerError] {
        &self.errors
    }

    /// Whether any root field is not null.
    pub(in crate::graphql) fn has_data(&self) -> bool {
        match &self.data {
            Some(Value::Object(fields)) => fields.values().any(|value| *value != Value::Null),
            _ => false,
        }
    }

    /// Whether there is an internal error, so that the effect is unknown.
    pub(in crate::graphql) fn has_internal_error(&self) -> bool {
        let internal = Code::Internal.as_str();
        self.errors.iter().any(|error| code_of(error) == Some(internal))
    }
}

pub(in crate::graphql) fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Writes the name of the next member of a JSON object.
fn begin_member(json: &mut Vec<u8>, name: &str) {
    if json.last() != Some(&b'{') {
        json.push(b',');
    }
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.extend_from_slice(b"\":");
}

impl From<Refusal> for Body {
    fn from(refusal: Refusal) -> Self {
        Self {
            errors: refusal.errors.into_iter().map(with_request_id).collect(),
            data: None,
            extensions: BTreeMap::new(),
        }
    }
}

/// Sets the code of errors from async-graphql: before execution the document is invalid, later an argument is.
fn with_code(mut error: ServerError, began: bool) -> ServerError {
    let extensions = error.extensions.get_or_insert_default();
    if extensions.get("code").is_none() {
        let code = if began {
            "BAD_USER_INPUT"
        } else {
            "GRAPHQL_VALIDATION_FAILED"
        };
        extensions.set("code", code);
    }
    error
}

fn with_request_id(mut error: ServerError) -> ServerError {
    error
        .extensions
        .get_or_insert_default()
        .set("requestId", request_id::current());
    error
}

/// Whether execution began. Earlier errors have neither data nor a path.
fn began(response: &Response) -> bool {
    response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty())
}
