//! Writes that are safe to repeat: a client sends a key of its own making with a write, and when it repeats
//! the write with the same key, because it never saw the answer, it gets the first answer again and nothing
//! is done twice.
//!
//! A key is claimed before the write begins, for as long as a request may take. Each transaction of the write notes that it
//! was committed. So when a server dies in between, a repetition finds out from the data: it runs the write if nothing was
//! written, and is told if something was. Nothing is ever done twice: an attempt whose claim was taken over cannot commit.

mod use_cases;

pub use self::use_cases::{Claim, Idempotency, Ticket};

/// The most characters of a key.
pub const MAX_KEY_LENGTH: usize = 255;
/// The longest response that is stored for repetitions, in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

/// Why the response of a write is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Omitted {
    /// It is longer than [`MAX_RESPONSE_BYTES`].
    TooLarge,
    /// It holds tokens.
    Secret,
}

impl Omitted {
    pub(in crate::domain) fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "TOO_LARGE",
            Self::Secret => "SECRET",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::TooLarge, Self::Secret]
            .into_iter()
            .find(|omitted| omitted.as_str() == name)
    }
}
