//! What an operation is answered, whatever the transport: a body, or why nothing was run.

use std::collections::BTreeMap;
use std::time::Duration;

use async_graphql::{Response, ServerError, Value};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::validation::Problem;
use crate::domain::error::{Code, Error};
use crate::graphql::error::{Failure, extensions};
use crate::graphql::row::write_value;
use crate::http::encoding;
use crate::http::json::FIRST_BYTES;
use crate::http::request_id;

/// Why nothing was run: a status and an error.
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

    /// What is wrong with a document or its variables, one problem or more.
    pub(in crate::graphql) fn of_problems(status: StatusCode, code: &str, problems: Vec<Problem>) -> Self {
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

    /// The request is malformed.
    pub(in crate::graphql) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(in crate::graphql) fn method_not_allowed(message: &str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    /// It took longer than a request may.
    pub(in crate::graphql) fn timed_out(limit: Duration) -> Self {
        let message = format!("The request took longer than {} s and was given up", limit.as_secs());
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    }

    /// Something went wrong inside.
    pub(in crate::graphql) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::from(Error::internal(cause))
    }

    /// The client takes none of the ways in which this can be answered.
    pub(in crate::graphql) fn not_acceptable(message: &str) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "NOT_ACCEPTABLE", message)
    }

    /// Whether something is wrong with the operation or what it names, and not with how it was sent, how often, or
    /// with the server.
    pub(in crate::graphql) fn is_of_operation(&self) -> bool {
        matches!(
            self.status,
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::NOT_FOUND | StatusCode::GONE
        )
    }

    /// Whether something is wrong with a document that could be read.
    pub(in crate::graphql) fn is_of_document(&self) -> bool {
        let extensions = self.errors.first().and_then(|error| error.extensions.as_ref());
        let code = extensions.and_then(|extensions| extensions.get("code"));
        let is_unreadable = ["BAD_REQUEST", "GRAPHQL_PARSE_FAILED"]
            .iter()
            .any(|unreadable| code == Some(&Value::from(*unreadable)));
        self.is_of_operation() && !is_unreadable
    }

    /// The body has a content coding.
    pub(in crate::graphql) fn unsupported_encoding(message: String) -> Self {
        let refusal = Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message);
        Self {
            header: Some(encoding::ACCEPTED),
            ..refusal
        }
    }

    /// The same, with the methods that there are.
    pub(in crate::graphql) fn allow(mut self, methods: &'static str) -> Self {
        self.header = Some((header::ALLOW, HeaderValue::from_static(methods)));
        self
    }

    /// The same, with the seconds to wait.
    pub(in crate::graphql) fn retry_after(mut self, seconds: u64) -> Self {
        for error in &mut self.errors {
            error.extensions.get_or_insert_default().set("retryAfter", seconds);
        }
        self.header = Some((header::RETRY_AFTER, HeaderValue::from(seconds)));
        self
    }
}

/// What went wrong before the operation began: who asks could not be found out, or its key is no good.
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

/// The body of an answer.
pub(in crate::graphql) struct Body {
    errors: Vec<ServerError>,
    data: Option<Value>,
    extensions: BTreeMap<String, Value>,
}

impl From<Response> for Body {
    /// An executed operation has `data`, also when it is null; one that did not begin has none.
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
    /// The errors of a subscription that did not begin.
    pub(in crate::graphql) fn refused(response: Response) -> Self {
        Self {
            data: None,
            ..Self::from(response)
        }
    }

    /// The body as JSON. Fields stand in it in the order in which they were asked for, as the specification wants; a
    /// detour by way of [`serde_json::Value`] would sort them.
    pub(in crate::graphql) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(FIRST_BYTES);
        // Answers always serialise, and there is always room for more of them.
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
            write_value(data, json).ok()?;
        }
        if !self.extensions.is_empty() {
            begin_member(json, "extensions");
            serde_json::to_writer(&mut *json, &self.extensions).ok()?;
        }
        json.push(b'}');
        Some(())
    }

    /// Whether execution began; otherwise there are only errors.
    pub(in crate::graphql) fn is_executed(&self) -> bool {
        self.data.is_some()
    }

    /// What went wrong.
    pub(in crate::graphql) fn errors(&self) -> &[ServerError] {
        &self.errors
    }

    /// Whether any root field has a value.
    pub(in crate::graphql) fn has_data(&self) -> bool {
        match &self.data {
            Some(Value::Object(fields)) => fields.values().any(|value| *value != Value::Null),
            _ => false,
        }
    }

    /// Whether something went wrong on the server, so that nobody knows what was done.
    pub(in crate::graphql) fn has_failed_inside(&self) -> bool {
        let internal = Value::from(Code::Internal.as_str());
        self.errors.iter().any(|error| {
            let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
            code == Some(&internal)
        })
    }
}

/// Writes the name of a member of an object that was begun.
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

/// Gives the library's own errors their code: before execution the document is not valid, during it
/// an argument is not.
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

/// Whether execution began: the document was valid.
fn began(response: &Response) -> bool {
    response.data != Value::Null || response.errors.iter().any(|error| !error.path.is_empty())
}
