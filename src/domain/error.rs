//! The one error of the domain, and its stable codes.
//!
//! A message is written for the person who sent the request: it names the field, the value and
//! what is allowed. What must not leave the server is inside [`Error::Internal`], which prints
//! nothing of its cause; the faces log [`Error::cause`] once, with the request id.

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

/// What the domain's operations return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why an operation was refused or failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The request needs a signed-in user.
    #[error("{0}")]
    Unauthenticated(SignedOut),
    /// The asker sees the thing but may not do this to it.
    #[error("{message}")]
    Forbidden {
        /// What is not allowed, and to whom it is.
        message: String,
    },
    /// There is no such thing, or the asker may not see it: the answer is the same.
    #[error("There is no {noun} with the {key} {value}, or it is not yours to see")]
    NotFound {
        /// What was looked for, such as `task`.
        noun: &'static str,
        /// By what it was looked for, such as `id`; also the field it came in.
        key: &'static str,
        /// The value that was not found.
        value: String,
    },
    /// One or more values are not acceptable.
    #[error("{0}")]
    Invalid(Violations),
    /// A file is larger than it may be.
    #[error("{message}")]
    PayloadTooLarge {
        /// The field it came in.
        field: &'static str,
        /// How large it may be.
        message: String,
    },
    /// A file does not fit into what may be stored.
    #[error("{field}: the file has {size} bytes, and {whose} {used} of {quota} bytes in use; delete files first")]
    QuotaExceeded {
        /// The field it came in.
        field: &'static str,
        /// Whose quota it is, as it stands in the message.
        whose: &'static str,
        /// Bytes in use.
        used: u64,
        /// Bytes of the file.
        size: u64,
        /// Bytes that may be in use.
        quota: u64,
    },
    /// A file is of a type that is not taken, by its name or by what is in it.
    #[error("{message}")]
    UnsupportedMediaType {
        /// The field it came in.
        field: &'static str,
        /// What it is, and which types are taken.
        message: String,
    },
    /// Something that is no value of its kind at all: a malformed id, cursor or page.
    #[error("{message}")]
    BadInput {
        /// The argument.
        field: &'static str,
        /// What is wrong with it, and what is allowed.
        message: String,
    },
    /// A request asks for more than one request may.
    #[error("{field} has {reached} {unit}; up to {allowed} are allowed")]
    LimitExceeded {
        /// The path of the argument, such as `filter.search`.
        field: &'static str,
        /// What is counted, such as `words`.
        unit: &'static str,
        /// How many there are.
        reached: usize,
        /// How many there may be.
        allowed: usize,
    },
    /// The workflow has no such step.
    #[error("Invalid transition from '{from}' to '{to}'")]
    InvalidTransition {
        /// The status the task has.
        from: Status,
        /// The status that was asked for.
        to: Status,
        /// The task as it is, if there is one already.
        current: Option<Box<Snapshot>>,
    },
    /// The write was based on an older version of the task.
    #[error("The task has version {} by now, not {expected}: read it again and repeat the change", current.task.version)]
    Conflict {
        /// The versions that the write would have taken.
        expected: ExpectedVersion,
        /// The task as it stands now.
        current: Box<Snapshot>,
    },
    /// A write was done before under its idempotency key, and its response cannot be repeated.
    #[error("{}", unrepeatable(key, *omitted, *task))]
    Unrepeatable {
        /// The key.
        key: String,
        /// Why the response is not stored; `None` if it was lost.
        omitted: Option<Omitted>,
        /// The task that was written, if one was.
        task: Option<TaskId>,
    },
    /// What should prove who asks does not.
    #[error("{0}")]
    InvalidCredentials(Credential),
    /// The asker has to wait.
    #[error("Too many attempts: try again in {} s", retry_after.as_secs())]
    RateLimited {
        /// After this time a new attempt is looked at; whole seconds.
        retry_after: Duration,
    },
    /// What happened behind a cursor is not known any more.
    #[error(
        "The cursor is too old, or of an event log that was replaced: read what you show again, and go on from its eventCursor"
    )]
    ResyncRequired,
    /// The server cannot take this on at the moment.
    #[error("The server is busy: try again in {} s", retry_after.as_secs())]
    Unavailable {
        /// A sensible time to wait; whole seconds.
        retry_after: Duration,
        /// What is in the way, if it is more than a crowd: for the log, never for the client.
        cause: Option<Arc<anyhow::Error>>,
    },
    /// Another service, which was to be called, gave no answer.
    #[error("{0}")]
    External(ExternalFailure),
    /// Something went wrong inside. The cause goes to the log, never to the client.
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

/// Why nobody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignedOut {
    /// No access token came with the request.
    NoToken,
    /// The access token is past its time.
    Expired,
    /// What came is no access token of this server.
    NotAToken,
    /// The session was ended, or the account deactivated or deleted.
    Revoked,
    /// The signature of a file's URL has expired.
    LinkExpired,
    /// The signature of a file's URL is not one of this server, or is for another file.
    NotALink,
}

impl SignedOut {
    /// What is wrong with the token, in few words: the reason of a close frame has 123 bytes.
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

/// What was shown to prove who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A name and a password. Which of them is wrong is not said.
    Login,
    /// A refresh token.
    RefreshToken,
    /// The password one has, when one sets another.
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

/// The stable name of an error. Clients decide by it; messages may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// See [`Error::Unauthenticated`].
    Unauthenticated,
    /// See [`Error::Forbidden`].
    Forbidden,
    /// See [`Error::NotFound`].
    NotFound,
    /// A value is not acceptable.
    Invalid,
    /// A value that must be unique belongs to somebody else.
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
    /// See [`Error::Unrepeatable`]: the response was larger than what is stored.
    IdempotentResponseTooLarge,
    /// See [`Error::Unrepeatable`]: the response holds tokens.
    IdempotentResponseSecret,
    /// See [`Error::Unrepeatable`]: the server ended before it could store the response.
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
    /// The name that clients see.
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
    /// The stable name of this error.
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

