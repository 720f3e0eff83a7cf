//! The error type of the domain, with stable codes.
//!
//! Messages are for the person who sent the request: they name the field, the value and what is allowed. Internal
//! causes stay inside [`Error::Internal`], whose message reveals nothing. The APIs log [`Error::cause`] once, with the
//! request id.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::external::ExternalFailure;
use super::id::{TaskId, UserId};
use super::idempotency::Omitted;
use super::task::workflow::Status;
use super::task::{ExpectedVersion, Snapshot};

/// The result of domain operations.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request requires a signed-in user.
    #[error("{0}")]
    Unauthenticated(SignedOut),
    /// The actor sees the resource but may not do this.
    #[error("{message}")]
    Forbidden {
        /// What is not allowed, and who may do it.
        message: String,
    },
    /// The resource does not exist, or the actor may not see it; both give the same message.
    #[error("There is no {noun} with the {key} {value}, or it is not yours to see")]
    NotFound {
        /// The type of the resource, such as `task`.
        noun: &'static str,
        /// The key of the lookup, such as `id`; also the field of the request.
        key: &'static str,
        /// The value that was not found.
        value: String,
    },
    /// One or more values are invalid.
    #[error("{0}")]
    Invalid(Violations),
    /// A file is too large.
    #[error("{message}")]
    PayloadTooLarge {
        /// The field of the request.
        field: &'static str,
        /// The message, with the maximum size.
        message: String,
    },
    /// The file would exceed a storage quota.
    #[error("{field}: the file has {size} bytes, and {whose} {used} of {quota} bytes in use; delete files first")]
    QuotaExceeded {
        /// The field of the request.
        field: &'static str,
        /// The owner of the quota, as written in the message.
        whose: &'static str,
        /// Bytes in use.
        used: u64,
        /// Bytes of the file.
        size: u64,
        /// Maximum bytes in use.
        quota: u64,
    },
    /// The type of a file is not allowed, by its extension or content.
    #[error("{message}")]
    UnsupportedMediaType {
        /// The field of the request.
        field: &'static str,
        /// The message, with the allowed types.
        message: String,
    },
    /// A malformed argument, such as an id, cursor or page size.
    #[error("{message}")]
    BadInput {
        /// The argument.
        field: &'static str,
        /// What is wrong with it, and what is allowed.
        message: String,
    },
    /// A request exceeds a limit.
    #[error("{field} has {reached} {unit}; up to {allowed} are allowed")]
    LimitExceeded {
        /// Path of the argument, such as `filter.search`.
        field: &'static str,
        /// The unit that is counted, such as `words`.
        unit: &'static str,
        /// The actual number.
        reached: usize,
        /// The maximum.
        allowed: usize,
    },
    /// The workflow does not allow the transition.
    #[error("Invalid transition from '{from}' to '{to}'")]
    InvalidTransition {
        /// The current status.
        from: Status,
        /// The requested status.
        to: Status,
        /// The current task; `None` if it does not exist yet.
        current: Option<Box<Snapshot>>,
    },
    /// The write was based on an older version of the task.
    #[error("The task has version {} by now, not {expected}: read it again and repeat the change", current.task.version)]
    Conflict {
        /// The versions that the write expected.
        expected: ExpectedVersion,
        /// The current task.
        current: Box<Snapshot>,
    },
    /// A write was done before with this idempotency key, and its response is not available.
    #[error("{}", unrepeatable(key, *omitted, *task))]
    Unrepeatable {
        /// The key.
        key: String,
        /// Why the response was not stored; `None` if it was lost.
        omitted: Option<Omitted>,
        /// The written task, if any.
        task: Option<TaskId>,
    },
    /// A credential is wrong.
    #[error("{0}")]
    InvalidCredentials(Credential),
    /// The client sent too many attempts.
    #[error("Too many attempts: try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// Time until the next attempt is accepted; whole seconds.
        retry_after: Duration,
    },
    /// Events after the cursor are no longer available.
    #[error(
        "The cursor is too old, or of an event log that was replaced: reload your data, and continue from its eventCursor"
    )]
    ResyncRequired,
    /// The server has no capacity at the moment.
    #[error("The server is busy: try again in {} s", retry_after.as_secs())]
    Unavailable {
        /// Suggested wait; whole seconds.
        retry_after: Duration,
        /// The cause if it is not load alone; only for the log.
        cause: Option<Arc<anyhow::Error>>,
    },
    /// The external service failed.
    #[error("{0}")]
    External(ExternalFailure),
    /// Internal error. The cause is only logged.
    #[error("Something went wrong on the server; the request id leads to the cause in its log")]
    Internal(Arc<anyhow::Error>),
}

