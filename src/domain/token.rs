//! Access tokens: signed JWTs with a short lifetime and one fixed algorithm.
//!
//! A token names the user and the session. Permissions are read for every request, so revocation applies at once.

use std::fmt;

use anyhow::Context as _;
use jsonwebtoken::jwk::{Jwk, JwkSet, KeyAlgorithm, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::clock::Timestamp;
use super::error::{Error, Result, SignedOut};
use super::id::{SessionId, UserId};

/// The `typ` of an access token (RFC 9068), so that other tokens are not accepted.
const TOKEN_TYPE: &str = "at+jwt";

/// Derives a separate key for refresh tokens.
const REFRESH_TOKEN_KEY: &[u8] = b"taskwire refresh token";

/// The signing key.
pub enum SigningKey {
    /// A shared secret, for HS256.
    Secret(Vec<u8>),
    /// A private key in PEM (PKCS#8), for `EdDSA` with Ed25519.
    Ed25519Pem(Vec<u8>),
    /// A private key in PEM (PKCS#8), for ES256 with P-256.
    P256Pem(Vec<u8>),
}

impl SigningKey {
    /// Derives a key for another purpose.
    pub(super) fn derive(&self, purpose: &[u8]) -> [u8; 32] {
        let (Self::Secret(bytes) | Self::Ed25519Pem(bytes) | Self::P256Pem(bytes)) = self;
        Sha256::new()
            .chain_update(purpose)
            .chain_update(bytes)
            .finalize()
            .into()
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// The user and session of a valid token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) expires_at: Timestamp,
}

/// The library prints no keys.
#[derive(Debug)]
pub(crate) struct TokenSigner {
    encoding: EncodingKey,
    decoding: DecodingKey,
    header: Header,
    validation: Validation,
    issuer: String,
    audience: String,
    jwks: JwkSet,
    refresh_tokens: EncodingKey,
}

impl TokenSigner {
    /// Fails with a one-line message for the operator if the key has the wrong type.
    pub(crate) fn new(key: &SigningKey, issuer: String, audience: String) -> anyhow::Result<Self> {
        Self::build(key, issuer, audience).with_context(|| match key {
            SigningKey::Secret(_) => "SECRET_KEY cannot sign",
            SigningKey::Ed25519Pem(_) => "JWT_PRIVATE_KEY_FILE holds no private key for EdDSA (Ed25519, PEM, PKCS#8)",
            SigningKey::P256Pem(_) => "JWT_PRIVATE_KEY_FILE holds no private key for ES256 (P-256, PEM, PKCS#8)",
        })
    }

    fn build(key: &SigningKey, issuer: String, audience: String) -> anyhow::Result<Self> {
        let (algorithm, encoding) = match key {
            SigningKey::Secret(secret) => (Algorithm::HS256, EncodingKey::from_secret(secret)),
            SigningKey::Ed25519Pem(pem) => (Algorithm::EdDSA, EncodingKey::from_ed_pem(pem)?),
            SigningKey::P256Pem(pem) => (Algorithm::ES256, EncodingKey::from_ec_pem(pem)?),
        };
        let (decoding, key_id, jwks) = match key {
            SigningKey::Secret(secret) => (
                DecodingKey::from_secret(secret),
                secret_id(secret),
                JwkSet { keys: Vec::new() },
            ),
            SigningKey::Ed25519Pem(_) => public_key(&encoding, algorithm, KeyAlgorithm::EdDSA)?,
            SigningKey::P256Pem(_) => public_key(&encoding, algorithm, KeyAlgorithm::ES256)?,
        };
        let mut header = Header::new(algorithm);
        header.typ = Some(TOKEN_TYPE.to_owned());
        header.kid = Some(key_id);
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&issuer]);
        validation.set_audience(&[&audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Expiry is checked against the domain's clock.
        validation.validate_exp = false;
        Ok(Self {
            encoding,
            decoding,
            header,
            validation,
            issuer,
            audience,
            jwks,
            refresh_tokens: EncodingKey::from_secret(&key.derive(REFRESH_TOKEN_KEY)),
        })
    }

    pub(crate) fn sign(&self, bearer: Bearer, now: Timestamp) -> Result<String> {
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: bearer.user.to_string(),
            sid: bearer.session,
            iat: now.timestamp(),
            exp: bearer.expires_at.timestamp(),
        };
        jsonwebtoken::encode(&self.header, &claims, &self.encoding).map_err(Error::internal)
    }

    /// The refresh token that replaces this one. It is derived with the server's key, so a retry gets the same token
    /// although only digests are stored.
    pub(crate) fn next_refresh_token(&self, refresh_token: &str) -> Result<String> {
        jsonwebtoken::crypto::sign(refresh_token.as_bytes(), &self.refresh_tokens, Algorithm::HS256)
            .map_err(Error::internal)
    }

    /// The user and session of the token, or why it is invalid.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Bearer, SignedOut> {
        let data = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| SignedOut::NotAToken)?;
        if data.header.typ.as_deref() != Some(TOKEN_TYPE) || data.header.kid != self.header.kid {
            return Err(SignedOut::NotAToken);
        }
        let user = data.claims.sub.parse().map(UserId).map_err(|_| SignedOut::NotAToken)?;
        let expires_at = Timestamp::from_timestamp(data.claims.exp, 0).ok_or(SignedOut::NotAToken)?;
        if now >= expires_at {
            return Err(SignedOut::Expired);
        }
        Ok(Bearer {
            user,
            session: data.claims.sid,
            expires_at,
        })
    }

    /// The public keys for verifying tokens; empty for a shared secret.
    pub(crate) fn jwks(&self) -> &JwkSet {
        &self.jwks
    }
}

/// A key id that does not reveal the secret.
fn secret_id(secret: &[u8]) -> String {
    let mut digest = Sha256::new();
    digest.update(b"taskwire key id");
    digest.update(secret);
    hex::encode(&digest.finalize()[..8])
}

fn public_key(
    encoding: &EncodingKey,
    algorithm: Algorithm,
    key_algorithm: KeyAlgorithm,
) -> anyhow::Result<(DecodingKey, String, JwkSet)> {
    let mut jwk = Jwk::from_encoding_key(encoding, algorithm)?;
    let key_id = jwk.thumbprint(ThumbprintHash::SHA256)?;
    jwk.common.key_id = Some(key_id.clone());
    jwk.common.key_algorithm = Some(key_algorithm);
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Ok((DecodingKey::from_jwk(&jwk)?, key_id, JwkSet { keys: vec![jwk] }))
}
