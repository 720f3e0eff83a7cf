//! Errors as REST shows them: a status, and one envelope for all of them.
//!
//! ```json
//! {"error": {"code": "INVALID", "message": "..", "request_id": "..", "details": [..]}, "detail": ".."}
//! ```
//!
//! `detail` repeats the message, because clients of older task APIs look for it there. What went wrong
//! inside is logged here, once; the answer carries only the request id that leads to it.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::domain::error::{Code, Error, Violation};
use crate::domain::external::ExternalFailure;
use crate::http::encoding;
use crate::http::json::Json;
use crate::http::request_id;
use crate::rate_limit::Exhausted;

/// What handlers return.
pub(super) type Result<T> = std::result::Result<T, Problem>;

/// What is said of a failure whose cause stays on the server.
const SOMETHING_WENT_WRONG: &str = "Something went wrong on the server; the request id leads to the cause in its log";

/// An error on its way to a REST client.
#[derive(Debug)]
pub struct Problem {
    pub(super) status: StatusCode,
    code: &'static str,
    pub(super) message: String,
    details: Option<Value>,
    /// What helps, in a header.
    advice: Option<Advice>,
    /// For the log only.
    cause: Option<Arc<anyhow::Error>>,
    /// What was not found.
    subject: Option<Box<Subject>>,
}

/// What a response with an error reports: dialects write their own body of it.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) details: Option<Value>,
    pub(super) retry_after: Option<u64>,
    pub(super) subject: Option<Box<Subject>>,
}

/// What was not found.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) noun: &'static str,
    pub(super) value: String,
}

impl Refusal {
    /// The first field that is wrong.
    pub(super) fn field(&self) -> Option<&str> {
        self.details.as_ref()?.get(0)?.get("field")?.as_str()
    }
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: None,
            advice: None,
            cause: None,
            subject: None,
        }
    }

    /// Names the field that is wrong.
    fn of_field(&mut self, field: &str, status: StatusCode) -> StatusCode {
        self.details = Some(json!([{ "field": field, "code": self.code, "message": self.message }]));
        status
    }

    /// Something went wrong inside.
    pub(super) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Error::internal(cause).into()
    }

    /// The request is malformed.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// The value of `field` cannot be read or is not acceptable.
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        let (code, message) = (Code::Invalid.as_str(), message.into());
        let details = json!([{ "field": field, "code": code, "message": message }]);
        Self {
            details: Some(details),
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message)
        }
    }

    /// There is no such parameter here.
    pub(super) fn unknown_parameter(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let details = json!([{ "field": name, "code": "UNKNOWN_PARAMETER", "message": message }]);
        Self {
            details: Some(details),
            ..Self::new(StatusCode::BAD_REQUEST, "UNKNOWN_PARAMETER", message)
        }
    }

    /// The body is of a kind that this path does not read.
    pub(super) fn unsupported_media_type(given: Option<&str>, allowed: &str) -> Self {
        let message = match given {
            Some(given) => format!("The body is {given}; send {allowed}, and say so in Content-Type"),
            None => format!("The body's Content-Type is missing; send {allowed}, and say so in Content-Type"),
        };
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
    }

    /// The body has a content coding.
    pub(super) fn unsupported_encoding(message: String) -> Self {
        Self {
            advice: Some(Advice::AcceptEncoding),
            ..Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", message)
        }
    }

    /// The body is larger than the server takes.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("The body is larger than the {limit} bytes that are allowed");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", message)
    }

    /// No byte of a file of `size` bytes lies in the range that was asked for.
    pub(super) fn range_not_satisfiable(size: u64) -> Self {
        let message = format!("Range lies behind the end: the file has {size} bytes, numbered from 0");
        Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE", message)
    }

    /// Nothing answers at this path.
    pub(super) fn unknown_path(path: &str) -> Self {
        let message = format!("There is nothing at {path}; REST is under /api/v1, GraphQL at /graphql");
        Self::new(StatusCode::NOT_FOUND, Code::NotFound.as_str(), message)
    }

    /// The path is known, but not with this method.
    pub(super) fn method_not_allowed(method: &Method, path: &str) -> Self {
        let message = format!("{method} does not work on {path}; the Allow header lists what does");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    /// The client has sent all the requests it may within a minute.
    pub(super) fn rate_limited(exhausted: Exhausted) -> Self {
        let (limit, seconds) = (exhausted.allowance.limit, exhausted.retry_after.as_secs());
        let message = format!(
            "You have sent {limit} requests of this kind within a minute, all you may: try again in {seconds} s"
        );
        Self {
            advice: Some(Advice::RetryAfter(seconds)),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, Code::RateLimited.as_str(), message)
        }
    }

    /// The request took longer than it may.
    pub(super) fn timed_out(limit: Duration) -> Self {
        let message = format!("The request took longer than {} s and was given up", limit.as_secs());
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "TIMEOUT", message)
    }

    /// A handler panicked.
    pub(super) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let text = panic.downcast_ref::<&str>().copied();
        let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        let cause = anyhow::anyhow!("panicked: {}", text.unwrap_or("without a message"));
        let problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            Code::Internal.as_str(),
            SOMETHING_WENT_WRONG,
        );
        Self {
            cause: Some(Arc::new(cause)),
            ..problem
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let mut problem = Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.code().as_str(),
            error.to_string(),
        );
        problem.advice = error.retry_after().map(|wait| Advice::RetryAfter(wait.as_secs()));
        problem.status = match error {
            Error::Unauthenticated(_) | Error::InvalidCredentials(_) => StatusCode::UNAUTHORIZED,
            Error::Forbidden { .. } => StatusCode::FORBIDDEN,
            Error::NotFound { noun, value, .. } => {
                problem.subject = Some(Box::new(Subject { noun, value }));
                StatusCode::NOT_FOUND
            }
            Error::BadInput { field, .. } => problem.of_field(field, StatusCode::BAD_REQUEST),
            Error::PayloadTooLarge { field, .. } => problem.of_field(field, StatusCode::PAYLOAD_TOO_LARGE),
            Error::QuotaExceeded { field, .. } => problem.of_field(field, StatusCode::INSUFFICIENT_STORAGE),
            Error::UnsupportedMediaType { field, .. } => problem.of_field(field, StatusCode::UNSUPPORTED_MEDIA_TYPE),
            Error::LimitExceeded {
                field,
                unit,
                reached,
                allowed,
            } => {
                let name = parameter(field);
                problem.message = format!("{name} has {reached} {unit}; up to {allowed} are allowed");
                problem.of_field(name, StatusCode::UNPROCESSABLE_ENTITY)
            }
            Error::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::ResyncRequired => StatusCode::GONE,
            Error::Unavailable { cause, .. } => {
                problem.cause = cause;
                StatusCode::SERVICE_UNAVAILABLE
            }
            Error::Invalid(violations) => {
                let violations = violations.as_slice();
                problem.details = Some(violations.iter().map(violation).collect());
                match violations.first().map(|first| first.code) {
                    Some(Code::Taken) => StatusCode::CONFLICT,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                }
            }
            Error::InvalidTransition { from, to, .. } => {
                let allowed: Vec<_> = from
                    .allowed_transitions()
                    .iter()
                    .map(|status| status.as_str())
                    .collect();
                let (from, to) = (from.as_str(), to.as_str());
                problem.details =
                    Some(json!({ "status": from, "allowed": allowed, "current_state": from, "target_state": to }));
                StatusCode::CONFLICT
            }
            Error::Conflict { expected, current } => {
                problem.details =
                    Some(json!({ "expected_version": expected.only(), "current_version": current.task.version }));
                StatusCode::CONFLICT
            }
            Error::Unrepeatable { task, .. } => {
                problem.details = task.map(|task| json!({ "task_id": task.0 }));
                StatusCode::CONFLICT
            }
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

/// What a client can do about a refusal.
#[derive(Clone, Copy, Debug)]
enum Advice {
    /// Try again after so many seconds.
    RetryAfter(u64),
    /// Send the body uncompressed.
    AcceptEncoding,
}

impl Advice {
    fn retry_after(self) -> Option<u64> {
        match self {
            Self::RetryAfter(seconds) => Some(seconds),
            Self::AcceptEncoding => None,
        }
    }

    fn header(self) -> (HeaderName, HeaderValue) {
        match self {
            Self::RetryAfter(seconds) => (header::RETRY_AFTER, seconds.into()),
            Self::AcceptEncoding => encoding::ACCEPTED,
        }
    }
}

/// The parameter that is a part of a filter: `tag` for `filter.tag.any`.
fn parameter(field: &str) -> &str {
    let part = field.strip_prefix("filter.").unwrap_or(field);
    part.split('.').next().unwrap_or(part)
}

fn violation(violation: &Violation) -> Value {
    json!({ "field": violation.field, "code": violation.code.as_str(), "message": violation.message })
}

/// The body of every answer that reports an error.
#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(super) struct Envelope<'a> {
    error: Report<'a>,
    /// The message once more, where clients of older task APIs look for it.
    #[schema(example = "title is empty; 1 to 255 characters are allowed")]
    detail: &'a str,
    /// As in `error`, where clients of one of the older APIs look for it.
    #[schema(example = "01K9ZB5V7M3T")]
    request_id: &'a str,
}