fn unrepeatable(key: &str, omitted: Option<Omitted>, task: Option<TaskId>) -> String {
    let why = match omitted {
        Some(Omitted::TooLarge) => "its response was too large to be stored",
        Some(Omitted::Secret) => "its response holds tokens and is not stored",
        None => "its response was lost",
    };
    let read = task.map_or_else(|| "what it wrote".to_owned(), |task| format!("task {task}"));
    format!("The request with the Idempotency-Key '{key}' was done, and {why}: read {read}, and do not repeat it")
}

/// Why no user is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignedOut {
    /// The request has no access token.
    NoToken,
    /// The access token has expired.
    Expired,
    /// The token is not an access token of this server.
    NotAToken,
    /// The session has ended, or the account was deactivated or deleted.
    Revoked,
    /// The signature of a file URL has expired.
    LinkExpired,
    /// The signature of a file URL is invalid, or is for another file.
    NotALink,
}

impl SignedOut {
    /// A short reason: close frames allow 123 bytes.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NoToken => "There is no access token",
            Self::Expired => "The access token has expired",
            Self::NotAToken => "The access token is not valid",
            Self::Revoked => "The session has ended",
            Self::LinkExpired => "The URL of the file has expired",
            Self::NotALink => "The URL of the file is not valid",
        }
    }
}

impl fmt::Display for SignedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoToken => "Sign in first: send an access token as 'Authorization: Bearer <token>'",
            Self::Expired => "The access token has expired: get a new one with the refresh token",
            Self::NotAToken => "The access token is not valid: sign in again",
            Self::Revoked => "The session has ended: sign in again",
            Self::LinkExpired => "The URL of the file has expired: query its `url` again",
            Self::NotALink => "The URL of the file is not valid: query its `url` again",
        })
    }
}

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// Name and password. The error does not say which of them is wrong.
    Login,
    /// A refresh token.
    RefreshToken,
    /// The current password, required to set a new one.
    CurrentPassword,
    /// A token that verifies an e-mail address.
    VerificationToken,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Login => "The name or the password is not right",
            Self::RefreshToken => "The refresh token is not valid, expired or used already: sign in again",
            Self::CurrentPassword => "The current password is not right",
            Self::VerificationToken => {
                "The token is not valid, expired or used already: request another verification mail"
            }
        })
    }
}

/// The stable code of an error. Clients may depend on it; messages may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// See [`Error::Unauthenticated`].
    Unauthenticated,
    /// See [`Error::Forbidden`].
    Forbidden,
    /// See [`Error::NotFound`].
    NotFound,
    /// A value is invalid.
    Invalid,
    /// A value must be unique and is used already.
    Taken,
    /// See [`Error::PayloadTooLarge`].
    PayloadTooLarge,
    /// See [`Error::QuotaExceeded`].
    QuotaExceeded,
    /// See [`Error::UnsupportedMediaType`].
    UnsupportedMediaType,
    /// See [`Error::BadInput`].
    BadUserInput,
    /// See [`Error::LimitExceeded`].
    LimitExceeded,
    /// See [`Error::InvalidTransition`].
    InvalidTransition,
    /// See [`Error::Conflict`].
    Conflict,
    /// See [`Error::Unrepeatable`]: the response was too large to store.
    IdempotentResponseTooLarge,
    /// See [`Error::Unrepeatable`]: the response contains tokens.
    IdempotentResponseSecret,
    /// See [`Error::Unrepeatable`]: the server died before it stored the response.
    IdempotentResponseLost,
    /// See [`Error::InvalidCredentials`].
    InvalidCredentials,
    /// See [`Error::RateLimited`].
    RateLimited,
    /// See [`Error::ResyncRequired`].
    ResyncRequired,
    /// See [`Error::Unavailable`].
    Unavailable,
    /// See [`ExternalFailure::NotConfigured`].
    ExternalNotConfigured,
    /// See [`ExternalFailure::Failed`].
    ExternalFailed,
    /// See [`ExternalFailure::TimedOut`].
    ExternalTimedOut,
    /// See [`Error::Internal`].
    Internal,
}

