//! Close codes and reasons of WebSockets. `docs/LIVE.md` lists them for clients.

use std::error::Error as _;

use axum::extract::ws::{CloseFrame, close_code};
use tungstenite::Error as SocketError;

use super::subprotocol::Malformed;
use crate::domain::error::SignedOut;
use crate::domain::live::Ending;

/// Maximum bytes of a reason in a control frame.
const MAX_REASON: usize = 123;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// The client disconnected, or the network failed.
    Gone,
    /// The client sent `connection_terminate`.
    Terminated,
    /// An invalid message of the subprotocol.
    BadRequest(String),
    /// An operation before `connection_ack`.
    Unauthorized,
    /// An invalid or expired token, or an ended session.
    Forbidden(&'static str),
    /// No supported subprotocol.
    NotAcceptable,
    /// No `connection_init` in time.
    InitTimeout,
    /// The id of an operation that is still running.
    AlreadyExists(String),
    /// A second `connection_init`.
    TooManyInits,
    /// A message larger than this limit, in bytes.
    TooLarge(usize),
    /// A violation of the WebSocket protocol.
    Broken,
    /// A text message that is not UTF-8.
    NotText,
    /// A temporary refusal, for this reason.
    TryAgainLater(&'static str),
    /// The server is shutting down.
    GoingAway,
    /// The event log was replaced, for example by a restore.
    Restart,
}

impl CloseReason {
    /// `None` if the client is gone.
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
            Self::Broken => "The frame violates the WebSocket protocol".to_owned(),
            Self::NotText => "A text message is not UTF-8".to_owned(),
            Self::GoingAway => "The server is about to stop: connect again".to_owned(),
            Self::Restart => "The data was replaced: connect again and reload it".to_owned(),
        }
    }

    /// `None` if the client is gone.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let mut reason = self.reason();
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
        Some(CloseFrame {
            code: self.code()?,
            reason: reason.into(),
        })
    }

    /// `limit` is the maximum size of a message, in bytes.
    pub(super) fn from_socket_error(error: &axum::Error, limit: usize) -> Self {
        let cause = error.source().and_then(|source| source.downcast_ref::<SocketError>());
        match cause {
            Some(SocketError::Capacity(_)) => Self::TooLarge(limit),
            Some(SocketError::Utf8(_)) => Self::NotText,
            Some(SocketError::Protocol(error)) if *error != RESET => Self::Broken,
            _ => Self::Gone,
        }
    }
}

/// The client disconnected without a close frame.
const RESET: tungstenite::error::ProtocolError = tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;

impl From<Ending> for CloseReason {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Session => Self::Forbidden(SignedOut::Revoked.reason()),
            Ending::Slow => Self::TryAgainLater("The client read too slowly"),
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
