//! The domain's errors as GraphQL's: what a client can mend goes to `userErrors` of the payload,
//! the rest to the top level with a code.

use async_graphql::{Enum, ErrorExtensionValues, ID, Pos, ServerError, SimpleObject};

use super::node::GlobalId as _;
use crate::domain::error::{Code, Error, Violation, ViolationKind};
use crate::domain::id::{AttachmentId, NotificationId, SessionId, TaskId, UserId};
use crate::http::request_id;

/// What resolvers return.
pub type Result<T> = std::result::Result<T, Failure>;

/// An error for the top level. It does not implement `Display`: the library's conversion from
/// anything that does would strip the code.
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
        let mut converted = Self::new(message_of(&error));
        let mut extensions = extensions(
            top_level(error.code()).as_str(),
            error.retry_after().map(|wait| wait.as_secs()),
        );
        if let Error::Unrepeatable { task: Some(task), .. } = &error {
            extensions.set("taskId", task.to_global().to_string());
        }
        converted.extensions = Some(extensions);
        converted
    }
}

/// The error of the field at this position.
pub(super) fn server_error(error: Error, position: Pos) -> ServerError {
    async_graphql::Error::from(Failure(error)).into_server_error(position)
}

/// The code of an error at the top level: outside a payload, a value that is not acceptable is an
/// argument that the operation cannot do with.
fn top_level(code: Code) -> Code {
    match code {
        Code::Invalid => Code::BadUserInput,
        other => other,
    }
}

/// `extensions` with the code and, where waiting helps, the seconds to wait.
pub(super) fn extensions(code: &str, retry_after: Option<u64>) -> ErrorExtensionValues {
    let mut extensions = ErrorExtensionValues::default();
    extensions.set("code", code);
    if let Some(seconds) = retry_after {
        extensions.set("retryAfter", seconds);
    }
    extensions
}

/// The argument that a conflict is about.
const EXPECTED_VERSION: &str = "expectedVersion";

/// What kind of mistake a user error tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum UserErrorCode {
    /// The value is not acceptable.
    Invalid,
    /// The value must be unique and belongs to somebody else.
    Taken,
    /// The file does not fit into the storage quota of the user or of the server.
    QuotaExceeded,
    /// There is no such thing, or it is not yours to see.
    NotFound,
    /// You see it, but may not do this to it.
    Forbidden,
    /// The workflow has no such step.
    InvalidTransition,
    /// The task was changed meanwhile; the payload has it as it stands now.
    Conflict,
    /// The name, password or refresh token is not right.
    InvalidCredentials,
    /// It could have been done, but another of the tasks failed, and the error policy is `ALL_OR_NOTHING`.
    Aborted,
}

/// A mistake that the client can mend.
#[derive(Clone, Debug, SimpleObject)]
pub struct UserError {
    /// The kind of mistake.
    code: UserErrorCode,
    /// The path to the argument or input field, if it is about one.
    field: Option<Vec<String>>,
    /// What is wrong and what is allowed, for people.
    message: String,
}

/// The user errors of what went wrong in a mutation whose fields are under `input`; what is no
/// mistake of the user is a failure.
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

/// The user error of what could have been done, had not another failed.
pub(super) fn aborted() -> UserError {
    UserError {
        code: UserErrorCode::Aborted,
        field: None,
        message: "Nothing was done, because other tasks failed: leave those out, or use the error policy PARTIAL"
            .to_owned(),
    }
}

impl UserError {
    /// The same, where what is called `id` in the domain came in as another argument.
    pub(super) fn of_argument(mut self, path: &[&str]) -> Self {
        if self.field.as_deref().is_some_and(|path| path == ["id"]) {
            self.field = Some(path.iter().map(|part| (*part).to_owned()).collect());
        }
        self
    }

    /// The same of the id at this place of the argument `ids`, if it is about the id.
    pub(super) fn of_ids(mut self, position: usize) -> Self {
        if self.field.as_deref().is_some_and(|path| path == ["id"]) {
            self.field = Some(vec!["ids".to_owned(), position.to_string()]);
        }
        self
    }

    /// The same of the version at this place of the argument `expectedVersions`, if it is about a version.
    pub(super) fn of_versions(mut self, position: Option<usize>) -> Self {
        if let Some(position) =
            position.filter(|_| self.field.as_deref().is_some_and(|path| path == [EXPECTED_VERSION]))
        {
            let path = ["expectedVersions", &position.to_string(), "version"];
            self.field = Some(path.map(str::to_owned).to_vec());
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

/// The message of an error, with the id in the form of this API.
fn message_of(error: &Error) -> String {
    let with_global_id = match error {
        Error::NotFound { noun, key: "id", value } => {
            global_id(noun, value).map(|id| Error::not_found(noun, id.as_str()))
        }
        _ => None,
    };
    with_global_id.as_ref().unwrap_or(error).to_string()
}

fn global_id(noun: &str, number: &str) -> Option<ID> {
    let number = number.parse().ok()?;
    Some(match noun {
        "task" => TaskId::from_number(number).to_global(),
        "user" => UserId::from_number(number).to_global(),
        "attachment" => AttachmentId::from_number(number).to_global(),
        "notification" => NotificationId::from_number(number).to_global(),
        "session" => SessionId::from_number(number).to_global(),
        _ => return None,
    })
}

/// The message about a field, with names and ids in the form of this API.
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

/// `input` and the field as the schema spells it.
fn path(input: &[&str], field: &str) -> Vec<String> {
    input
        .iter()
        .map(|part| (*part).to_owned())
        .chain([camel_case(field)])
        .collect()
}

/// A name of the domain as the schema spells it.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_spelled_as_in_the_schema() {
        assert_eq!(path(&["input"], "due_date"), ["input", "dueDate"]);
        assert_eq!(path(&[], "title"), ["title"]);
    }
}
