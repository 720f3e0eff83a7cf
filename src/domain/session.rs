//! Sessions: signing up, in and out, and who the bearer of a token is.
//!
//! A session is one refresh token. Using it makes a new one of the same family and spends the old;
//! a spent one that comes again later than a lost answer explains means that it was stolen, and
//! ends the family.

mod own;

pub(crate) use own::LiveSession;
pub use own::Session;

use chrono::{Duration, TimeDelta};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::Core;
use super::actor::{Actor, Role, SignedIn};
use super::clock::Timestamp;
use super::error::{Credential, Error, Result, SignedOut};
use super::id::{SessionId, UserId};
use super::policy::{self, CreateUser, Credentials, EndSessions, Leftovers, NewUser, SweepUp};
use super::random::{hexadecimal, url_safe};
use super::store::{self, Store, WriteTransaction};
use super::token::Bearer;
use super::user::{Registration, User, Users};

/// How long a spent refresh token is taken for a repeated request rather than a theft.
const GRACE: TimeDelta = TimeDelta::seconds(10);
/// Failures in a row before an account slows down.
const FREE_FAILURES: u32 = 10;
/// The longest wait after a failure.
const MAX_WAIT: TimeDelta = TimeDelta::seconds(60);
/// After this time without an attempt, failures are forgotten.
const FORGET_AFTER: TimeDelta = TimeDelta::days(1);
/// Random bytes of a refresh token.
const REFRESH_TOKEN_BYTES: usize = 32;
/// Random bytes of a family's name.
const FAMILY_BYTES: usize = 16;
/// Characters of a user agent that are kept.
const MAX_USER_AGENT_LENGTH: usize = 255;

/// From where somebody signs in.
#[derive(Clone, Debug, Default)]
pub struct Device {
    /// What the client calls itself.
    pub user_agent: Option<String>,
    /// Its address.
    pub ip: Option<String>,
}

/// What somebody gets who signed in.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Goes with every request.
    pub access_token: String,
    /// Gets the next pair of tokens, once.
    pub refresh_token: String,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// How long the access token is good for, in seconds.
    pub expires_in: i64,
    /// Who signed in.
    pub user: User,
}

/// A refresh token as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredSession {
    pub(crate) id: SessionId,
    pub(crate) family: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) rotated_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// A session that is about to begin.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub(crate) family: String,
    pub(crate) refresh_token_hash: String,
    pub(crate) device: Device,
    pub(crate) now: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// Who shows a token, and for how long it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// On whose behalf.
    pub actor: Actor,
    /// When the token expires; `None` for nobody.
    pub expires_at: Option<Timestamp>,
}

impl Identity {
    fn nobody(reason: SignedOut) -> Self {
        Self {
            actor: Actor::Anonymous(reason),
            expires_at: None,
        }
    }
}

/// The role that a user has now; `None` once the session or the account has ended.
pub(super) async fn role_of(store: &Store, user: UserId, session: SessionId) -> Result<Option<Role>> {
    let credentials = policy::scope::<Credentials>(&Actor::System)?;
    store
        .bearers()
        .role_of(&store.session_reader(), credentials, user, session)
        .await
}

/// The use cases of sessions.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    core: &'a Core,
}

