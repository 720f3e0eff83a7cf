//! Positions in the event log, and the opaque cursors that clients store.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::error::{Error, Result};

/// Maximum length of a valid cursor, in bytes.
const MAX_CURSOR_BYTES: usize = 256;

/// The position of one event in one log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventCursor {
    /// Identity of the log; a restored backup gets another one.
    pub(crate) log: String,
    /// The transaction that wrote the event; it determines the order of the log.
    pub(crate) transaction_id: i64,
    /// The event's number, which increases with the writes to one task.
    pub(crate) id: i64,
}

/// State of the log; it changes with every committed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LogState {
    pub(crate) head: EventCursor,
    /// Number of committed events that are not settled, because an older transaction is still open.
    pub(crate) unsettled: i64,
}

/// A position in the log, without the log's identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LogPosition {
    pub(crate) transaction_id: i64,
    pub(crate) id: i64,
}

impl LogPosition {
    /// The first position after this one.
    pub(crate) fn next(self) -> Self {
        Self {
            id: self.id.saturating_add(1),
            ..self
        }
    }
}

impl EventCursor {
    pub(crate) fn place(&self) -> LogPosition {
        LogPosition {
            transaction_id: self.transaction_id,
            id: self.id,
        }
    }

    /// The opaque text that clients store.
    #[must_use]
    pub fn encode(&self) -> String {
        encode(&(&self.log, self.transaction_id, self.id))
    }

    /// Parses a cursor from the argument `field`.
    pub fn decode(field: &'static str, text: &str) -> Result<Self> {
        decode(text)
            .map(|(log, transaction_id, id)| Self {
                log,
                transaction_id,
                id,
            })
            .ok_or_else(|| Error::BadInput {
                field,
                message: format!("{field} is not the cursor of an event; use one that came with an event, unchanged"),
            })
    }

    /// The cursor, if it belongs to the log with this identity.
    pub(crate) fn of_log(self, field: &'static str, log: &str) -> Result<Self> {
        if self.log == log {
            Ok(self)
        } else {
            Err(Error::BadInput {
                field,
                message: format!(
                    "{field} is a cursor of another event log: the server's data were replaced since; start again without it"
                ),
            })
        }
    }
}

pub(crate) fn encode(parts: &impl Serialize) -> String {
    // Texts and numbers can always be serialised.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(parts).unwrap_or_default())
}

pub(crate) fn decode<T: DeserializeOwned>(text: &str) -> Option<T> {
    Some(text)
        .filter(|text| text.len() <= MAX_CURSOR_BYTES)
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_encoding_and_invalid_ones_are_rejected_by_field() {
        let cursor = EventCursor {
            log: "f00d".to_owned(),
            transaction_id: 1 << 40,
            id: 7,
        };
        assert_eq!(EventCursor::decode("after", &cursor.encode()).unwrap(), cursor);
        assert!(cursor.clone().of_log("after", "f00d").is_ok());
        assert!(cursor.of_log("after", "beef").is_err());
        let long = "A".repeat(MAX_CURSOR_BYTES + 1);
        for wrong in ["", "7", "WzFd", long.as_str()] {
            let error = EventCursor::decode("after", wrong).unwrap_err();
            assert!(error.to_string().starts_with("after is not"), "{error}");
        }
    }
}
