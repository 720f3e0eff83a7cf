//! Positions of notifications in the order in which subscriptions deliver them.

use crate::domain::error::Result;
use crate::domain::event::{EventCursor, LogPosition, MAX_CURSOR_BYTES};
use crate::domain::page::{decode_cursor, encode_cursor};

use super::Notification;

/// A position in the order of notifications, which follows the event log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NotificationPosition {
    /// The position of the notification's event; for a due date, the one after the newest event at that time.
    pub(crate) event: LogPosition,
    pub(crate) id: i64,
}

impl NotificationPosition {
    /// The first position after this one.
    pub(crate) fn next(self) -> Self {
        Self {
            id: self.id.saturating_add(1),
            ..self
        }
    }
}

/// The position of a notification in one log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotificationCursor {
    /// The position in the event log.
    event: EventCursor,
    /// The notification's number; `None` is after all notifications of that position.
    id: Option<i64>,
}

impl NotificationCursor {
    /// The cursor of a position in the log with this identity.
    pub(crate) fn new(log: String, place: NotificationPosition) -> Self {
        Self {
            event: EventCursor {
                log,
                transaction_id: place.event.transaction_id,
                id: place.event.id,
            },
            id: Some(place.id),
        }
    }

    pub(crate) fn log(&self) -> &str {
        &self.event.log
    }

    pub(crate) fn place(&self) -> NotificationPosition {
        NotificationPosition {
            event: self.event.place(),
            id: self.id.unwrap_or(i64::MAX),
        }
    }

    /// The opaque text that clients store.
    #[must_use]
    pub fn encode(&self) -> String {
        match self.id {
            Some(id) => encode_cursor(&(&self.event.log, self.event.transaction_id, self.event.id, id)),
            None => self.event.encode(),
        }
    }

    /// Parses the cursor of a notification or an event from the argument `field`.
    pub fn decode(field: &'static str, text: &str) -> Result<Self> {
        if let Some((log, transaction_id, event, id)) = decode_cursor(text, MAX_CURSOR_BYTES) {
            let event = LogPosition {
                transaction_id,
                id: event,
            };
            return Ok(Self::new(log, NotificationPosition { event, id }));
        }
        let event = EventCursor::decode(field, text)?;
        Ok(Self { event, id: None })
    }
}

/// A notification with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedNotification {
    /// Its position.
    pub cursor: NotificationCursor,
    /// The notification.
    pub notification: Notification,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_encoding_and_that_of_an_event_is_after_all_its_notifications() {
        let event = EventCursor {
            log: "f00d".to_owned(),
            transaction_id: 7,
            id: 9,
        };
        let of_event = NotificationCursor::decode("after", &event.encode()).unwrap();
        let place = NotificationPosition {
            event: event.place(),
            id: 1 << 40,
        };
        let cursor = NotificationCursor::new("f00d".to_owned(), place);
        assert_eq!(NotificationCursor::decode("after", &cursor.encode()).unwrap(), cursor);
        assert_eq!((cursor.place(), cursor.log()), (place, "f00d"));
        assert!(of_event.place() > place && of_event.place().event == place.event);
        assert_eq!(of_event.encode(), event.encode());
        assert!(NotificationCursor::decode("after", "WzFd").is_err());
        // Event subscriptions do not accept the cursor of a notification.
        assert!(EventCursor::decode("after", &cursor.encode()).is_err());
    }
}
