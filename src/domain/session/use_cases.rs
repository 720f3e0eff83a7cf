//! The use cases of sessions.

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    Device, FAMILY_BYTES, GRACE, Identity, LiveSession, NewSession, REFRESH_TOKEN_BYTES, Session, Tokens, digest,
    slow_down,
};
use crate::domain::actor::{AccountState, Actor, Role, SignedIn};
use crate::domain::error::{Credential, Error, Result, SignedOut};
use crate::domain::id::{SessionId, UserId};
use crate::domain::network::Network;
use crate::domain::policy::{CreateUser, EndSessions, NewUser, Scope};
use crate::domain::random::{hexadecimal, url_safe};
use crate::domain::store::{Store, WriteTransaction};
use crate::domain::token::Bearer;
use crate::domain::user::{Registration, User, Users};
use crate::domain::{Core, policy, store};

/// The identity behind a checked token or signature. It is anonymous if the check failed, the session has ended or the
/// account is inactive.
pub(in crate::domain) async fn identify(store: &Store, checked: Result<Bearer, SignedOut>) -> Result<Identity> {
    let bearer = match checked {
        Ok(bearer) => bearer,
        Err(reason) => return Ok(Identity::anonymous(reason)),
    };
    let state = state_of(store, bearer.user, bearer.session).await?;
    Ok(state.map_or(Identity::anonymous(SignedOut::Revoked), |state| Identity {
        actor: Actor::User(SignedIn {
            id: bearer.user,
            role: state.role,
            session: bearer.session,
            time_zone: state.time_zone,
            users: Some(state.users),
        }),
        expires_at: Some(bearer.expires_at),
    }))
}

/// Current role and time zone of a user; `None` if the session has ended or the account is inactive.
pub(in crate::domain) async fn state_of(
    store: &Store,
    user: UserId,
    session: SessionId,
) -> Result<Option<AccountState>> {
    let system = policy::system(&Actor::System)?;
    store
        .session_checker()
        .state_of(store.system_reader(), system, user, session)
        .await
}

/// The use cases of sessions.
#[derive(Clone, Copy, Debug)]
pub struct Sessions<'a> {
    pub(super) core: &'a Core,
}