impl<'a> Sessions<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Who shows this access token. Nobody, when it does not count; the reason is kept for whoever
    /// needs somebody signed in.
    #[tracing::instrument(target = "taskwire::span", name = "session.authenticate", skip_all)]
    pub async fn authenticate(self, token: Option<&str>) -> Result<Identity> {
        let Some(token) = token else {
            return Ok(Identity::nobody(SignedOut::NoToken));
        };
        let now = self.core.clock.now();
        let bearer = match self.core.tokens.check(token, now) {
            Ok(bearer) => bearer,
            Err(reason) => return Ok(Identity::nobody(reason)),
        };
        let role = role_of(&self.core.store, bearer.user, bearer.session).await?;
        Ok(role.map_or(Identity::nobody(SignedOut::Revoked), |role| Identity {
            actor: Actor::User(SignedIn {
                id: bearer.user,
                role,
                session: bearer.session,
            }),
            expires_at: Some(bearer.expires_at),
        }))
    }

    /// Makes an account and signs it in. Anybody may.
    #[tracing::instrument(target = "taskwire::span", name = "session.register", skip_all)]
    pub async fn register(self, registration: Registration, device: Device) -> Result<Tokens> {
        let account = Users::new(self.core).check(registration, Role::User).await?;
        let permit = policy::permit(&Actor::System, CreateUser, &NewUser)?;
        let transaction = self.core.store.begin().await?;
        let user = store::user::insert(&transaction, &permit, account).await?;
        let tokens = self.begin(&transaction, user, None, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// Signs somebody in by e-mail address or username. Failures in a row make the account wait.
    #[tracing::instrument(target = "taskwire::span", name = "session.login", skip_all)]
    pub async fn login(self, name: &str, password: SecretString, device: Device) -> Result<Tokens> {
        let credentials = policy::scope::<Credentials>(&Actor::System)?;
        let login = store::user::find_login(self.core.store.system_reader(), &credentials, name).await?;
        let subject = match &login {
            Some(login) => digest(&format!("user:{}", login.user.id)),
            None => digest(&format!("name:{}", name.to_lowercase())),
        };
        self.count_attempt(&subject).await?;
        let hash = login.as_ref().map(|login| login.password_hash.clone());
        let known = self.core.passwords.verify(password, hash).await?;
        let login = login
            .filter(|_| known)
            .ok_or(Error::InvalidCredentials(Credential::Login))?;
        let transaction = self.core.store.begin().await?;
        store::login_attempt::clear(&transaction, &subject).await?;
        if !login.user.account.as_ref().is_some_and(|account| account.is_active) {
            transaction.commit().await?;
            return Err(Error::Forbidden {
                message: "This account is deactivated; an administrator can let it in again".to_owned(),
            });
        }
        let tokens = self.begin(&transaction, login.user, None, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// The next pair of tokens for a refresh token, which is spent by it.
    #[tracing::instrument(target = "taskwire::span", name = "session.refresh", skip_all)]
    pub async fn refresh(self, refresh_token: &SecretString, device: Device) -> Result<Tokens> {
        const REFUSED: Error = Error::InvalidCredentials(Credential::RefreshToken);

        let credentials = policy::scope::<Credentials>(&Actor::System)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        let hash = digest(refresh_token.expose_secret());
        // The account before its session, as every other write locks them.
        let owner = store::session::owner(&transaction, &credentials, &hash)
            .await?
            .ok_or(REFUSED)?;
        let users = policy::scope::<policy::Users>(&Actor::System)?;
        let user = store::user::lock(&transaction, &users, owner).await?.ok_or(REFUSED)?;
        let session = store::session::lock(&transaction, &credentials, &hash)
            .await?
            .ok_or(REFUSED)?;
        if session.revoked_at.is_some() || session.expires_at <= now {
            return Err(REFUSED);
        }
        if !user.account.as_ref().is_some_and(|account| account.is_active) {
            return Err(REFUSED);
        }
        let permit = policy::permit(&Actor::System, EndSessions, &user)?;
        match session.rotated_at {
            Some(rotated_at) if now - rotated_at > GRACE => {
                store::session::end_family(&transaction, &permit, &session.family, now).await?;
                transaction.commit().await?;
                tracing::warn!(user_id = %user.id, "a spent refresh token came again: its session is ended");
                return Err(REFUSED);
            }
            Some(_) => {}
            None => store::session::spend(&transaction, &permit, session.id, now).await?,
        }
        let tokens = self.begin(&transaction, user, Some(session.family), device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// Begins a session: a new family, or the next of one.
    pub(super) async fn begin(
        self,
        transaction: &WriteTransaction,
        user: User,
        family: Option<String>,
        device: Device,
    ) -> Result<Tokens> {
        let randomness = self.core.randomness.as_ref();
        let refresh_token = url_safe(randomness, REFRESH_TOKEN_BYTES);
        let now = self.core.clock.now();
        let session = NewSession {
            family: family.unwrap_or_else(|| hexadecimal(randomness, FAMILY_BYTES)),
            refresh_token_hash: digest(&refresh_token),
            device: device.shortened(),
            now,
            expires_at: now + self.core.refresh_token_ttl,
        };
        let permit = policy::permit(&Actor::System, policy::BeginSession, &user)?;
        let session = store::session::insert(transaction, &permit, session).await?;
        let expires_at = now + self.core.access_token_ttl;
        let bearer = Bearer {
            user: user.id,
            session,
            expires_at,
        };
        Ok(Tokens {
            access_token: self.core.tokens.sign(bearer, now)?,
            refresh_token,
            expires_at,
            expires_in: self.core.access_token_ttl.num_seconds(),
            user,
        })
    }

    /// Ends the session the actor asks with.
    #[tracing::instrument(target = "taskwire::span", name = "session.logout", skip_all)]
    pub async fn logout(self, actor: &Actor) -> Result<()> {
        let session = actor.signed_in()?.session;
        let (transaction, permit) = self.open_own(actor).await?;
        store::session::end_family_of(&transaction, &permit, session, self.core.clock.now()).await?;
        transaction.commit().await
    }

    /// Ends every session of the actor.
    #[tracing::instrument(target = "taskwire::span", name = "session.logout_everywhere", skip_all)]
    pub async fn logout_everywhere(self, actor: &Actor) -> Result<()> {
        let (transaction, permit) = self.open_own(actor).await?;
        store::session::end_all(&transaction, &permit, self.core.clock.now()).await?;
        transaction.commit().await
    }

    /// Sets a new password, ends every session, and begins a new one in their place.
    #[tracing::instrument(target = "taskwire::span", name = "session.change_password", skip_all)]
    pub async fn change_password(
        self,
        actor: &Actor,
        current: SecretString,
        new: SecretString,
        device: Device,
    ) -> Result<Tokens> {
        let user = Users::new(self.core).change_password(actor, current, new).await?;
        let transaction = self.core.store.begin().await?;
        let tokens = self.begin(&transaction, user, None, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// Forgets sessions that are over, and failures to sign in that do not count any more. The first refresh token of
    /// a session that goes on is kept, because it says when that began. Returns how many were forgotten.
    pub async fn forget_ended(self, actor: &Actor) -> Result<u64> {
        let permit = policy::permit(actor, SweepUp, &Leftovers)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        store::login_attempt::forget_before(&transaction, now - FORGET_AFTER).await?;
        // An access token may outlive its refresh token.
        let forgotten = store::session::sweep(&transaction, &permit, now - self.core.access_token_ttl).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }

    async fn open_own(self, actor: &Actor) -> Result<(WriteTransaction, policy::Permit<EndSessions>)> {
        let user = Users::new(self.core).viewer(actor).await?;
        let permit = policy::permit(actor, EndSessions, &user)?;
        Ok((self.core.store.begin().await?, permit))
    }

    /// Counts an attempt before it is made, so that many at once do not slip through; a success
    /// forgets it. Too many failures make the next attempt wait, for ever longer, up to a minute.
    async fn count_attempt(self, subject: &str) -> Result<()> {
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        store::login_attempt::forget_before(&transaction, now - FORGET_AFTER).await?;
        let failures = match store::login_attempt::lock(&transaction, subject).await? {
            Some((failures, last)) => {
                let ready = last + wait_after(failures);
                if now < ready {
                    return Err(Error::RateLimited {
                        retry_after: whole_seconds(ready - now),
                    });
                }
                failures
            }
            None => 0,
        };
        store::login_attempt::set(&transaction, subject, failures + 1, now).await?;
        transaction.commit().await
    }
}

impl Device {
    fn shortened(self) -> Self {
        Self {
            user_agent: self
                .user_agent
                .map(|agent| agent.chars().take(MAX_USER_AGENT_LENGTH).collect()),
            ip: self.ip,
        }
    }
}

/// How long to wait after so many failures in a row: nothing, then 1 s, doubled each time.
fn wait_after(failures: u32) -> Duration {
    let Some(excess) = failures.checked_sub(FREE_FAILURES) else {
        return Duration::zero();
    };
    // 2^6 s is past the limit already.
    TimeDelta::seconds(1 << excess.min(6)).min(MAX_WAIT)
}

/// Rounded up, so that one who waits so long is not refused again.
fn whole_seconds(wait: Duration) -> std::time::Duration {
    let seconds = (wait.num_milliseconds() + 999) / 1_000;
    std::time::Duration::from_secs(u64::try_from(seconds).unwrap_or(0).max(1))
}

/// What is stored of a secret that is random enough to need no salt.
fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_the_tenth_failure_and_stop_at_a_minute() {
        let waits: Vec<i64> = [0, 9, 10, 11, 12, 15, 16, 40, u32::MAX]
            .map(|n| wait_after(n).num_seconds())
            .to_vec();
        assert_eq!(waits, [0, 0, 1, 2, 4, 32, 60, 60, 60]);
    }
}
