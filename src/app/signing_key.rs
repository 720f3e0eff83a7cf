//! The key that signs access tokens: from the settings, or in development made once and kept
//! beside the database.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;

use crate::config::{Algorithm, Config, Environment};
use crate::domain::random::Randomness;
use crate::domain::token::SigningKey;

/// Random bytes of a key that the server makes.
const KEY_BYTES: usize = 48;
/// Where the key is kept when the database is not a file here.
const DEFAULT_KEY_FILE: &str = "taskwire.key";

/// The key that the settings ask for.
pub(super) fn choose(config: &Config, randomness: &dyn Randomness) -> anyhow::Result<SigningKey> {
    match (config.auth.algorithm, &config.auth.key_file, &config.auth.secret_key) {
        (Algorithm::EdDsa, Some(file), _) => Ok(SigningKey::Ed25519Pem(read(file)?)),
        (Algorithm::Es256, Some(file), _) => Ok(SigningKey::P256Pem(read(file)?)),
        (Algorithm::EdDsa | Algorithm::Es256, None, _) => bail!("JWT_PRIVATE_KEY_FILE is not set"),
        (Algorithm::Hs256, _, Some(secret)) => Ok(SigningKey::Secret(secret.expose_secret().as_bytes().to_vec())),
        (Algorithm::Hs256, _, None) => match config.environment {
            Environment::Production => bail!("SECRET_KEY is not set"),
            Environment::Development => development_key(config, randomness).map(SigningKey::Secret),
        },
    }
}

fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read the key file of JWT_PRIVATE_KEY_FILE ({})", file.display()))
}

/// A random key. It is kept, so that a restart does not sign everybody out; one for a database in
/// memory goes with it.
fn development_key(config: &Config, randomness: &dyn Randomness) -> anyhow::Result<Vec<u8>> {
    if config.database.is_memory() {
        return Ok(random_key(randomness));
    }
    config.database.check_folder().map_err(anyhow::Error::msg)?;
    let file = key_file(config);
    match OpenOptions::new().write(true).create_new(true).open(&file) {
        Ok(mut new) => {
            let key = random_key(randomness);
            keep_private(&file)?;
            new.write_all(&key)
                .and_then(|()| new.sync_all())
                .with_context(|| cannot_write(&file))?;
            tracing::info!(
                "SECRET_KEY is not set: made a random one and kept it in {}",
                file.display()
            );
            Ok(key)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let key = fs::read(&file).with_context(|| format!("cannot read the key in {}", file.display()))?;
            if key.len() < KEY_BYTES {
                bail!(
                    "the key in {} is cut short: remove the file to have a new one made",
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

fn key_file(config: &Config) -> PathBuf {
    config.database.sqlite_path().map_or_else(
        || PathBuf::from(DEFAULT_KEY_FILE),
        |database| {
            let mut name = database.into_os_string();
            name.push(".key");
            PathBuf::from(name)
        },
    )
}

fn cannot_write(file: &Path) -> String {
    format!("cannot keep a random key in {}: set SECRET_KEY instead", file.display())
}

#[cfg(unix)]
fn keep_private(file: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).with_context(|| cannot_write(file))
}

#[cfg(not(unix))]
fn keep_private(_file: &Path) -> anyhow::Result<()> {
    Ok(())
}