impl Code {
    /// The code in APIs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::Invalid => "INVALID",
            Self::Taken => "TAKEN",
            Self::PayloadTooLarge => "PAYLOAD_TOO_LARGE",
            Self::QuotaExceeded => "QUOTA_EXCEEDED",
            Self::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::LimitExceeded => "LIMIT_EXCEEDED",
            Self::InvalidTransition => "INVALID_TRANSITION",
            Self::Conflict => "CONFLICT",
            Self::IdempotentResponseTooLarge => "IDEMPOTENT_RESPONSE_TOO_LARGE",
            Self::IdempotentResponseSecret => "IDEMPOTENT_RESPONSE_SECRET",
            Self::IdempotentResponseLost => "IDEMPOTENT_RESPONSE_LOST",
            Self::InvalidCredentials => "INVALID_CREDENTIALS",
            Self::RateLimited => "RATE_LIMITED",
            Self::ResyncRequired => "RESYNC_REQUIRED",
            Self::Unavailable => "UNAVAILABLE",
            Self::ExternalNotConfigured => "EXTERNAL_NOT_CONFIGURED",
            Self::ExternalFailed => "EXTERNAL_FAILED",
            Self::ExternalTimedOut => "EXTERNAL_TIMED_OUT",
            Self::Internal => "INTERNAL",
        }
    }
}

impl Error {
    /// The code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unauthenticated(_) => Code::Unauthenticated,
            Self::Forbidden { .. } => Code::Forbidden,
            Self::NotFound { .. } => Code::NotFound,
            Self::Invalid(violations) => violations.code(),
            Self::PayloadTooLarge { .. } => Code::PayloadTooLarge,
            Self::QuotaExceeded { .. } => Code::QuotaExceeded,
            Self::UnsupportedMediaType { .. } => Code::UnsupportedMediaType,
            Self::BadInput { .. } => Code::BadUserInput,
            Self::LimitExceeded { .. } => Code::LimitExceeded,
            Self::InvalidTransition { .. } => Code::InvalidTransition,
            Self::Conflict { .. } => Code::Conflict,
            Self::Unrepeatable { omitted, .. } => match omitted {
                Some(Omitted::TooLarge) => Code::IdempotentResponseTooLarge,
                Some(Omitted::Secret) => Code::IdempotentResponseSecret,
                None => Code::IdempotentResponseLost,
            },
            Self::InvalidCredentials(_) => Code::InvalidCredentials,
            Self::RateLimited { .. } => Code::RateLimited,
            Self::ResyncRequired => Code::ResyncRequired,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::External(ExternalFailure::NotConfigured) => Code::ExternalNotConfigured,
            Self::External(ExternalFailure::Failed(_)) => Code::ExternalFailed,
            Self::External(ExternalFailure::TimedOut(_)) => Code::ExternalTimedOut,
            Self::Internal(_) => Code::Internal,
        }
    }

    /// How long a client should wait before a retry; `None` if a retry does not help.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The current task after a rejected write.
    #[must_use]
    pub fn current_task(&self) -> Option<&Snapshot> {
        match self {
            Self::Conflict { current, .. } => Some(current),
            Self::InvalidTransition { current, .. } => current.as_deref(),
            _ => None,
        }
    }

    /// The internal cause, which the APIs log once, with the request id.
    #[must_use]
    pub fn cause(&self) -> Option<&anyhow::Error> {
        match self {
            Self::Internal(cause) | Self::Unavailable { cause: Some(cause), .. } => Some(cause),
            _ => None,
        }
    }

    /// Rounds up to whole seconds, so that clients who wait are not rejected again.
    pub(crate) fn rate_limited(wait: TimeDelta) -> Self {
        let seconds = (wait.num_milliseconds() + 999) / 1_000;
        Self::RateLimited {
            retry_after: Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1)),
        }
    }

    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::violation(field, ViolationKind::Other, message)
    }

    pub(crate) fn violation(field: &'static str, kind: ViolationKind, message: impl Into<String>) -> Self {
        let mut violations = Violations::default();
        violations.add(field, kind, message);
        Self::Invalid(violations)
    }

    pub(crate) fn wrong_length(field: &'static str, length: usize, min: usize, max: usize) -> Self {
        let range = if min == 0 {
            format!("up to {max}")
        } else {
            format!("{min} to {max}")
        };
        let message = format!("{field} is {length} characters long; {range} are allowed");
        Self::violation(field, ViolationKind::of_length(length, min, max), message)
    }

    pub(crate) fn taken(field: &'static str, value: &str) -> Self {
        let message = format!("{field} '{value}' is already taken");
        Self::violation(field, ViolationKind::Taken(value.to_owned()), message)
    }

    /// The user does not exist or is not active.
    pub(crate) fn unknown_user(field: &'static str, user: UserId) -> Self {
        let message = format!("{field}: there is no active user {user}");
        Self::violation(field, ViolationKind::UnknownUser(user), message)
    }

    /// Converts the error of one invalid field to `BadInput` of the argument at `place`.
    pub(crate) fn at(self, place: impl fmt::Display) -> Self {
        let Self::Invalid(Violations(violations)) = &self else {
            return self;
        };
        let [violation] = violations.as_slice() else {
            return self;
        };
        let message = violation.message.strip_prefix(violation.field);
        Self::BadInput {
            field: violation.field,
            message: format!("{place}{}", message.unwrap_or(&violation.message)),
        }
    }

    pub(crate) fn not_found(noun: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound {
            noun,
            key: "id",
            value: id.to_string(),
        }
    }

    pub(crate) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }
}

