//! The key that signs access tokens: from the settings, or in development generated and stored next to the database.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;

use crate::config::{Algorithm, AuthConfig, Config, Environment};
use crate::domain::random::Randomness;
use crate::domain::token::SigningKey;

/// Random bytes of a generated key.
const KEY_BYTES: usize = 48;
/// Used if the database is not a local file.
const DEFAULT_KEY_FILE: &str = "taskwire.key";

pub(super) fn choose(config: &Config, randomness: &dyn Randomness) -> anyhow::Result<SigningKey> {
    if let Some(key) = key_in_file(&config.auth)? {
        return Ok(key);
    }
    match (&config.auth.secret_key, config.environment) {
        (Some(secret), _) => Ok(SigningKey::Secret(secret.expose_secret().as_bytes().to_vec())),
        (None, Environment::Production) => bail!("SECRET_KEY is not set"),
        (None, Environment::Development) => development_key(config, randomness).map(SigningKey::Secret),
    }
}

/// The key of `JWT_PRIVATE_KEY_FILE`; `None` if tokens are signed with a secret.
pub(crate) fn key_in_file(auth: &AuthConfig) -> anyhow::Result<Option<SigningKey>> {
    let key = match (auth.algorithm, &auth.key_file) {
        (Algorithm::Hs256, _) => return Ok(None),
        (Algorithm::EdDsa, Some(file)) => SigningKey::Ed25519Pem(read(file)?),
        (Algorithm::Es256, Some(file)) => SigningKey::P256Pem(read(file)?),
        (Algorithm::EdDsa | Algorithm::Es256, None) => bail!("JWT_PRIVATE_KEY_FILE is not set"),
    };
    Ok(Some(key))
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read the key file of JWT_PRIVATE_KEY_FILE ({})", file.display()))
}

/// Stored, so that a restart does not sign users out, unless the database is in memory.
fn development_key(config: &Config, randomness: &dyn Randomness) -> anyhow::Result<Vec<u8>> {
    if config.database.is_memory() {
        return Ok(random_key(randomness));
    }
    config.database.check_folder().map_err(anyhow::Error::msg)?;
    let file = config.database.sqlite_sibling(".key");
    let file = file.unwrap_or_else(|| DEFAULT_KEY_FILE.into());
    // Only its owner may read it.
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file);
    match new {
        Ok(mut new) => {
            let key = random_key(randomness);
            new.write_all(&key)
                .and_then(|()| new.sync_all())
                .with_context(|| cannot_write(&file))?;
            tracing::info!(
                "SECRET_KEY is not set: generated a random key and stored it in {}",
                file.display()
            );
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let key = fs::read(&file).with_context(|| format!("cannot read the key in {}", file.display()))?;
            if key.len() < KEY_BYTES {
                bail!(
                    "the key in {} is too short; delete the file to generate a new key",
                    file.display()
                );
            }
            Ok(key)
        }
        Err(error) => Err(error).with_context(|| cannot_write(&file)),
    }
}

fn random_key(randomness: &dyn Randomness) -> Vec<u8> {
    let mut key = vec![0; KEY_BYTES];
    randomness.fill(&mut key);
    key
}

fn cannot_write(file: &Path) -> String {
    format!("cannot store a random key in {}; set SECRET_KEY", file.display())
}
