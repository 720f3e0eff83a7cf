//! Close codes and reasons of WebSockets. `docs/LIVE.md` lists them for clients.

use std::borrow::Cow;
use std::error::Error as _;

use axum::extract::ws::{CloseFrame, close_code};
use tungstenite::Error as SocketError;

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
    /// The event log was replaced, for example by a restore, or lost its newest events.
    Restart,
}

impl CloseReason {
    /// The code and the reason. `None` if the client is gone.
    fn describe(&self) -> Option<(u16, Cow<'_, str>)> {
        Some(match self {
            Self::Gone => return None,
            Self::Terminated => (close_code::NORMAL, "Normal closure".into()),
            Self::BadRequest(reason) => (4400, reason.into()),
            Self::Unauthorized => (4401, "Unauthorized".into()),
            Self::Forbidden(reason) => (4403, (*reason).into()),
            Self::NotAcceptable => (4406, "Subprotocol not acceptable".into()),
            Self::InitTimeout => (4408, "Connection initialisation timeout".into()),
            Self::AlreadyExists(id) => (4409, format!("Subscriber for {id} already exists").into()),
            Self::TooManyInits => (4429, "Too many initialisation requests".into()),
            Self::TooLarge(limit) => (
                close_code::SIZE,
                format!("The message is larger than {limit} bytes").into(),
            ),
            Self::Broken => (close_code::PROTOCOL, "The frame violates the WebSocket protocol".into()),
            Self::NotText => (close_code::INVALID, "A text message is not UTF-8".into()),
            Self::TryAgainLater(reason) => (close_code::AGAIN, (*reason).into()),
            Self::GoingAway => (close_code::AWAY, "The server is about to stop: connect again".into()),
            Self::Restart => (
                close_code::RESTART,
                "The data was replaced: connect again and reload it".into(),
            ),
        })
    }

    /// Whether running mutations are answered first: the server ends the connection, and the client may be reading.
    pub(super) fn spares_mutations(&self) -> bool {
        matches!(self, Self::Forbidden(_) | Self::GoingAway | Self::Restart)
    }

    /// `None` if the client is gone.
    pub(super) fn code(&self) -> Option<u16> {
        self.describe().map(|(code, _)| code)
    }

    /// `None` if the client is gone.
    pub(super) fn frame(&self) -> Option<CloseFrame> {
        let (code, reason) = self.describe()?;
        let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
        Some(CloseFrame {
            code,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_reason_is_cut_between_characters() {
        let frame = CloseReason::BadRequest("é".repeat(100)).frame().unwrap();
        assert_eq!((frame.code, frame.reason.as_str()), (4400, "é".repeat(61).as_str()));
    }
}