impl<'a> Sessions<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// The identity behind an access token. An invalid token gives an anonymous identity with the reason, for requests
    /// that require a user.
    #[tracing::instrument(target = "taskwire::span", name = "session.authenticate", skip_all)]
    pub async fn authenticate(self, token: Option<&str>) -> Result<Identity> {
        let token = token.ok_or(SignedOut::NoToken);
        let checked = token.and_then(|token| self.core.tokens.check(token, self.core.clock.now()));
        identify(&self.core.store, checked).await
    }

    /// Creates an account and signs it in. Requires no permission.
    #[tracing::instrument(target = "taskwire::span", name = "session.register", skip_all)]
    pub async fn register(self, registration: Registration, device: Device) -> Result<Tokens> {
        let users = Users::new(self.core);
        let account = users.check(registration, Role::User).await?;
        let permit = policy::permit(&Actor::System, CreateUser, &NewUser)?;
        let transaction = self.core.store.begin().await?;
        let user = store::user::insert(&transaction, &permit, account).await?;
        users.plan_verification(&Actor::System, &transaction, &user).await?;
        let tokens = self.sign_in(&transaction, user, device).await?;
        transaction.commit().await?;
        Ok(tokens)
    }

    /// The session of a refresh token, even if the token is expired or used: the id of its first refresh token.
    #[tracing::instrument(target = "taskwire::span", name = "session.find_by_refresh_token", skip_all)]
    pub async fn find_by_refresh_token(self, refresh_token: &SecretString) -> Result<Option<SessionId>> {
        let system = policy::system(&Actor::System)?;
        let hash = digest(refresh_token.expose_secret());
        store::session::first_of_token(self.core.store.system_reader(), &system, &hash).await
    }

    /// Exchanges a refresh token for new tokens. It can be used once.
    #[tracing::instrument(target = "taskwire::span", name = "session.refresh", skip_all)]
    pub async fn refresh(self, refresh_token: &SecretString, device: Device) -> Result<Tokens> {
        const REFUSED: Error = Error::InvalidCredentials(Credential::RefreshToken);

        let system = policy::system(&Actor::System)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        let hash = digest(refresh_token.expose_secret());
        // Every write locks the account before its session.
        let owner = store::session::owner(&transaction, &system, &hash).await?;
        let users = policy::scope::<policy::Users>(&Actor::System)?;
        let user = store::user::lock(&transaction, &users, owner.ok_or(REFUSED)?).await?;
        let user = user.ok_or(REFUSED)?;
        let session = store::session::lock(&transaction, &system, &hash).await?;
        let session = session.ok_or(REFUSED)?;
        if session.revoked_at.is_some() || session.expires_at <= now {
            return Err(REFUSED);
        }
        if !user.account.as_ref().is_some_and(|account| account.is_active) {
            return Err(REFUSED);
        }
        let permit = policy::permit(&Actor::System, EndSessions, &user)?;
        let next_token = self.core.tokens.next_refresh_token(refresh_token.expose_secret())?;
        match session.rotated_at {
            Some(rotated_at) if now - rotated_at > GRACE => {
                store::session::end_family(&transaction, &permit, &session.family, now).await?;
                transaction.commit().await?;
                tracing::warn!(user_id = %user.id, "a refresh token was reused: its session is ended");
                return Err(REFUSED);
            }
            // A retry after a lost response gets the same token.
            Some(_) => {
                let next = store::session::lock(&transaction, &system, &digest(&next_token)).await?;
                self.issue(user, next.ok_or(REFUSED)?.id, next_token)
            }
            None => {
                store::session::spend(&transaction, &permit, session.id, now).await?;
                let tokens = self
                    .begin(&transaction, user, session.family, next_token, device)
                    .await?;
                transaction.commit().await?;
                Ok(tokens)
            }
        }
    }

    /// Starts a session after the password was checked, and marks the address as known.
    pub(super) async fn sign_in(self, transaction: &WriteTransaction, user: User, device: Device) -> Result<Tokens> {
        if let Some(address) = device.ip {
            let permit = policy::permit(&Actor::System, policy::BeginSession, &user)?;
            let now = self.core.clock.now();
            store::session::login_address::remember(transaction, &permit, Network::from(address), now).await?;
        }
        let randomness = self.core.randomness.as_ref();
        let family = hexadecimal(randomness, FAMILY_BYTES);
        let refresh_token = url_safe(randomness, REFRESH_TOKEN_BYTES);
        self.begin(transaction, user, family, refresh_token, device).await
    }

    /// Stores a refresh token and issues the tokens of its session.
    async fn begin(
        self,
        transaction: &WriteTransaction,
        user: User,
        family: String,
        refresh_token: String,
        device: Device,
    ) -> Result<Tokens> {
        let now = self.core.clock.now();
        let session = NewSession {
            family,
            refresh_token_hash: digest(&refresh_token),
            device: device.shortened(),
            now,
            expires_at: now + self.core.refresh_token_ttl,
        };
        let permit = policy::permit(&Actor::System, policy::BeginSession, &user)?;
        let session = store::session::insert(transaction, &permit, session).await?;
        self.issue(user, session, refresh_token)
    }

    fn issue(self, user: User, session: SessionId, refresh_token: String) -> Result<Tokens> {
        let now = self.core.clock.now();
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

    /// The actor's active sessions, the most recently used first; up to 100.
    pub async fn own(self, actor: &Actor) -> Result<Vec<Session>> {
        let scope = policy::scope::<policy::Sessions>(actor)?;
        let reader = self.core.store.reader(actor);
        let live = store::session::live(&reader, &scope, self.core.clock.now()).await?;
        self.compared_with_current(actor, &scope, live).await
    }

    /// The actor's active sessions with these ids.
    pub async fn find_many(self, actor: &Actor, ids: &[SessionId]) -> Result<Vec<Session>> {
        let scope = policy::scope::<policy::Sessions>(actor)?;
        let reader = self.core.store.reader(actor);
        let live = store::session::find_many(&reader, &scope, ids, self.core.clock.now()).await?;
        self.compared_with_current(actor, &scope, live).await
    }

    /// Sets whether each session is the current one.
    async fn compared_with_current(
        self,
        actor: &Actor,
        scope: &Scope<policy::Sessions>,
        live: Vec<LiveSession>,
    ) -> Result<Vec<Session>> {
        let (reader, current) = (self.core.store.reader(actor), actor.signed_in()?.session);
        let current = store::session::family(&reader, scope, current).await?;
        let sessions = live.into_iter().map(|live| Session {
            is_current: current.as_ref() == Some(&live.family),
            ..live.session
        });
        Ok(sessions.collect())
    }

    /// Ends one of the actor's sessions, possibly the current one. Returns its last state.
    #[tracing::instrument(target = "taskwire::span", name = "session.end", skip_all)]
    pub async fn end(self, actor: &Actor, id: SessionId) -> Result<Session> {
        let session = self.find_many(actor, &[id]).await?.pop();
        let session = session.ok_or_else(|| Error::not_found(id))?;
        let (transaction, permit) = self.open_own(actor).await?;
        store::session::end_family_of(&transaction, &permit, id, self.core.clock.now()).await?;
        transaction.commit().await?;
        Ok(session)
    }

    /// Ends the current session.
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

    /// Deletes ended sessions and expired login failures. The first refresh token of an active session is kept, because
    /// it holds the session's start. Returns the number of deleted rows.
    pub async fn forget_ended(self, actor: &Actor) -> Result<u64> {
        let system = policy::system(actor)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        store::session::login_attempt::forget_before(&transaction, &system, now - slow_down::FORGET_AFTER).await?;
        store::session::login_address::sweep(&transaction, &system, now - slow_down::KNOWN_FOR).await?;
        // An access token may outlive its refresh token.
        let forgotten = store::session::sweep(&transaction, &system, now - self.core.access_token_ttl).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }

    /// Locks the account, as a refresh does. Otherwise a refresh at the same time could continue a session that ends.
    async fn open_own(self, actor: &Actor) -> Result<(WriteTransaction, policy::Permit<EndSessions>)> {
        let (transaction, user) = Users::new(self.core).open(actor, actor.signed_in()?.id).await?;
        let permit = policy::permit(actor, EndSessions, &user)?;
        Ok((transaction, permit))
    }
}
