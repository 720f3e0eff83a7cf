//! Passwords: rules, and hashing with argon2id on a limited number of threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::available_parallelism;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use super::error::{Error, Result};
use crate::config::PasswordPolicy;

/// Memory per hash in KiB: 19 MiB.
const MEMORY_KIB: u32 = 19 * 1_024;
/// Number of passes over the memory.
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Maximum number of hashes that wait for a thread; further ones are rejected.
const MAX_WAITING: usize = 256;
/// `Retry-After` of rejected requests.
const BUSY: Duration = Duration::from_secs(2);

/// Minimum number of characters of a password.
pub const MIN_PASSWORD_LENGTH: usize = 8;
/// Maximum number of characters of a password.
pub const MAX_PASSWORD_LENGTH: usize = 128;

/// A hash without a known password, with the cost of a real one. It is checked for unknown users, so that the response
/// time does not reveal whether a user exists.
const NOBODYS_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyB0aGlz$5h1jRmzZQ0nCUvdW7mUzj2yA1z9kYhX0cX9mWlq7b3E";

/// The most common passwords, compared in lower case without trailing digits.
const COMMON_STEMS: [&str; 24] = [
    "password",
    "passw0rd",
    "p@ssword",
    "p@ssw0rd",
    "qwerty",
    "qwertyuiop",
    "letmein",
    "welcome",
    "admin",
    "administrator",
    "iloveyou",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "trustno",
    "abc",
    "changeme",
    "secret",
    "master",
    "login",
];

#[derive(Debug)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    policy: PasswordPolicy,
    /// One permit per hashing thread.
    working: Arc<Semaphore>,
    /// One permit per request that hashes or waits.
    admitted: Semaphore,
    /// Total number of `admitted` permits.
    places: usize,
    checks: AtomicU64,
}

impl Passwords {
    pub(crate) fn new(policy: PasswordPolicy) -> Result<Self> {
        let params =
            Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(|error| Error::internal(anyhow::anyhow!(error)))?;
        let threads = available_parallelism().map_or(1, usize::from);
        Ok(Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            policy,
            working: Arc::new(Semaphore::new(threads)),
            admitted: Semaphore::new(threads + MAX_WAITING),
            places: threads + MAX_WAITING,
            checks: AtomicU64::new(0),
        })
    }

    /// Checks the rules; `field` is the field in errors.
    pub(crate) fn check_rules(&self, field: &'static str, password: &SecretString) -> Result<()> {
        let password = password.expose_secret();
        let length = password.chars().count();
        if !(MIN_PASSWORD_LENGTH..=MAX_PASSWORD_LENGTH).contains(&length) {
            return Err(Error::wrong_length(
                field,
                length,
                MIN_PASSWORD_LENGTH,
                MAX_PASSWORD_LENGTH,
            ));
        }
        if !password.chars().any(char::is_alphabetic) || !password.chars().any(char::is_numeric) {
            return Err(Error::invalid(
                field,
                format!("{field} needs at least one letter and one digit"),
            ));
        }
        match self.policy {
            PasswordPolicy::Standard => Ok(()),
            PasswordPolicy::Strict => check_strict_rules(field, password),
        }
    }

    pub(crate) async fn hash(&self, password: SecretString) -> Result<String> {
        let argon2 = self.argon2.clone();
        self.run(move || {
            argon2
                .hash_password(password.expose_secret().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|error| anyhow::anyhow!("hashing a password: {error}"))
        })
        .await
    }

    /// Whether the password matches the hash. Without a hash the result is false, at the same cost.
    pub(crate) async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool> {
        self.checks.fetch_add(1, Ordering::Relaxed);
        let argon2 = self.argon2.clone();
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODYS_HASH.to_owned());
            let parsed =
                PasswordHash::new(&hash).map_err(|error| anyhow::anyhow!("a stored password hash: {error}"))?;
            let matches = argon2
                .verify_password(password.expose_secret().as_bytes(), &parsed)
                .is_ok();
            Ok(known && matches)
        })
        .await
    }

    /// Number of requests that hash or wait.
    pub(crate) fn queue(&self) -> usize {
        self.places.saturating_sub(self.admitted.available_permits())
    }

    pub(crate) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    /// Runs work on a hashing thread, or rejects it if too many requests wait.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> Result<T> {
        let _admitted = self.admitted.try_acquire().map_err(|_| Error::Unavailable {
            retry_after: BUSY,
            cause: None,
        })?;
        let working = Arc::clone(&self.working)
            .acquire_owned()
            .await
            .map_err(Error::internal)?;
        tokio::task::spawn_blocking(move || {
            // The permit is held until the work ends, even if the caller is cancelled.
            let _working = working;
            work()
        })
        .await
        .map_err(Error::internal)?
        .map_err(Error::internal)
    }
}

fn check_strict_rules(field: &'static str, password: &str) -> Result<()> {
    if !password.chars().any(char::is_uppercase) {
        return Err(Error::invalid(
            field,
            format!("{field} needs at least one upper-case letter"),
        ));
    }
    let lower = password.to_lowercase();
    let stem = lower.trim_end_matches(|c: char| !c.is_alphabetic());
    if COMMON_STEMS.contains(&stem) {
        return Err(Error::invalid(
            field,
            format!("{field} is one of the most common passwords; choose another"),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_for_unknown_users_has_the_cost_of_a_real_one() {
        let hash = PasswordHash::new(NOBODYS_HASH).unwrap();
        let params = Params::try_from(&hash).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
        assert_eq!(hash.hash.unwrap().len(), 32);
    }

    #[test]
    fn strict_rules_reject_common_passwords_and_require_upper_case() {
        let strict = Passwords::new(PasswordPolicy::Strict).unwrap();
        for (password, allowed) in [
            ("Password123", false),
            ("P@ssw0rd1!", false),
            ("lower case 7", false),
            ("Correct horse 7", true),
        ] {
            assert_eq!(
                strict.check_rules("password", &password.into()).is_ok(),
                allowed,
                "{password}"
            );
        }
    }
}
