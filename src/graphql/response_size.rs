//! The limit of a response in bytes. Values are counted as they are resolved, so execution stops before an oversized
//! response uses memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_graphql::{ServerError, Value};

use crate::graphql::error::extensions;

/// Number of bytes that are left for the responses of one request. The operations of a batch share it.
#[derive(Debug)]
pub struct ResponseSize {
    left: Arc<AtomicUsize>,
    /// Bytes of this operation.
    taken: AtomicUsize,
    max: usize,
}

impl ResponseSize {
    /// A limit of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self {
            left: Arc::new(AtomicUsize::new(max)),
            taken: AtomicUsize::new(0),
            max,
        }
    }

    /// Shares the rest of the limit with another operation of the request.
    #[must_use]
    pub fn share(&self) -> Self {
        Self {
            left: Arc::clone(&self.left),
            taken: AtomicUsize::new(0),
            max: self.max,
        }
    }

    /// Starts a new response with the full limit, such as for an event of a subscription.
    #[must_use]
    pub fn renew(&self) -> Self {
        Self::new(self.max)
    }

    /// Subtracts bytes from the limit. Once it is exceeded, all later calls fail too.
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

    /// Subtracts the bytes of the data that were not counted while it was resolved.
    pub(super) fn take_rest(&self, data: &Value) -> Result<(), ServerError> {
        self.take(bytes_of(data).saturating_sub(self.taken.load(Ordering::Relaxed)))
    }

    fn excess(&self) -> ServerError {
        let message = format!(
            "The response is too large: up to {} bytes are allowed. Select fewer rows with first, or fewer fields",
            self.max
        );
        ServerError {
            extensions: Some(extensions("LIMIT_EXCEEDED", None)),
            ..ServerError::new(message, None)
        }
    }
}

/// Approximate bytes of a value as JSON; some punctuation is not counted.
pub(super) fn bytes_of(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::List(items) => items.iter().map(|item| bytes_of(item) + 1).sum(),
        // Raw JSON is an object with one string.
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
    fn operations_of_a_request_share_one_limit() {
        let size = ResponseSize::new(10);
        let other = size.share();
        assert!(size.take(6).is_ok());
        assert!(other.take(5).is_err());
        assert!(size.take(1).is_err(), "after an excess everything fails");
    }

    #[test]
    fn bytes_that_were_counted_while_resolving_are_not_counted_again() {
        let data = Value::from("x".repeat(8));
        let size = ResponseSize::new(15);
        assert!(size.take(9).is_ok());
        assert!(size.take_rest(&data).is_ok());
        let size = ResponseSize::new(9);
        assert!(size.take_rest(&data).is_err());
    }
}
