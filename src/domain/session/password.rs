//! What is done by showing a password: signing in, and setting another password.
//!
//! A password is checked outside of any transaction, because it takes long. What follows from it is decided in a
//! transaction that holds the account's lock and looks again: a password that was replaced meanwhile opens nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use secrecy::SecretString;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::slow_down::{Attempt, Target};
use super::{Device, Sessions, Tokens};
use crate::domain::actor::Actor;
use crate::domain::error::{Credential, Error, Result, SignedOut};
use crate::domain::id::SessionId;
use crate::domain::policy::{self, Credentials};
use crate::domain::store;
use crate::domain::user::Users;

impl Sessions<'_> {
    /// Signs somebody in by e-mail address or username. Failures make the next attempts wait.
    #[tracing::instrument(target = "taskwire::span", name = "session.login", skip_all)]
    pub async fn login(self, name: &str, password: SecretString, device: Device) -> Result<Tokens> {
        let refused = || Error::InvalidCredentials(Credential::Login);
        let credentials = policy::scope::<Credentials>(&Actor::System)?;
        let login = store::user::find_login(self.core.store.system_reader(), &credentials, name).await?;
        let target = match &login {
            Some(login) => Target::Account(login.user.id),
            None => Target::Name(name),
        };
        let attempt = Attempt::begin(self.core, target, &device).await?;
        attempt.delay().await;
        let hash = login.as_ref().map(|login| login.password_hash.clone());
        let is_right = self.core.passwords.verify(password, hash).await?;
        let login = login.filter(|_| is_right).ok_or_else(refused)?;
        let transaction = self.core.store.begin().await?;
        let current = store::user::lock_login(&transaction, &credentials, login.user.id).await?;
        let current = current
            .filter(|current| current.password_hash == login.password_hash)
            .ok_or_else(refused)?;
        attempt.succeed(&transaction).await?;
        if !current.is_active() {
            transaction.commit().await?;
            return Err(Error::Forbidden {
                message: "This account is deactivated; an administrator can let it in again".to_owned(),
            });
        }
        let tokens = self.sign_in(&transaction, current.user, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// Sets a new password, ends every session, and begins a new one in their place. A wrong current password counts as
    /// a failed login does.
    #[tracing::instrument(target = "taskwire::span", name = "session.change_password", skip_all)]
    pub async fn change_password(
        self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
        device: Device,
    ) -> Result<Tokens> {
        let refused = || Error::InvalidCredentials(Credential::CurrentPassword);
        let user = actor.signed_in()?;
        self.core.passwords.check_rules("new_password", &new)?;
        let _turn = self.core.password_turns.take(user.session).await;
        let attempt = Attempt::begin(self.core, Target::Account(user.id), &device).await?;
        attempt.delay().await;
        let credentials = policy::scope::<Credentials>(&Actor::System)?;
        let old_hash = store::user::password_hash(&self.core.store.reader(actor), &credentials, user.id).await?;
        if !self.core.passwords.verify(current, old_hash.clone()).await? {
            return Err(refused());
        }
        let new_hash = self.core.passwords.hash(new).await?;
        let transaction = self.core.store.begin().await?;
        let login = store::user::lock_login(&transaction, &credentials, user.id).await?;
        let login = login.filter(store::user::Login::is_active);
        let is_live = store::session::lock_live(&transaction, &credentials, user.session).await?;
        let login = login
            .filter(|_| is_live)
            .ok_or(Error::Unauthenticated(SignedOut::Revoked))?;
        if Some(&login.password_hash) != old_hash.as_ref() {
            return Err(refused());
        }
        attempt.succeed(&transaction).await?;
        let users = Users::new(self.core);
        let user = users
            .replace_password(actor, &transaction, &login.user, new_hash)
            .await?;
        let tokens = self.sign_in(&transaction, user, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }
}

/// Lets a session hash one password at a time, so that one token cannot keep all threads that hash busy.
#[derive(Debug, Default)]
pub(crate) struct PasswordTurns(Mutex<HashMap<SessionId, Weak<Turn<()>>>>);

impl PasswordTurns {
    /// Waits until no other password of the session is hashed. Its turn lasts until the guard is dropped.
    async fn take(&self, session: SessionId) -> OwnedMutexGuard<()> {
        self.turn_of(session).lock_owned().await
    }

    fn turn_of(&self, session: SessionId) -> Arc<Turn<()>> {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.retain(|_, turn| turn.strong_count() > 0);
        if let Some(turn) = turns.get(&session).and_then(Weak::upgrade) {
            return turn;
        }
        let turn = Arc::new(Turn::new(()));
        turns.insert(session, Arc::downgrade(&turn));
        turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_session_has_one_turn_and_others_do_not_wait_for_it() {
        let turns = PasswordTurns::default();
        let first = turns.take(SessionId(1)).await;
        assert!(turns.turn_of(SessionId(1)).try_lock().is_err());
        let second = turns.take(SessionId(2)).await;
        drop(first);
        let again = turns.take(SessionId(1)).await;
        drop((second, again));
        assert!(turns.turn_of(SessionId(3)).try_lock().is_ok());
        turns.turn_of(SessionId(4));
        let left = turns.0.lock().unwrap().len();
        assert!(left <= 1, "{left} turns are remembered");
    }
}
