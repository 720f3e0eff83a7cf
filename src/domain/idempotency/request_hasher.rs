//! Hashes of requests, as they are stored.

use jsonwebtoken::{Algorithm, EncodingKey, crypto};

use crate::domain::error::{Error, Result};
use crate::domain::token::SigningKey;

/// Derives a separate key for hashes of requests.
const REQUEST_HASH_KEY: &[u8] = b"taskwire request hash";

/// Hashes with a key. Requests can contain passwords, and a reader of the database could guess those in a plain hash.
#[derive(Debug)]
pub(crate) struct RequestHasher(EncodingKey);

impl RequestHasher {
    pub(crate) fn new(key: &SigningKey) -> Self {
        Self(EncodingKey::from_secret(&key.derive(REQUEST_HASH_KEY)))
    }

    pub(super) fn hash(&self, fingerprint: &str) -> Result<String> {
        crypto::sign(fingerprint.as_bytes(), &self.0, Algorithm::HS256).map_err(Error::internal)
    }
}