    /// How long a client should wait before it tries again, where waiting helps.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// The task that a refused write was about, as it is now.
    #[must_use]
    pub fn current_task(&self) -> Option<&Snapshot> {
        match self {
            Self::Conflict { current, .. } => Some(current),
            Self::InvalidTransition { current, .. } => current.as_deref(),
            _ => None,
        }
    }

    /// What only the log may tell: the faces write it there once, with the request id.
    #[must_use]
    pub fn cause(&self) -> Option<&anyhow::Error> {
        match self {
            Self::Internal(cause) | Self::Unavailable { cause: Some(cause), .. } => Some(cause),
            _ => None,
        }
    }

    /// The client has to wait this long: in whole seconds, rounded up, so that one who waits is not refused again.
    pub(crate) fn rate_limited(wait: TimeDelta) -> Self {
        let seconds = (wait.num_milliseconds() + 999) / 1_000;
        Self::RateLimited {
            retry_after: Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1)),
        }
    }

    /// One value is not acceptable.
    pub(crate) fn invalid(field: &'static str, message: impl Into<String>) -> Self {
        Self::violation(field, ViolationKind::Other, message)
    }

    /// One value is not acceptable, for this reason.
    pub(crate) fn violation(field: &'static str, kind: ViolationKind, message: impl Into<String>) -> Self {
        let mut violations = Violations::default();
        violations.add(field, kind, message);
        Self::Invalid(violations)
    }

    /// A text has too few or too many characters.
    pub(crate) fn wrong_length(field: &'static str, length: usize, min: usize, max: usize) -> Self {
        let range = if min == 0 {
            format!("up to {max}")
        } else {
            format!("{min} to {max}")
        };
        let message = format!("{field} is {length} characters long; {range} are allowed");
        Self::violation(field, ViolationKind::of_length(length, min, max), message)
    }

    /// One value belongs to somebody else.
    pub(crate) fn taken(field: &'static str, value: &str) -> Self {
        let message = format!("{field} '{value}' is already taken");
        Self::violation(field, ViolationKind::Taken(value.to_owned()), message)
    }

    /// A field names a user that does not exist or is not active.
    pub(crate) fn unknown_user(field: &'static str, user: UserId) -> Self {
        let message = format!("{field}: there is no active user {user}");
        Self::violation(field, ViolationKind::UnknownUser(user), message)
    }

    /// The error of one invalid field as `BadInput` of the argument at `place`.
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

    /// Nothing of this kind has this id, as far as the asker may know.
    pub(crate) fn not_found(noun: &'static str, id: impl fmt::Display) -> Self {
        Self::NotFound {
            noun,
            key: "id",
            value: id.to_string(),
        }
    }

    /// Something failed inside.
    pub(crate) fn internal(cause: impl Into<anyhow::Error>) -> Self {
        Self::Internal(Arc::new(cause.into()))
    }
}

/// The most characters of a value in a message.
const EXCERPT: usize = 80;

/// The first characters of a value, for a message.
pub(crate) fn excerpt(value: &str) -> Cow<'_, str> {
    match value.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &value[..end]).into(),
        None => value.into(),
    }
}

/// One value that is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, in `snake_case`.
    pub field: &'static str,
    /// What is wrong, for programs.
    pub kind: ViolationKind,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl Violation {
    /// [`Code::Invalid`] or [`Code::Taken`].
    #[must_use]
    pub fn code(&self) -> Code {
        self.kind.code()
    }
}

/// What is wrong with a value, with what is allowed where that is a number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ViolationKind {
    /// Only the message describes it.
    #[default]
    Other,
    /// A field that is required is absent.
    Missing,
    /// A text has fewer characters than this.
    TooShort(usize),
    /// A text has more characters than this.
    TooLong(usize),
    /// A list has fewer elements than this.
    TooFew(usize),
    /// A number is less than this.
    TooSmall(usize),
    /// A number or a count is greater than this.
    TooLarge(usize),
    /// It is none of the values that are allowed.
    NotOneOf,
    /// It is not a boolean.
    NotBoolean,
    /// It is not an integer.
    NotInteger,
    /// It is not a list.
    NotList,
    /// This value belongs to somebody else.
    Taken(String),
    /// There is no such active user: each API writes ids in its form.
    UnknownUser(UserId),
}

impl ViolationKind {
    /// The kind of a text whose length is out of bounds.
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

/// All that is wrong with one input, so that a person can mend it in one go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(Vec<Violation>);

impl Violations {
    /// Notes that `field` is not acceptable.
    pub fn invalid(&mut self, field: &'static str, message: impl Into<String>) {
        self.add(field, ViolationKind::Other, message);
    }

    /// Notes that `field` is not acceptable, for this reason.
    pub fn add(&mut self, field: &'static str, kind: ViolationKind, message: impl Into<String>) {
        self.0.push(Violation {
            field,
            kind,
            message: message.into(),
        });
    }

    /// Notes what `result` says is wrong, and gives its value otherwise. Other errors end the check.
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

    /// An error if anything was noted.
    pub fn into_result(self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Error::Invalid(self))
        }
    }

    /// What was noted, in the order of the fields.
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

/// An error with its cause: for the person who runs the server, not for clients.
pub(crate) fn described(error: Error) -> anyhow::Error {
    match error.cause() {
        Some(cause) => anyhow::anyhow!("{cause:#}"),
        None => anyhow::Error::new(error),
    }
}
