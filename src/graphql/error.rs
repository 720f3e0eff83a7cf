//! Conversion of domain errors. Errors the client can fix go to `userErrors` of the payload; all others go to the top
//! level of the response, with a code.

use async_graphql::{Enum, ErrorExtensionValues, Pos, ServerError, SimpleObject};

use super::node::{GlobalId as _, global_id};
use crate::domain::error::{Code, Error, Violation, ViolationKind};
use crate::http::request_id;

/// Result of a resolver.
pub type Result<T> = std::result::Result<T, Failure>;

/// A top-level error. It does not implement `Display`, because the conversion that the library has for `Display` drops
/// the code.
#[derive(Clone, Debug)]
pub struct Failure(Error);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Failure> for async_graphql::Error {
    fn from(Failure(error): Failure) -> Self {
        if let Some(cause) = error.cause() {
            tracing::error!(request_id = request_id::current(), "a resolver failed: {cause:#}");
        }
        let code = match error.code() {
            // Outside of a payload, an invalid value is a bad argument.
            Code::Invalid => Code::BadUserInput,
            other => other,
        };
        let mut converted = Self::new(message_of(&error));
        let mut extensions = extensions(code.as_str(), error.retry_after().map(|wait| wait.as_secs()));
        if let Error::Unrepeatable { task: Some(task), .. } = &error {
            extensions.set("taskId", task.to_global().to_string());
        }
        converted.extensions = Some(extensions);
        converted
    }
}

pub(super) fn server_error(error: Error, position: Pos) -> ServerError {
    async_graphql::Error::from(Failure(error)).into_server_error(position)
}

/// `retry_after` is in seconds.
pub(super) fn extensions(code: &str, retry_after: Option<u64>) -> ErrorExtensionValues {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    if let Some(seconds) = retry_after {
        extensions.set("retryAfter", seconds);
    }
    extensions
}

/// Argument with the version that a task must have.
pub(super) const EXPECTED_VERSION: &str = "expectedVersion";

/// Kind of a user error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// The value is not valid; `message` says what is allowed.
    Invalid,
    /// The value must be unique, and another user has it.
    Taken,
    /// The file exceeds the storage quota of the user or of the server.
    QuotaExceeded,
    /// The object does not exist, or is not visible to you.
    NotFound,
    /// The object is visible to you, but you are not allowed to do this.
    Forbidden,
    /// The workflow does not allow this change of status; see `Task.allowedTransitions`.
    InvalidTransition,
    /// The task does not have the expected version. The payload has the current task.
    Conflict,
    /// The name, password or token is wrong.
    InvalidCredentials,
    /// The task itself has no error, but another task failed, and the error policy is `ALL_OR_NOTHING`.
    Aborted,
}

/// An error that the client can fix.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// Kind of error, for programs.
    code: UserErrorCode,
    /// Path to the argument or input field, such as `["input", "title"]`. Null if the error is not about one.
    field: Option<Vec<String>>,
    /// What is wrong and what is allowed, in English.
    message: String,
}

/// `input` is the path to the input fields. Errors the client cannot fix are returned as a failure.
pub(super) fn user_errors(error: Error, input: &[&str]) -> Result<Vec<UserError>> {
    let message = message_of(&error);
    let one = |code, field| Ok(vec![UserError { code, field, message }]);
    match error {
        Error::Invalid(violations) => Ok(violations.as_slice().iter().map(|one| violation(one, input)).collect()),
        Error::PayloadTooLarge { field, .. } | Error::UnsupportedMediaType { field, .. } => {
            one(UserErrorCode::Invalid, Some(path(input, field)))
        }
        Error::QuotaExceeded { field, .. } => one(UserErrorCode::QuotaExceeded, Some(path(input, field))),
        Error::NotFound { key, .. } => one(UserErrorCode::NotFound, Some(vec![key.to_owned()])),
        Error::Forbidden { .. } => one(UserErrorCode::Forbidden, None),
        Error::InvalidTransition { .. } => one(UserErrorCode::InvalidTransition, Some(path(input, "status"))),
        Error::Conflict { .. } => one(UserErrorCode::Conflict, Some(vec![EXPECTED_VERSION.to_owned()])),
        Error::InvalidCredentials(_) => one(UserErrorCode::InvalidCredentials, None),
        error @ (Error::Unauthenticated(_)
        | Error::BadInput { .. }
        | Error::LimitExceeded { .. }
        | Error::RateLimited { .. }
        | Error::ResyncRequired
        | Error::Unrepeatable { .. }
        | Error::Unavailable { .. }
        | Error::External(_)
        | Error::Internal(_)) => Err(Failure(error)),
    }
}

/// The value, or the errors the client can fix.
pub(super) fn value_or_errors<T>(
    result: std::result::Result<T, Error>,
    input: &[&str],
) -> Result<(Option<T>, Vec<UserError>)> {
    Ok(match result {
        Ok(value) => (Some(value), Vec::new()),
        Err(error) => (None, user_errors(error, input)?),
    })
}

/// The error of a valid task in a bulk mutation that failed for another task.
pub(super) fn aborted() -> UserError {
    UserError {
        code: UserErrorCode::Aborted,
        field: None,
        message: "No task was changed, because other tasks have errors; leave out those tasks, or use the error policy PARTIAL"
            .to_owned(),
    }
}

impl UserError {
    /// Replaces the path of an argument by that of the argument, or of its element, that the value came from.
    pub(super) fn moved(mut self, argument: &str, path: &[&str]) -> Self {
        if self.field.as_deref().is_some_and(|field| field == [argument]) {
            self.field = Some(path.iter().map(|&part| part.to_owned()).collect());
        }
        self
    }
}

fn violation(violation: &Violation, input: &[&str]) -> UserError {
    let code = if violation.code() == Code::Taken {
        UserErrorCode::Taken
    } else {
        UserErrorCode::Invalid
    };
    UserError {
        code,
        field: Some(path(input, violation.field)),
        message: message_of_violation(violation),
    }
}

/// The message of an error, with a global id instead of a number.
fn message_of(error: &Error) -> String {
    let with_global_id = match error {
        Error::NotFound {
            resource,
            key: "id",
            value,
        } => {
            let number = value.parse::<i32>().ok();
            number.map(|number| Error::absent(resource, global_id(resource, number).as_str()))
        }
        _ => None,
    };
    with_global_id.as_ref().unwrap_or(error).to_string()
}

/// The message about a field, with names in camel case and global ids.
fn message_of_violation(violation: &Violation) -> String {
    let name = camel_case(violation.field);
    if let ViolationKind::UnknownUser(user) = violation.kind {
        return format!(
            "{name}: there is no active user with the id {}",
            user.to_global().as_str()
        );
    }
    match violation.message.strip_prefix(violation.field) {
        Some(rest) => format!("{name}{rest}"),
        None => violation.message.clone(),
    }
}

fn path(input: &[&str], field: &str) -> Vec<String> {
    input
        .iter()
        .map(|part| (*part).to_owned())
        .chain([camel_case(field)])
        .collect()
}

pub(super) fn camel_case(snake_case: &str) -> String {
    let mut words = snake_case.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.push_str(letters.as_str());
        name
    })
}
