//! The error type of the domain, with stable codes.
//!
//! Messages are for the person who sent the request: they name the field, the value and what is allowed. Internal
//! causes stay inside [`Error::Internal`], whose message reveals nothing. The APIs log [`Error::cause`] once, with the
//! request id.

mod violation;

pub use self::violation::{Violation, ViolationKind, Violations};

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::external::ExternalFailure;
use super::id::{Identifier, TaskId};
use super::idempotency::Omitted;
use super::named_enum::named_enum;
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
    #[error("There is no {} with the {key} {value}, or you may not see it", in_words(resource))]
    NotFound {
        /// The type of the resource, such as `Task`; the [`Identifier::RESOURCE`] of its id, if it has one.
        resource: &'static str,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignedOut {
    /// The request has no access token.
    #[error("Sign in first: send an access token as 'Authorization: Bearer <token>'")]
    NoToken,
    /// The access token has expired.
    #[error("The access token has expired: get a new one with the refresh token")]
    Expired,
    /// The token is not an access token of this server.
    #[error("The access token is not valid: sign in again")]
    NotAToken,
    /// The session has ended, or the account was deactivated or deleted.
    #[error("The session has ended: sign in again")]
    Revoked,
    /// The signature of a file URL has expired.
    #[error("The URL of the file has expired: query its `url` again")]
    LinkExpired,
    /// The signature of a file URL is invalid, or is for another file.
    #[error("The URL of the file is not valid: query its `url` again")]
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

/// A kind of credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Credential {
    /// Name and password. The error does not say which of them is wrong.
    #[error("The name or the password is not right")]
    Login,
    /// A refresh token.
    #[error("The refresh token is not valid, expired or used already: sign in again")]
    RefreshToken,
    /// The current password, required to set a new one.
    #[error("The current password is not right")]
    CurrentPassword,
    /// A token that verifies an e-mail address.
    #[error("The token is not valid, expired or used already: request another verification mail")]
    VerificationToken,
}

named_enum! {
    /// The stable code of an error. Clients may depend on it; messages may change.
    Code {
        /// See [`Error::Unauthenticated`].
        Unauthenticated = "UNAUTHENTICATED",
        /// See [`Error::Forbidden`].
        Forbidden = "FORBIDDEN",
        /// See [`Error::NotFound`].
        NotFound = "NOT_FOUND",
        /// A value is invalid.
        Invalid = "INVALID",
        /// A value must be unique and is used already.
        Taken = "TAKEN",
        /// See [`Error::PayloadTooLarge`].
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        /// See [`Error::QuotaExceeded`].
        QuotaExceeded = "QUOTA_EXCEEDED",
        /// See [`Error::UnsupportedMediaType`].
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        /// See [`Error::BadInput`].
        BadUserInput = "BAD_USER_INPUT",
        /// See [`Error::LimitExceeded`].
        LimitExceeded = "LIMIT_EXCEEDED",
        /// See [`Error::InvalidTransition`].
        InvalidTransition = "INVALID_TRANSITION",
        /// See [`Error::Conflict`].
        Conflict = "CONFLICT",
        /// See [`Error::Unrepeatable`]: the response was too large to store.
        IdempotentResponseTooLarge = "IDEMPOTENT_RESPONSE_TOO_LARGE",
        /// See [`Error::Unrepeatable`]: the response contains tokens.
        IdempotentResponseSecret = "IDEMPOTENT_RESPONSE_SECRET",
        /// See [`Error::Unrepeatable`]: the server died before it stored the response.
        IdempotentResponseLost = "IDEMPOTENT_RESPONSE_LOST",
        /// See [`Error::InvalidCredentials`].
        InvalidCredentials = "INVALID_CREDENTIALS",
        /// See [`Error::RateLimited`].
        RateLimited = "RATE_LIMITED",
        /// See [`Error::ResyncRequired`].
        ResyncRequired = "RESYNC_REQUIRED",
        /// See [`Error::Unavailable`].
        Unavailable = "UNAVAILABLE",
        /// See [`ExternalFailure::NotConfigured`].
        ExternalNotConfigured = "EXTERNAL_NOT_CONFIGURED",
        /// See [`ExternalFailure::Failed`].
        ExternalFailed = "EXTERNAL_FAILED",
        /// See [`ExternalFailure::TimedOut`].
        ExternalTimedOut = "EXTERNAL_TIMED_OUT",
        /// See [`Error::Internal`].
        Internal = "INTERNAL",
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

    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::Forbidden {
            message: message.into(),
        }
    }

    pub(crate) fn bad_input(field: &'static str, message: impl Into<String>) -> Self {
        Self::BadInput {
            field,
            message: message.into(),
        }
    }

    pub(crate) fn not_found<Id: Identifier>(id: Id) -> Self {
        Self::absent(Id::RESOURCE, id.number())
    }

    /// Like [`not_found`](Self::not_found), for a resource type that is named.
    pub(crate) fn absent(resource: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound {
            resource,
            key: "id",
            value: id.to_string(),
        }
    }

    pub(crate) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }
}

/// The name of a resource type in a message: `background task` for `BackgroundTask`.
pub(crate) fn in_words(resource: &str) -> String {
    let mut words = String::new();
    for (position, letter) in resource.char_indices() {
        if position > 0 && letter.is_ascii_uppercase() {
            words.push(' ');
        }
        words.push(letter.to_ascii_lowercase());
    }
    words
}

/// A value in a message: up to 80 characters.
pub(crate) fn excerpt(value: &str) -> Cow<'_, str> {
    shortened(value, 80)
}

/// A value in a message: up to `max` characters.
pub(crate) fn shortened(value: &str, max: usize) -> Cow<'_, str> {
    match value.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

/// An error with its cause, for the operator.
pub(crate) fn described(error: Error) -> anyhow::Error {
    match error.cause() {
        Some(cause) => anyhow::anyhow!("{cause:#}"),
        None => anyhow::Error::new(error),
    }
}
