//! Writes that are safe to repeat: a client sends a key of its own making with a write, and when it repeats
//! the write with the same key, because it never saw the answer, it gets the first answer again and nothing
//! is done twice.
//!
//! A key is claimed before the write begins. If the server dies in between, nobody can know whether the write
//! was done, and that is what a repetition is told: it is never done a second time.

use std::time::Duration;

use chrono::TimeDelta;

use super::Core;
use super::actor::Actor;
use super::error::{Error, Result};
use super::id::UserId;
use super::policy::{self, Leftovers, OwnRequest, RepeatRequest, SweepUp};
use super::store;

/// The most characters of a key.
pub const MAX_KEY_LENGTH: usize = 255;
/// How long a key is remembered.
const LIFE: TimeDelta = TimeDelta::hours(24);
/// How long to wait before asking again for a write that is under way.
const SENSIBLE_WAIT: Duration = Duration::from_secs(1);

/// What a claim of a key comes to.
#[derive(Debug)]
pub enum Claim {
    /// Nobody has sent this key before: the write may begin.
    First(Ticket),
    /// The write was done. This is what was answered.
    Done(String),
}

/// The right to do the write of one key, and to say what came of it.
#[derive(Debug)]
pub struct Ticket {
    user: UserId,
    key: String,
}

/// The use cases of keys.
#[derive(Clone, Copy, Debug)]
pub struct Idempotency<'a> {
    core: &'a Core,
}

impl<'a> Idempotency<'a> {
    pub(super) fn new(core: &'a Core) -> Self {
        Self { core }
    }

    /// Claims a key for a request, which `request_hash` tells from others. A write that has not ended
    /// within `longest` never will.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.claim", skip_all)]
    pub async fn claim(self, actor: &Actor, key: &str, request_hash: &str, longest: Duration) -> Result<Claim> {
        let user = actor.signed_in()?.id;
        let permit = policy::permit(actor, RepeatRequest, &OwnRequest { user })?;
        check(key)?;
        let now = self.core.clock.now();
        let transaction = self.core.store.begin().await?;
        store::idempotency::forget_expired(&transaction, &permit, now).await?;
        let claimed = store::idempotency::insert(&transaction, &permit, key, request_hash, now, now + LIFE).await?;
        let found = if claimed {
            None
        } else {
            store::idempotency::find(&transaction, &policy::scope(actor)?, key).await?
        };
        transaction.commit().await?;
        let Some(found) = found else {
            return Ok(Claim::First(Ticket {
                user,
                key: key.to_owned(),
            }));
        };
        if found.request_hash != request_hash {
            return Err(bad_key(format!(
                "Idempotency-Key '{key}' came with another request before; use a new key for a new request"
            )));
        }
        if let Some(response) = found.response {
            return Ok(Claim::Done(response));
        }
        let age = (now - found.created_at).to_std().unwrap_or_default();
        if age <= longest {
            return Err(Error::Unavailable {
                retry_after: SENSIBLE_WAIT,
                cause: None,
            });
        }
        Err(bad_key(format!(
            "The request with the Idempotency-Key '{key}' did not come to its end, and whether it was done is not \
             known: look before you repeat it with a new key"
        )))
    }

    /// Forgets the keys of everybody whose time is over. Returns how many there were.
    pub async fn forget_expired(self, actor: &Actor) -> Result<u64> {
        let permit = policy::permit(actor, SweepUp, &Leftovers)?;
        let transaction = self.core.store.begin().await?;
        let forgotten = store::idempotency::sweep(&transaction, &permit, self.core.clock.now()).await?;
        transaction.commit().await?;
        Ok(forgotten)
    }

    /// The write was done, and this is the answer.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.finish", skip_all)]
    pub async fn finish(self, actor: &Actor, ticket: &Ticket, response: &str) -> Result<()> {
        let permit = policy::permit(actor, RepeatRequest, &OwnRequest { user: ticket.user })?;
        let transaction = self.core.store.begin().await?;
        store::idempotency::set_response(&transaction, &permit, &ticket.key, response, self.core.clock.now()).await?;
        transaction.commit().await
    }

    /// Nothing was written: the key may be used again.
    #[tracing::instrument(target = "taskwire::span", name = "idempotency.release", skip_all)]
    pub async fn release(self, actor: &Actor, ticket: &Ticket) -> Result<()> {
        let permit = policy::permit(actor, RepeatRequest, &OwnRequest { user: ticket.user })?;
        let transaction = self.core.store.begin().await?;
        store::idempotency::delete(&transaction, &permit, &ticket.key).await?;
        transaction.commit().await
    }
}

fn check(key: &str) -> Result<()> {
    let length = key.chars().count();
    if (1..=MAX_KEY_LENGTH).contains(&length) && key.chars().all(|character| character.is_ascii_graphic()) {
        return Ok(());
    }
    Err(bad_key(format!(
        "Idempotency-Key is not acceptable: 1 to {MAX_KEY_LENGTH} visible ASCII characters are allowed, such as a UUID"
    )))
}

fn bad_key(message: String) -> Error {
    Error::BadInput {
        field: "Idempotency-Key",
        message,
    }
}