/// Maximum number of characters of a value in a message.
const EXCERPT: usize = 80;

pub(crate) fn excerpt(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

/// An invalid value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, in `snake_case`.
    pub field: &'static str,
    /// The problem, for programs.
    pub kind: ViolationKind,
    /// The problem and what is allowed, for people.
    pub message: String,
}

impl Violation {
    /// [`Code::Invalid`] or [`Code::Taken`].
    #[must_use]
    pub fn code(&self) -> Code {
        self.kind.code()
    }
}

/// The problem with a value, with the limit if it is a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ViolationKind {
    /// See the message.
    #[default]
    Other,
    /// A required field is absent.
    Missing,
    /// A text has fewer characters than this minimum.
    TooShort(usize),
    /// A text has more characters than this maximum.
    TooLong(usize),
    /// A list has fewer elements than this minimum.
    TooFew(usize),
    /// A number is less than this minimum.
    TooSmall(usize),
    /// A number or count is greater than this maximum.
    TooLarge(usize),
    /// It is not one of the allowed values.
    NotOneOf,
    /// It is not a boolean.
    NotBoolean,
    /// It is not an integer.
    NotInteger,
    /// It is not a list.
    NotList,
    /// Another resource uses this value.
    Taken(String),
    /// There is no active user with this id. Each API formats ids itself.
    UnknownUser(UserId),
}

impl ViolationKind {
    pub(crate) fn of_length(length: usize, min: usize, max: usize) -> Self {
        if length < min {
            Self::TooShort(min)
        } else {
            Self::TooLong(max)
        }
    }

    /// [`Code::Invalid`] or [`Code::Taken`].
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Taken(_) => Code::Taken,
            _ => Code::Invalid,
        }
    }
}

/// All problems of one input, so that clients can fix them together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Adds a problem of `field`.
    pub fn invalid(&mut self, field: &'static str, message: impl Into<String>) {
        self.add(field, ViolationKind::Other, message);
    }

    /// Adds a problem of `field`, with its kind.
    pub fn add(&mut self, field: &'static str, kind: ViolationKind, message: impl Into<String>) {
        self.0.push(Violation {
            field,
            kind,
            message: message.into(),
        });
    }

    /// Adds the problems of `result`, or returns its value. Other errors are returned.
    pub fn check<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(Error::Invalid(more)) => {
                self.0.extend(more.0);
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }

    /// Fails if there is any problem.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self))
        }
    }

    /// The problems, in the order of the fields.
    #[must_use]
    pub fn as_slice(&self) -> &[Violation] {
        &self.0
    }

    fn code(&self) -> Code {
        self.0.first().map_or(Code::Invalid, Violation::code)
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, violation) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str("; ")?;
            }
            f.write_str(&violation.message)?;
        }
        Ok(())
    }
}

/// An error with its cause, for the operator.
pub(crate) fn described(error: Error) -> anyhow::Error {
    match error.cause() {
        Some(cause) => anyhow::anyhow!("{cause:#}"),
        None => anyhow::Error::new(error),
    }
}
