//! Idempotency keys for writes. A client sends a key with a write. If it retries with the same key, it gets the first
//! response and nothing is written twice.
//!
//! A key is claimed before the write, for the maximum duration of a request. Each transaction of the write records its
//! commit. If the server dies, a retry checks the data: it runs the write if nothing was written, otherwise it reports
//! what was. An attempt cannot commit after another one took over its claim.

mod request_hasher;
mod use_cases;

pub(crate) use self::request_hasher::RequestHasher;
pub use self::use_cases::{Claim, Idempotency, Ticket};
use super::named_enum::named_enum;

/// Maximum number of characters of a key.
pub const MAX_KEY_LENGTH: usize = 255;
/// Maximum size of a stored response in bytes.
pub const MAX_RESPONSE_BYTES: usize = 64 * 1024;

named_enum! {
    /// Why the response of a write is not stored, with its name in the database.
    Omitted {
        /// It is longer than [`MAX_RESPONSE_BYTES`].
        TooLarge = "TOO_LARGE",
        /// It contains tokens.
        Secret = "SECRET",
    }
}
