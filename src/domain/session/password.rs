//! Use cases that require a password: login, and changing the password or the e-mail address.
//!
//! Hashing is slow, so passwords are checked outside of transactions. The transaction then locks the account and checks
//! that the password was not replaced meanwhile.

use secrecy::SecretString;
use tokio::sync::OwnedSemaphorePermit;

use super::slow_down::{Attempt, Target};
use super::{Device, Sessions, Tokens, digest};
use crate::domain::Core;
use crate::domain::actor::{Actor, SignedIn};
use crate::domain::error::{Credential, Error, Result, SignedOut};
use crate::domain::policy;
use crate::domain::store::user::Login;
use crate::domain::store::{self, WriteTransaction};
use crate::domain::user::Users;

/// Hexadecimal digits of the digest of a name in the log, enough to distinguish names.
const LOGGED_DIGITS: usize = 16;

impl Sessions<'_> {
    /// Signs a user in by e-mail address or username. Repeated failures delay the next attempts.
    #[tracing::instrument(target = "taskwire::span", name = "session.login", skip_all)]
    pub async fn login(self, name: &str, password: SecretString, device: Device) -> Result<Tokens> {
        let refused = || Error::InvalidCredentials(Credential::Login);
        let system = policy::system(&Actor::System)?;
        let login = store::user::find_login(self.core.store.system_reader(), &system, name).await?;
        let target = match &login {
            Some(login) => Target::Account(login.user.id),
            None => Target::Name(name),
        };
        let attempt = Attempt::begin(self.core, target, &device).await;
        let attempt = attempt.inspect_err(|error| {
            if let Error::RateLimited { .. } = error {
                log_failed_login(name, &device, "too many failed attempts");
            }
        })?;
        attempt.delay().await;
        let hash = login.as_ref().map(|login| login.password_hash.clone());
        let is_right = self.core.passwords.verify(password, hash).await?;
        let login = login.filter(|_| is_right).ok_or_else(|| {
            log_failed_login(name, &device, "the name or the password is wrong");
            refused()
        })?;
        let transaction = self.core.store.begin().await?;
        let current = store::user::lock_login(&transaction, &system, login.user.id).await?;
        let current = current
            .filter(|current| current.password_hash == login.password_hash)
            .ok_or_else(refused)?;
        attempt.succeed(&transaction).await?;
        if !current.is_active() {
            transaction.commit().await?;
            log_failed_login(name, &device, "the account is deactivated");
            return Err(Error::forbidden(
                "This account is deactivated; an administrator can reactivate it",
            ));
        }
        let tokens = self.sign_in(&transaction, current.user, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// Sets a new password, ends all sessions, and starts a new one. A wrong current password counts as a failed login.
    #[tracing::instrument(target = "taskwire::span", name = "session.change_password", skip_all)]
    pub async fn change_password(
        self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
        device: Device,
    ) -> Result<Tokens> {
        self.core.passwords.check_rules("new_password", &new)?;
        let shown = ShownPassword::check(self.core, actor, current, &device).await?;
        let new_hash = self.core.passwords.hash(new).await?;
        let transaction = self.core.store.begin().await?;
        let login = shown.accept(&transaction).await?;
        let users = Users::new(self.core);
        let user = users
            .replace_password(actor, &transaction, &login.user, new_hash)
            .await?;
        let tokens = self.sign_in(&transaction, user, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }
}

/// Proof that the actor sent the correct password of their account.
#[derive(Debug)]
pub(in crate::domain) struct ShownPassword {
    by: SignedIn,
    hash: String,
    attempt: Attempt,
    /// Serialises the hashing of one session.
    _turn: OwnedSemaphorePermit,
}

impl ShownPassword {
    /// Checks the password. A wrong one counts as a failed login.
    pub(in crate::domain) async fn check(
        core: &Core,
        actor: &Actor,
        password: SecretString,
        device: &Device,
    ) -> Result<Self> {
        let user = actor.signed_in()?;
        let turn = core.password_turns.share_of(user.session);
        let turn = turn.acquire_owned().await.map_err(Error::internal)?;
        let attempt = Attempt::begin(core, Target::Account(user.id), device).await?;
        attempt.delay().await;
        let system = policy::system(&Actor::System)?;
        let hash = store::user::password_hash(&core.store.reader(actor), &system, user.id).await?;
        let is_right = core.passwords.verify(password, hash.clone()).await?;
        let hash = hash.filter(|_| is_right).ok_or_else(|| {
            tracing::warn!(user_id = %user.id, address = ?device.ip, "wrong current password");
            Error::InvalidCredentials(Credential::CurrentPassword)
        })?;
        Ok(Self {
            by: user,
            hash,
            attempt,
            _turn: turn,
        })
    }

    /// Checks again in the transaction, with the account locked: the session must be active, and the password must be
    /// the same.
    pub(in crate::domain) async fn accept(&self, transaction: &WriteTransaction) -> Result<Login> {
        let system = policy::system(&Actor::System)?;
        let login = store::user::lock_login(transaction, &system, self.by.id).await?;
        let login = login.filter(Login::is_active);
        let is_live = store::session::lock_live(transaction, &system, self.by.session).await?;
        let login = login
            .filter(|_| is_live)
            .ok_or(Error::Unauthenticated(SignedOut::Revoked))?;
        if login.password_hash != self.hash {
            return Err(Error::InvalidCredentials(Credential::CurrentPassword));
        }
        self.attempt.succeed(transaction).await?;
        Ok(login)
    }
}

/// Logs a failed login with the address and a digest of the name. The name itself may be a password, typed by mistake.
fn log_failed_login(name: &str, device: &Device, reason: &str) {
    let name = digest(&name.trim().to_lowercase());
    let address = device.ip.map(|address| address.to_string());
    tracing::warn!(address, name_sha256 = &name[..LOGGED_DIGITS], reason, "login failed");
}
