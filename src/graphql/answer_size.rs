//! How large an answer may become. What is resolved is counted as it is, so that an answer that is too large ends before
//! it takes the memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{ServerError, Value};

use crate::graphql::error::extensions;

/// The bytes that the answers of one request may still have. A batch shares them.
#[derive(Debug)]
pub struct AnswerSize {
    left: Arc<AtomicUsize>,
    /// What this operation has taken.
    taken: AtomicUsize,
    max: usize,
}

impl AnswerSize {
    /// Up to so many bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(max)),
            taken: AtomicUsize::new(0),
            max,
        }
    }

    /// For another operation of the same request.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            left: Arc::clone(&self.left),
            taken: AtomicUsize::new(0),
            max: self.max,
        }
    }

    /// For another answer to the same request, such as an event of a subscription.
    #[must_use]
    pub fn renew(&self) -> Self {
        Self::new(self.max)
    }

    /// Takes so many bytes. Once they are used up, everything fails.
    pub fn take(&self, bytes: usize) -> Result<(), ServerError> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        self.taken.fetch_add(bytes, Ordering::Relaxed);
        taken.map(|_| ()).map_err(|_| {
            self.left.store(0, Ordering::Relaxed);
            self.excess()
        })
    }

    /// Takes what of the data was not counted while it was resolved.
    pub(super) fn take_rest(&self, data: &Value) -> Result<(), ServerError> {
        self.take(bytes_of(data).saturating_sub(self.taken.load(Ordering::Relaxed)))
    }

    fn excess(&self) -> ServerError {
        let message = format!(
            "The answer passes the limit of bytes: up to {} are allowed. Select fewer rows with first, or fewer fields",
            self.max
        );
        ServerError {
            extensions: Some(extensions("LIMIT_EXCEEDED", None)),
            ..ServerError::new(message, None)
        }
    }
}

/// The bytes of a value as JSON, by a count that leaves out some punctuation.
pub(super) fn bytes_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::List(items) => items.iter().map(|item| bytes_of(item) + 1).sum(),
        // JSON that is written already is an object with one text.
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| name.len() + bytes_of(value) + 4)
            .sum(),
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shared_is_used_up_together() {
        let size = AnswerSize::new(10);
        let other = size.share();
        assert!(size.take(6).is_ok());
        assert!(other.take(5).is_err());
        assert!(size.take(1).is_err(), "one that was too large ends all");
    }

    #[test]
    fn what_was_counted_already_is_not_counted_again() {
        let data = Value::from("x".repeat(8));
        let size = AnswerSize::new(15);
        assert!(size.take(9).is_ok());
        assert!(size.take_rest(&data).is_ok());
        let size = AnswerSize::new(9);
        assert!(size.take_rest(&data).is_err());
    }
}
