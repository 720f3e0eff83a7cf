//! The use cases of idempotency keys.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;

use super::{MAX_KEY_LENGTH, MAX_RESPONSE_BYTES, Omitted};
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::id::TaskId;
use crate::domain::policy::{self, Own, Permit, RepeatRequest};
use crate::domain::random::hexadecimal;
use crate::domain::{Core, store};

/// The header that contains the key.
const HEADER: &str = "Idempotency-Key";
/// Lifetime of a key.
const LIFE: TimeDelta = TimeDelta::hours(24);
/// The lease of a key exceeds the maximum duration of a request by this, for a running commit.
const GRACE: Duration = Duration::from_secs(5);
/// Random bytes in the name of an attempt.
const OWNER_BYTES: usize = 16;
/// `Retry-After` while the first request is running.
const SENSIBLE_WAIT: Duration = Duration::from_secs(1);

/// The result of claiming a key.
#[derive(Debug)]
pub enum Claim {
    /// The key is new, so the write may run.
    First(Ticket),
    /// The write was done; this is the stored response.
    Done(String),
}

/// The right to run the write of a key and to store its result.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<store::idempotency::Claim>);

impl Ticket {
    /// Runs the write. Its transactions record the key.
    pub fn run<T>(&self, write: impl Future<Output = T>) -> impl Future<Output = T> {
        store::idempotency::under(Arc::clone(&self.0), write)
    }
}

/// The use cases of idempotency keys.
#[derive(Clone, Copy, Debug)]
pub struct Idempotency<'a> {
    core: &'a Core,
}

impl<'a> Idempotency<'a> {
    pub(in crate::domain) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Claims a key for a request, identified by `fingerprint`. A write that has not ended after `longest` counts as
    /// failed.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.claim", skip_all)]
    pub async fn claim(self, actor: &Actor, key: &str, fingerprint: &str, longest: Duration) -> Result<Claim> {
        let user = actor.signed_in()?.id;
        let permit = policy::permit(actor, RepeatRequest, &Own::of(user))?;
        check(key)?;
        let request_hash = self.core.request_hasher.hash(fingerprint)?;
        let claim = store::idempotency::Claim {
            user,
            key: key.to_owned(),
            owner: hexadecimal(self.core.randomness.as_ref(), OWNER_BYTES),
        };
        let now = self.core.clock.now();
        let leased_until = now + TimeDelta::from_std(longest + GRACE).map_err(Error::internal)?;
        let transaction = self.core.store.begin().await?;
        store::idempotency::forget_expired(&transaction, &permit, now).await?;
        let moments = [now, leased_until, now + LIFE];
        let mut is_ours = store::idempotency::insert(&transaction, &permit, &claim, &request_hash, moments).await?;
        let scope = policy::scope(actor)?;
        let mut found = if is_ours {
            None
        } else {
            store::idempotency::find(&transaction, &scope, key).await?
        };
        // Earlier versions stored the fingerprint itself, and keys live for a day after an update.
        let is_same = |stored: &str| stored == request_hash || stored == fingerprint;
        if found
            .as_ref()
            .is_some_and(|found| is_same(&found.request_hash) && found.response.is_none())
        {
            is_ours = store::idempotency::take_over(&transaction, &permit, &claim, [now, leased_until]).await?;
            if !is_ours {
                // Another attempt may have taken it over since it was read.
                found = store::idempotency::find(&transaction, &scope, key).await?;
            }
        }
        transaction.commit().await?;
        if is_ours {
            return Ok(Claim::First(Ticket(Arc::new(claim))));
        }
        // Without a row, the first request has released the key meanwhile.
        let found = found.ok_or_else(claimed)?;
        if !is_same(&found.request_hash) {
            let message = format!("{HEADER} '{key}' came with another request before; use a new key for a new request");
            return Err(Error::bad_input(HEADER, message));
        }
        if let Some(response) = found.response {
            return Ok(Claim::Done(response));
        }
        if found.leased_until.is_some_and(|until| until > now) {
            return Err(claimed());
        }
        Err(Error::Unrepeatable {
            key: key.to_owned(),
            omitted: found.omitted.as_deref().and_then(Omitted::named),
            task: found.task_id.map(TaskId),
        })
    }

    /// Deletes the expired keys of all users. Returns the number of deleted keys.
    pub async fn forget_expired(self, actor: &Actor) -> Result<u64> {
        let system = policy::system(actor)?;
        let transaction = self.core.store.begin().await?;
        let forgotten = store::idempotency::sweep(&transaction, &system, self.core.clock.now()).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }

    /// Stores the response of a write, or why it is omitted. Without a response, a key under which nothing was written is
    /// released: the request may run again.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.finish", skip_all)]
    pub async fn finish(self, actor: &Actor, ticket: &Ticket, response: Result<&str, Omitted>) -> Result<()> {
        let response = response.and_then(|response| {
            let fits = response.len() <= MAX_RESPONSE_BYTES;
            fits.then_some(response).ok_or(Omitted::TooLarge)
        });
        let permit = permit(actor, ticket)?;
        let transaction = self.core.store.begin().await?;
        if response.is_err() {
            store::idempotency::delete(&transaction, &permit, &ticket.0).await?;
        }
        store::idempotency::set_response(&transaction, &permit, &ticket.0, response, self.core.clock.now()).await?;
        transaction.commit().await
    }

    /// Releases the key of a request that failed. If one of its transactions was committed, no attempt may follow.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.release", skip_all)]
    pub async fn release(self, actor: &Actor, ticket: &Ticket) -> Result<()> {
        let permit = permit(actor, ticket)?;
        let transaction = self.core.store.begin().await?;
        store::idempotency::delete(&transaction, &permit, &ticket.0).await?;
        store::idempotency::end_lease(&transaction, &permit, &ticket.0).await?;
        transaction.commit().await
    }

    /// The write ended without a response. The next attempt checks the data.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.abandon", skip_all)]
    pub async fn abandon(self, actor: &Actor, ticket: &Ticket) -> Result<()> {
        let permit = permit(actor, ticket)?;
        let transaction = self.core.store.begin().await?;
        store::idempotency::end_lease(&transaction, &permit, &ticket.0).await?;
        transaction.commit().await
    }
}

/// Another request has the key.
fn claimed() -> Error {
    Error::Unavailable {
        retry_after: SENSIBLE_WAIT,
        cause: None,
    }
}

fn permit(actor: &Actor, ticket: &Ticket) -> Result<Permit<RepeatRequest>> {
    policy::permit(actor, RepeatRequest, &Own::of(ticket.0.user))
}

fn check(key: &str) -> Result<()> {
    let length = key.chars().count();
    if (1..=MAX_KEY_LENGTH).contains(&length) && key.chars().all(|character| character.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Error::bad_input(
        HEADER,
        format!(
            "{HEADER} is not acceptable: 1 to {MAX_KEY_LENGTH} visible ASCII characters are allowed, such as a UUID"
        ),
    ))
}
