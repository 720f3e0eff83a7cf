//! Tokens and passwords.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use secrecy::SecretString;

use super::{
    ConfigError, Environment,
    mask::MASK,
    reader::{DAY, MINUTE, SettingsReader},
};

/// Tokens and passwords.
#[derive(Clone, Debug)]
pub struct AuthConfig {
    /// `None` if it is not set, which production accepts only with a key file.
    pub(crate) secret_key: Option<SecretString>,
    pub(crate) algorithm: Algorithm,
    /// Never `None` with `EdDSA` and `ES256`.
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) issuer: String,
    pub(crate) audience: String,
    pub(crate) access_token_ttl: Duration,
    pub(crate) refresh_token_ttl: Duration,
    pub(crate) password_policy: PasswordPolicy,
}

/// Signature algorithm of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with the secret key.
    Hs256,
    /// Ed25519 with the key file.
    EdDsa,
    /// ECDSA on P-256 with the key file.
    Es256,
}

/// Rules for new passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordPolicy {
    /// A letter and a digit.
    Standard,
    /// A letter, a digit and an upper-case letter, and it must not be a common password.
    Strict,
}

impl AuthConfig {
    pub(super) fn read(reader: &SettingsReader<'_>, environment: Environment) -> Result<Self, ConfigError> {
        let algorithms = [Algorithm::Hs256, Algorithm::EdDsa, Algorithm::Es256];
        let algorithms = algorithms.map(|algorithm| (algorithm.as_str(), algorithm));
        let policies = [
            ("standard", PasswordPolicy::Standard),
            ("strict", PasswordPolicy::Strict),
        ];
        let text_or = |name, default: &str| reader.record(name, reader.text(name).unwrap_or(default).to_owned());

        let algorithm = reader.choice("ALGORITHM", &algorithms, Algorithm::Hs256)?;
        let secret_key = reader.text("SECRET_KEY");
        if environment.is_production() && algorithm == Algorithm::Hs256 {
            check_strength(secret_key)?;
        }
        reader.record("SECRET_KEY", secret_key.map_or("", |_| MASK));
        Ok(Self {
            secret_key: secret_key.map(SecretString::from),
            algorithm,
            key_file: key_file(reader, algorithm)?,
            issuer: text_or("JWT_ISSUER", "taskwire"),
            audience: text_or("JWT_AUDIENCE", "taskwire"),
            access_token_ttl: reader.duration("ACCESS_TOKEN_EXPIRE_MINUTES", MINUTE, 30, 1..=525_600)?,
            refresh_token_ttl: reader.duration("REFRESH_TOKEN_EXPIRE_DAYS", DAY, 7, 1..=3650)?,
            password_policy: reader.choice("PASSWORD_POLICY", &policies, PasswordPolicy::Standard)?,
        })
    }
}

impl Algorithm {
    /// The value of `ALGORITHM`, and of `alg` in tokens.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

fn key_file(reader: &SettingsReader<'_>, algorithm: Algorithm) -> Result<Option<PathBuf>, ConfigError> {
    let name = "JWT_PRIVATE_KEY_FILE";
    let path = reader.text(name);
    if path.is_none() && algorithm != Algorithm::Hs256 {
        return Err(ConfigError {
            variable: name.to_owned(),
            value: None,
            allowed: format!("the path of a PEM file (PKCS#8), which {} needs", algorithm.as_str()),
        });
    }
    reader.record(name, path.unwrap_or_default());
    Ok(path.map(PathBuf::from))
}

fn check_strength(key: Option<&str>) -> Result<(), ConfigError> {
    if key.is_some_and(|key| !is_weak(key)) {
        return Ok(());
    }
    Err(ConfigError {
        variable: "SECRET_KEY".to_owned(),
        value: key.map(|_| MASK.to_owned()),
        allowed: "32 or more random characters in production, such as `openssl rand -hex 32` prints".to_owned(),
    })
}

/// A key is weak if it is short, has few distinct characters, or contains a placeholder from examples.
fn is_weak(key: &str) -> bool {
    const SHORTEST: usize = 32;
    const FEWEST_DISTINCT: usize = 8;
    const PLACEHOLDERS: &str = "changeme changeit changethis changein replaceme replacethis replacewith yoursecret \
         yoursuper yourkey yourjwt supersecret verysecret topsecret mysecret secretkey jwtsecret notsecret insecure \
         placeholder example password donotuse 123456789 abcdefghi qwertyuiop";

    let letters: String = key.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    key.chars().count() < SHORTEST
        || key.chars().collect::<BTreeSet<_>>().len() < FEWEST_DISTINCT
        || PLACEHOLDERS.split(' ').any(|placeholder| letters.contains(placeholder))
}
