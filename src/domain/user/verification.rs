//! Verification of e-mail addresses: the server mails a token, and the user sends it back.

use chrono::TimeDelta;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use super::{Account, User, Users};
use crate::domain::actor::Actor;
use crate::domain::clock::Timestamp;
use crate::domain::error::{Credential, Error, Result};
use crate::domain::id::UserId;
use crate::domain::job::{JobKind, NewJob};
use crate::domain::notification::Email;
use crate::domain::policy::{self, EditUser, Permit, SendVerification, Users as UserNoun, VerifyEmail};
use crate::domain::random::url_safe;
use crate::domain::session::digest;
use crate::domain::store::{self, WriteTransaction};

/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;
/// Lifetime of a token.
const TOKEN_LIFE: TimeDelta = TimeDelta::hours(24);
/// Minimum time between two verification mails of an account, even if its address changes. Otherwise an account could
/// send mail to many strangers.
const MAIL_PAUSE: TimeDelta = TimeDelta::minutes(1);

impl Users<'_> {
    /// Verifies the address that a token was mailed to. Needs no sign-in; the token works once.
    #[tracing::instrument(target = "taskwire::span", name = "user.verify_email", skip_all)]
    pub async fn verify_email(self, token: &SecretString) -> Result<()> {
        const REFUSED: Error = Error::InvalidCredentials(Credential::VerificationToken);

        let system = policy::system(&Actor::System)?;
        let users = policy::scope::<UserNoun>(&Actor::System)?;
        let (hash, now) = (digest(token.expose_secret()), self.core.clock.now());
        let transaction = self.core.store.begin().await?;
        let owner = store::user::email_verification::owner_of(&transaction, &system, &hash, now)
            .await?
            .ok_or(REFUSED)?;
        let user = store::user::lock(&transaction, &users, owner).await?.ok_or(REFUSED)?;
        let permit = policy::permit(&Actor::System, VerifyEmail, &user)?;
        store::user::email_verification::verify(&transaction, &permit, now).await?;
        transaction.commit().await
    }

    /// Mails another token to the actor's address, at most once a minute.
    #[tracing::instrument(target = "taskwire::span", name = "user.send_verification", skip_all)]
    pub async fn send_verification(self, actor: &Actor) -> Result<()> {
        let (transaction, user) = self.open(actor, actor.signed_in()?.id).await?;
        let permit = policy::permit(actor, SendVerification, &user)?;
        if self.core.mailer.is_none() {
            let message = "email: this server sends no mail; ask an administrator to set the address";
            return Err(Error::invalid("email", message));
        }
        if user.account.as_ref().is_some_and(|account| account.email_verified) {
            return Err(Error::invalid("email", "email: the address is verified already"));
        }
        let now = self.core.clock.now();
        let last = store::user::email_verification::last_mail_at(&transaction, &permit).await?;
        if let Some(ready) = last.map(|last| last + MAIL_PAUSE).filter(|ready| now < *ready) {
            return Err(Error::rate_limited(ready - now));
        }
        enqueue(&transaction, &permit, now, now).await?;
        transaction.commit().await
    }

    /// Enqueues the verification mail in the transaction that sets the address. The mail goes to the current address
    /// when it is sent, so one queued mail is enough.
    pub(in crate::domain) async fn plan_verification(
        self,
        actor: &Actor,
        transaction: &WriteTransaction,
        user: &User,
    ) -> Result<()> {
        if self.core.mailer.is_none() {
            return Ok(());
        }
        let permit = policy::permit(actor, SendVerification, user)?;
        let now = self.core.clock.now();
        let last = store::user::email_verification::last_mail_at(transaction, &permit).await?;
        if last.is_some_and(|last| last > now) {
            return Ok(());
        }
        let run_at = last.map_or(now, |last| now.max(last + MAIL_PAUSE));
        enqueue(transaction, &permit, run_at, now).await
    }

    /// Updates the verification after a change of address. Addresses that administrators set count as verified.
    pub(super) async fn address_changed(
        self,
        actor: &Actor,
        transaction: &WriteTransaction,
        user: &User,
    ) -> Result<()> {
        let now = self.core.clock.now();
        if let Ok(permit) = policy::permit(actor, VerifyEmail, user) {
            return store::user::email_verification::verify(transaction, &permit, now).await;
        }
        let permit = policy::permit(actor, EditUser, user)?;
        store::user::email_verification::reset(transaction, &permit, now).await?;
        self.plan_verification(actor, transaction, user).await
    }

    /// The mail with a new token, and the transaction in which it replaces the last one. `None` if the address needs no
    /// verification any more. The token is created here, so that the job queue does not store it.
    pub(in crate::domain) async fn verification_email(
        self,
        actor: &Actor,
        id: UserId,
    ) -> Result<Option<(WriteTransaction, Email)>> {
        let scope = policy::scope::<UserNoun>(actor)?;
        let transaction = self.core.store.begin().await?;
        let Some(user) = store::user::lock(&transaction, &scope, id).await? else {
            return Ok(None);
        };
        let permit = policy::permit(actor, SendVerification, &user)?;
        let account = user
            .account
            .filter(|account| account.is_active && !account.email_verified);
        let Some(account) = account else {
            return Ok(None);
        };
        let (token, now) = (
            url_safe(self.core.randomness.as_ref(), TOKEN_BYTES),
            self.core.clock.now(),
        );
        store::user::email_verification::set_token(&transaction, &permit, &digest(&token), now + TOKEN_LIFE).await?;
        let mailer = self.core.mailer.as_ref();
        let public_url = mailer.and_then(|mailer| mailer.public_url.as_deref());
        let email = write(&account, id, &token, public_url, now);
        Ok(Some((transaction, email)))
    }
}

/// Enqueues the mail to an account, to be sent at this time.
async fn enqueue(
    transaction: &WriteTransaction,
    permit: &Permit<SendVerification>,
    run_at: Timestamp,
    now: Timestamp,
) -> Result<()> {
    store::user::email_verification::set_mail_at(transaction, permit, run_at).await?;
    let job = NewJob {
        run_at,
        ..NewJob::new(JobKind::VerifyEmail, json!({ "user_id": permit.subject() }), now)
    };
    store::job::enqueue(transaction, &policy::system(&Actor::System)?, job).await?;
    Ok(())
}

/// The address may belong to a stranger, so the mail contains no text that a user chose.
fn write(account: &Account, id: UserId, token: &str, public_url: Option<&str>, now: Timestamp) -> Email {
    let how = match public_url {
        Some(url) => format!(
            "open this page:\n\n{}/verify-email?token={token}",
            url.trim_end_matches('/')
        ),
        None => format!("send this token to POST /api/v1/auth/verify-email or to the mutation emailVerify:\n\n{token}"),
    };
    Email {
        name: format!("verification-{id}-{}", now.timestamp_micros()),
        to: account.email.clone(),
        to_name: None,
        subject: "[Taskwire] Confirm your e-mail address".to_owned(),
        text: format!(
            "Hello,\n\nthis address was entered for a Taskwire account. To confirm within 24 hours that it is yours, {how}\n\n\
             If you have no such account, ignore this mail. Notifications are sent to confirmed addresses only.\n"
        ),
        written_at: now,
    }
}