/// What went wrong.
#[derive(Serialize, ToSchema)]
struct Report<'a> {
    /// The same for the same kind of error, whatever the message says.
    #[schema(value_type = String, example = "INVALID")]
    code: &'static str,
    /// For people: the field, the value, and what is allowed.
    #[schema(example = "title is empty; 1 to 255 characters are allowed")]
    message: &'a str,
    /// Leads to this answer in the server's log.
    #[schema(example = "01K9ZB5V7M3T")]
    request_id: &'a str,
    /// More of it, for programs: the fields that are wrong, or the state that was in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false, example = json!([{"field": "title", "code": "INVALID", "message": "title is empty; 1 to 255 characters are allowed"}]))]
    details: Option<Value>,
    /// As in the header `Retry-After`: seconds to wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    retry_after: Option<u64>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let request_id = request_id::current();
        if let Some(cause) = &self.cause {
            tracing::error!(request_id, "{cause:#}");
        }
        let refusal = Refusal {
            status: self.status,
            code: self.code,
            message: self.message.clone(),
            details: self.details.clone(),
            retry_after: self.advice.and_then(Advice::retry_after),
            subject: self.subject,
        };
        let report = Report {
            code: self.code,
            message: &self.message,
            request_id: &request_id,
            details: self.details,
            retry_after: refusal.retry_after,
        };
        let envelope = Envelope {
            error: report,
            detail: &self.message,
            request_id: &request_id,
        };
        let mut response = (self.status, Json(envelope)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.headers_mut().extend(self.advice.map(Advice::header));
        response.extensions_mut().insert(refusal);
        response
    }
}
