//! REST errors: a status, and one envelope for all of them.
//!
//! ```json
//! {"error": {"code": "INVALID", "message": "..", "request_id": "..", "details": [..]}, "detail": ".."}
//! ```
//!
//! `detail` repeats the message, because clients of older task APIs read it there. The cause of an internal error is
//! only logged, once; the response has the request id.

use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::error::{Code, Error, Violation, ViolationKind, in_words};
use crate::domain::external::ExternalFailure;
use crate::http::encoding;
use crate::http::json::Json;
use crate::http::request_id;
use crate::rate_limit::Exhausted;

pub(super) type Result<T> = std::result::Result<T, Problem>;

/// An error response. Dialects read it from the response extensions and write their own body.
#[derive(Clone, Debug)]
pub struct Problem {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) details: Option<Details>,
    /// For dialects.
    pub(super) subject: Option<Box<Subject>>,
    /// Seconds to wait.
    pub(super) retry_after: Option<u64>,
    /// For the log only.
    cause: Option<Arc<anyhow::Error>>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Details {
    Fields(Vec<Fault>),
    /// The state that prevents the request.
    State(Value),
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Fault {
    pub(super) field: String,
    code: &'static str,
    pub(super) message: String,
    #[serde(skip)]
    pub(super) kind: ViolationKind,
}

#[derive(Clone, Debug)]
pub(super) enum Subject {
    /// A resource was not found.
    Absent { noun: String, value: String },
    /// The body is not valid JSON. The offset is the number of characters before the error.
    Malformed { offset: usize },
    /// The content encoding of the body.
    Encoding,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: None,
            subject: None,
            retry_after: None,
            cause: None,
        }
    }

    fn with_fault(self, field: &str, kind: ViolationKind) -> Self {
        let fault = Fault {
            field: field.to_owned(),
            code: self.code,
            message: self.message.clone(),
            kind,
        };
        Self {
            details: Some(Details::Fields(vec![fault])),
            ..self
        }
    }

    /// Adds an entry for each of these missing fields.
    pub(super) fn with_missing<'a>(mut self, fields: impl Iterator<Item = &'a str>) -> Self {
        let code = self.code;
        if let Some(Details::Fields(faults)) = &mut self.details {
            faults.extend(fields.map(|field| Fault {
                field: field.to_owned(),
                code,
                message: format!("missing field `{field}`"),
                kind: ViolationKind::Missing,
            }));
        }
        self
    }

    fn in_state(self, state: Value) -> Self {
        Self {
            details: Some(Details::State(state)),
            ..self
        }
    }

    pub(super) fn faults(&self) -> &[Fault] {
        match &self.details {
            Some(Details::Fields(faults)) => faults,
            _ => &[],
        }
    }

    pub(super) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Error::internal(cause).into()
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    pub(super) fn malformed(error: &serde_json::Error, body: &[u8]) -> Self {
        let offset = offset(error, body);
        Self {
            subject: Some(Box::new(Subject::Malformed { offset })),
            ..Self::bad_request(format!("The body is not valid JSON: {error}"))
        }
    }

    pub(super) fn invalid(field: &str, kind: ViolationKind, message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::Invalid.as_str(), message).with_fault(field, kind)
    }

    pub(super) fn unknown_parameter(name: &str, message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "UNKNOWN_PARAMETER", message).with_fault(name, ViolationKind::Other)
    }

    pub(super) fn unsupported_media_type(given: Option<&str>, allowed: &str) -> Self {
        let message = match given {
            Some(given) => format!("The body is {given}; send {allowed}, and say so in Content-Type"),
            None => format!("The body's Content-Type is missing; send {allowed}, and say so in Content-Type"),
        };
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    pub(super) fn unsupported_encoding(message: String) -> Self {
        Self {
            subject: Some(Box::new(Subject::Encoding)),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
        }
    }

    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("The body is larger than the {limit} bytes that are allowed");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
    }

    pub(super) fn range_not_satisfiable(size: u64) -> Self {
        let message = format!("Range starts after the end: the file has {size} bytes, numbered from 0");
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE", message)
    }

    pub(super) fn unknown_path(path: &str) -> Self {
        let message = format!("There is nothing at {path}; REST is under /api/v1, GraphQL at /graphql");
        Self::new(StatusCode::NOT_FOUND, Code::NotFound.as_str(), message)
    }

    pub(super) fn method_not_allowed(method: &Method, path: &str) -> Self {
        let message = format!("{method} does not work on {path}; the Allow header lists what does");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    pub(super) fn rate_limited(exhausted: Exhausted) -> Self {
        let (limit, seconds) = (exhausted.allowance.limit, exhausted.retry_after.as_secs());
        let message =
            format!("The limit of {limit} requests of this kind per minute is used up; try again in {seconds} s");
        Self {
            retry_after: Some(seconds),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited.as_str(), message)
        }
    }

    pub(super) fn timed_out(limit: Duration) -> Self {
        let message = format!("The request took longer than {} s and was cancelled", limit.as_secs());
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let mut problem = Self::new(StatusCode::CONFLICT, error.code().as_str(), error.to_string());
        let of_field =
            |problem: Self, status, field: &str| Self { status, ..problem }.with_fault(field, ViolationKind::Other);
        problem.retry_after = error.retry_after().map(|wait| wait.as_secs());
        problem.status = match error {
            Error::Unauthenticated(_) | Error::InvalidCredentials(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden { .. } => StatusCode::FORBIDDEN,
            Error::NotFound { resource, value, .. } => {
                let noun = in_words(resource);
                problem.subject = Some(Box::new(Subject::Absent { noun, value }));
                StatusCode::NOT_FOUND
            }
            Error::BadInput { field, .. } => return of_field(problem, StatusCode::BAD_REQUEST, field),
            Error::PayloadTooLarge { field, .. } => return of_field(problem, StatusCode::PAYLOAD_TOO_LARGE, field),
            Error::QuotaExceeded { field, .. } => return of_field(problem, StatusCode::INSUFFICIENT_STORAGE, field),
            Error::UnsupportedMediaType { field, .. } => {
                return of_field(problem, StatusCode::UNSUPPORTED_MEDIA_TYPE, field);
            }
            Error::LimitExceeded {
                field,
                unit,
                reached,
                allowed,
            } => {
                let name = parameter(field);
                let message = format!("{name} has {reached} {unit}; up to {allowed} are allowed");
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, problem.code, message);
                return problem.with_fault(name, ViolationKind::TooLarge(allowed));
            }
            Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::ResyncRequired => StatusCode::GONE,
            Error::Unavailable { cause, .. } => {
                problem.cause = cause;
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::Invalid(violations) => {
                let faults = violations.as_slice().iter().map(|violation| Fault {
                    field: violation.field.to_owned(),
                    code: violation.code().as_str(),
                    message: violation.message.clone(),
                    kind: violation.kind.clone(),
                });
                problem.details = Some(Details::Fields(faults.collect()));
                match violations.as_slice().first().map(Violation::code) {
                    Some(Code::Taken) => StatusCode::CONFLICT,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                }
            }
            Error::InvalidTransition { from, to, .. } => {
                let allowed = from.allowed_transitions().iter().map(|status| status.as_str());
                let (from, to, allowed) = (from.as_str(), to.as_str(), allowed.collect::<Vec<_>>());
                return problem.in_state(
                    json!({ "status": from, "allowed": allowed, "current_state": from, "target_state": to }),
                );
            }
            Error::Conflict { expected, current } => {
                let (expected, current) = (expected.only(), current.task.version);
                return problem.in_state(json!({ "expected_version": expected, "current_version": current }));
            }
            Error::Unrepeatable { task: Some(task), .. } => return problem.in_state(json!({ "task_id": task.0 })),
            Error::Unrepeatable { task: None, .. } => StatusCode::CONFLICT,
            Error::External(ExternalFailure::NotConfigured) => StatusCode::SERVICE_UNAVAILABLE,
            Error::External(ExternalFailure::Failed(_)) => StatusCode::BAD_GATEWAY,
            Error::External(ExternalFailure::TimedOut(_)) => StatusCode::GATEWAY_TIMEOUT,
            Error::Internal(cause) => {
                problem.cause = Some(cause);
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        problem
    }
}

/// The number of characters of `body` before the error.
fn offset(error: &serde_json::Error, body: &[u8]) -> usize {
    let lines = body.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    // Columns count bytes, from 1.
    let bytes = (before + error.column()).saturating_sub(1);
    let valid = if error.is_eof() { None } else { body.get(..bytes) };
    String::from_utf8_lossy(valid.unwrap_or(body)).chars().count()
}

/// The parameter of a filter field: `tag` for `filter.tag.any`.
fn parameter(field: &str) -> &str {
    let part = field.strip_prefix("filter.").unwrap_or(field);
    part.split('.').next().unwrap_or(part)
}

/// Body of every error response.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Envelope<'a> {
    error: Report<'a>,
    /// Same value as `error.message`, for clients of older task APIs.
    #[schema(example = "title is empty; 1 to 255 characters are allowed")]
    detail: &'a str,
    /// Same value as `error.request_id`, for clients of an older API.
    #[schema(example = "01K9ZB5V7M3T")]
    request_id: &'a str,
}

/// Code, message and details of an error.
#[derive(Serialize, ToSchema)]
struct Report<'a> {
    /// Stable error code for programs.
    #[schema(value_type = String, example = "INVALID")]
    code: &'static str,
    /// Error message for people: the field, the value, and what is allowed.
    #[schema(example = "title is empty; 1 to 255 characters are allowed")]
    message: &'a str,
    /// Request id, as in the server's log.
    #[schema(example = "01K9ZB5V7M3T")]
    request_id: &'a str,
    /// Details for programs: the invalid fields, or the state that prevents the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false, example = json!([{"field": "title", "code": "INVALID", "message": "title is empty; 1 to 255 characters are allowed"}]))]
    details: Option<&'a Details>,
    /// Seconds to wait, as in the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
}

impl Problem {
    pub(super) fn envelope<'a>(&'a self, request_id: &'a str) -> Envelope<'a> {
        Envelope {
            error: Report {
                code: self.code,
                message: &self.message,
                request_id,
                details: self.details.as_ref(),
                retry_after: self.retry_after,
            },
            detail: &self.message,
            request_id,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = request_id::current();
        if let Some(cause) = &self.cause {
            tracing::error!(request_id, "{cause:#}");
        }
        let mut response = (self.status, Json(self.envelope(&request_id))).into_response();
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.extend(
            self.retry_after
                .map(|seconds| (header::RETRY_AFTER, HeaderValue::from(seconds))),
        );
        if matches!(self.subject.as_deref(), Some(Subject::Encoding)) {
            headers.extend([encoding::ACCEPTED]);
        }
        response.extensions_mut().insert(self);
        response
    }
}
