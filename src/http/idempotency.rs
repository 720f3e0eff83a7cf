//! `Idempotency-Key` over HTTP, for both APIs. See [`crate::domain::idempotency`].

use axum::http::{HeaderMap, HeaderName};

use super::request_id;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::idempotency::{Claim, Omitted, Ticket};
use crate::state::AppState;

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Marks the stored response of an earlier request with the same key.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Comparing two forms would require reading their files.
pub(crate) const NOT_WITH_FILES: &str =
    "Idempotency-Key is not supported with multipart/form-data; send this request without it";

pub(crate) fn key_in(headers: &HeaderMap) -> Option<String> {
    headers
        .get(KEY)
        .map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned())
}

pub(crate) enum Outcome<T> {
    /// The write ran now.
    Done(T),
    /// The stored response of an earlier request.
    Replayed(String),
}

pub(crate) enum WriteEffect {
    /// The response to store.
    Answer(String),
    /// A response with tokens, which is not stored.
    Secret,
    /// Nothing was written: the request may be sent again.
    Nothing,
    /// Unknown: a repeated request finds out from the data.
    Unknown,
}

/// Runs a write unless its key was used before. It runs to its end even if the client disconnects, because then the
/// client will repeat it.
pub(crate) async fn run_once<T: Send + 'static>(
    state: &AppState,
    actor: Actor,
    key: &str,
    fingerprint: &str,
    write: impl Future<Output = (T, WriteEffect)> + Send + 'static,
) -> Result<Outcome<T>> {
    let longest = state.config().http.request_timeout;
    let claim = state.domain().idempotency().claim(&actor, key, fingerprint, longest);
    let ticket = match claim.await? {
        Claim::First(ticket) => ticket,
        Claim::Done(response) => return Ok(Outcome::Replayed(response)),
    };
    let state = state.clone();
    let running = tokio::spawn(request_id::keep(async move {
        let (answer, effect) = ticket.run(write).await;
        settle(&state, &actor, &ticket, effect).await;
        Outcome::Done(answer)
    }));
    running.await.map_err(Error::internal)
}

/// Stores the effect of a write, or releases its key if nothing was written.
async fn settle(state: &AppState, actor: &Actor, ticket: &Ticket, effect: WriteEffect) {
    let keys = state.domain().idempotency();
    let settled = match effect {
        WriteEffect::Answer(response) => keys.finish(actor, ticket, Ok(&response)).await,
        WriteEffect::Secret => keys.finish(actor, ticket, Err(Omitted::Secret)).await,
        WriteEffect::Nothing => keys.release(actor, ticket).await,
        WriteEffect::Unknown => keys.abandon(actor, ticket).await,
    };
    if let Err(error) = settled {
        // The response is valid; a repeated request finds out from the data.
        let request_id = request_id::current();
        tracing::error!(request_id, "the result of an idempotency key was not stored: {error}");
    }
}
