//! Positions in the event log, and the opaque cursors that clients store.

use crate::domain::error::{Error, Result};
use crate::domain::page::{decode_cursor, encode_cursor};

/// Maximum length of a valid cursor, in bytes.
pub(crate) const MAX_CURSOR_BYTES: usize = 256;

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

    /// The position whose [`Self::next`] is this one.
    pub(crate) fn previous(self) -> Self {
        Self {
            id: self.id.saturating_sub(1),
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
        encode_cursor(&(&self.log, self.transaction_id, self.id))
    }

    /// Parses a cursor from the argument `field`.
    pub fn decode(field: &'static str, text: &str) -> Result<Self> {
        let Some((log, transaction_id, id)) = decode_cursor(text, MAX_CURSOR_BYTES) else {
            let message = format!("{field} is not the cursor of an event; use one that came with an event, unchanged");
            return Err(Error::bad_input(field, message));
        };
        Ok(Self {
            log,
            transaction_id,
            id,
        })
    }

    /// The cursor, if it belongs to the log with this identity.
    pub(crate) fn of_log(self, field: &'static str, log: &str) -> Result<Self> {
        if self.log == log {
            return Ok(self);
        }
        Err(Error::bad_input(
            field,
            format!(
                "{field} is a cursor of another event log: the server's data were replaced since; start again without it"
            ),
        ))
    }
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
