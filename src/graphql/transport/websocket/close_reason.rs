//! Why a connection ends, as close code and reason. `docs/LIVE.md` lists them for clients.

use std::error::Error as _;

use axum::extract::ws::{CloseFrame, close_code};
use tungstenite::Error as SocketError;

use super::subprotocol::Malformed;
use crate::domain::error::SignedOut;
use crate::domain::live::Ending;

/// The most bytes of a reason: a control frame holds no more.
const MAX_REASON: usize = 123;

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The client has left, or the network between.
    Gone,
    /// The client asked for it.
    Terminated,
    /// A message that is none of the subprotocol.
    BadRequest(String),
    /// An operation before the connection was acknowledged.
    Unauthorized,
    /// A token that does not count, or not any more.
    Forbidden(&'static str),
    /// No subprotocol, or none that is spoken here.
    NotAcceptable,
    /// The client did not say who it is in time.
    InitTimeout,
    /// The id of an operation that still runs.
    AlreadyExists(String),
    /// The client said twice who it is.
    TooManyInits,
    /// A message larger than is taken, which is so many bytes.
    TooLarge(usize),
    /// Not a WebSocket as the specification wants it.
    Broken,
    /// Text that is none.
    NotText,
    /// Not now, for this reason; later, maybe.
    TryAgainLater(&'static str),
    /// The server is about to stop.
    GoingAway,
    /// The log was replaced by another.
    Restart,
}

impl CloseReason {
    /// Code and reason; `None` when nobody is there to read them.
    pub(super) fn code(&self) -> Option<u16> {
        Some(match self {
            Self::Gone => return None,
            Self::Terminated => close_code::NORMAL,
            Self::BadRequest(_) => 4400,
            Self::Unauthorized => 4401,
            Self::Forbidden(_) => 4403,
            Self::NotAcceptable => 4406,
            Self::InitTimeout => 4408,
            Self::AlreadyExists(_) => 4409,
            Self::TooManyInits => 4429,
            Self::TooLarge(_) => close_code::SIZE,
            Self::Broken => close_code::PROTOCOL,
            Self::NotText => close_code::INVALID,
            Self::TryAgainLater(_) => close_code::AGAIN,
            Self::GoingAway => close_code::AWAY,
            Self::Restart => close_code::RESTART,
        })
    }

    fn reason(&self) -> String {
        match self {
            Self::Gone => String::new(),
            Self::Terminated => "Normal closure".to_owned(),
            Self::BadRequest(reason) => reason.clone(),
            Self::Unauthorized => "Unauthorized".to_owned(),
            Self::Forbidden(reason) | Self::TryAgainLater(reason) => (*reason).to_owned(),
            Self::NotAcceptable => "Subprotocol not acceptable".to_owned(),
            Self::InitTimeout => "Connection initialisation timeout".to_owned(),
            Self::AlreadyExists(id) => format!("Subscriber for {id} already exists"),
            Self::TooManyInits => "Too many initialisation requests".to_owned(),
            Self::TooLarge(limit) => format!("The message is larger than {limit} bytes"),
            Self::Broken => "Not a WebSocket frame that is allowed here".to_owned(),
            Self::NotText => "A text message is not UTF-8".to_owned(),
            Self::GoingAway => "The server is about to stop: connect again".to_owned(),
            Self::Restart => "The data were replaced: connect again and load anew".to_owned(),
        }
    }

    /// What the client is sent; `None` when nobody is there to read it.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let mut reason = self.reason();
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        Some(CloseFrame {
            code: self.code()?,
            reason: reason.into(),
        })
    }

    /// What to say to an error of the socket, where a message may have so many bytes.
    pub(super) fn to_error(error: &axum::Error, limit: usize) -> Self {
        let cause = error.source().and_then(|source| source.downcast_ref::<SocketError>());
        match cause {
            Some(SocketError::Capacity(_)) => Self::TooLarge(limit),
            Some(SocketError::Utf8(_)) => Self::NotText,
            Some(SocketError::Protocol(error)) if *error != RESET => Self::Broken,
            _ => Self::Gone,
        }
    }
}

/// The client hung up without a word.
const RESET: tungstenite::error::ProtocolError = tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;

impl From<Ending> for CloseReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Session => Self::Forbidden(SignedOut::Revoked.reason()),
            Ending::Slow => Self::TryAgainLater("Too slow: what it was sent was not read"),
            Ending::Shutdown => Self::GoingAway,
            Ending::Replaced => Self::Restart,
        }
    }
}

impl From<Malformed> for CloseReason {
    fn from(Malformed(reason): Malformed) -> Self {
        Self::BadRequest(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = CloseReason::BadRequest("é".repeat(100)).frame().unwrap();
        assert_eq!((frame.code, frame.reason.as_str()), (4400, "é".repeat(61).as_str()));
    }
}
