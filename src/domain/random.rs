//! Randomness. The domain obtains it only through this module.

use std::fmt::Debug;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::SysRng;
use rand::{Rng as _, TryRng as _};

/// A source of random bytes.
pub trait Randomness: Debug + Send + Sync {
    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's generator, secure enough for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandomness;

impl Randomness for SystemRandomness {
    #[expect(
        clippy::expect_used,
        reason = "without randomness no secret can be created, and there is no fallback"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        SysRng
            .try_fill_bytes(bytes)
            .expect("the operating system gives random bytes");
    }
}

/// The generator of the current thread, which the operating system seeds. It needs no system call for each value. Only
/// for ids that must be unique, not for secrets.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ThreadRandomness;

impl Randomness for ThreadRandomness {
    #[expect(
        clippy::disallowed_methods,
        reason = "like that of the system, this generator enters through `Randomness`"
    )]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// `bytes` random bytes as URL-safe text.
pub(crate) fn url_safe(randomness: &dyn Randomness, bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    randomness.fill(&mut buffer);
    URL_SAFE_NO_PAD.encode(buffer)
}

/// `bytes` random bytes as hexadecimal digits.
pub(crate) fn hexadecimal(randomness: &dyn Randomness, bytes: usize) -> String {
    let mut buffer = vec![0; bytes];
    randomness.fill(&mut buffer);
    hex::encode(buffer)
}
