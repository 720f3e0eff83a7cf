//! `Idempotency-Key` over HTTP: what both faces make of the keys of [`crate::domain::idempotency`].

use axum::http::{HeaderMap, HeaderName};

use super::request_id;
use crate::domain::actor::Actor;
use crate::domain::error::{Error, Result};
use crate::domain::idempotency::{Claim, Omitted, Ticket};
use crate::state::AppState;

/// The key that a client made for a write.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that the answer is that of an earlier request with the same key.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Why a form cannot have a key: its files would have to be read to know whether it is the same.
pub(crate) const NOT_WITH_FILES: &str =
    "Idempotency-Key is not taken with multipart/form-data; send this request without it";

/// The key of a request.
pub(crate) fn key_in(headers: &HeaderMap) -> Option<String> {
    headers
        .get(KEY)
        .map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned())
}

/// What comes of a write with a key.
pub(crate) enum Outcome<T> {
    /// It was done now.
    Done(T),
    /// It was done before, and this was kept of the answer.
    Replayed(String),
}

/// What a write has left behind.
pub(crate) enum WriteEffect {
    /// An answer, which repetitions get too.
    Answer(String),
    /// An answer with tokens in it, which is not stored.
    Secret,
    /// Nothing: it may be sent again.
    Nothing,
    /// Nobody knows. A repetition finds out from the data.
    Unknown,
}

/// Does a write unless its key tells that it was done before. It runs to its end even if the client goes away: that
/// is when it will be repeated.
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

/// Keeps the answer to a write. One that left nothing behind may be sent again.
async fn settle(state: &AppState, actor: &Actor, ticket: &Ticket, effect: WriteEffect) {
    let keys = state.domain().idempotency();
    let settled = match effect {
        WriteEffect::Answer(response) => keys.finish(actor, ticket, Ok(&response)).await,
        WriteEffect::Secret => keys.finish(actor, ticket, Err(Omitted::Secret)).await,
        WriteEffect::Nothing => keys.release(actor, ticket).await,
        WriteEffect::Unknown => keys.abandon(actor, ticket).await,
    };
    if let Err(error) = settled {
        // The answer stands all the same; a repetition finds out from the data.
        let request_id = request_id::current();
        tracing::error!(request_id, "an idempotency key was not settled: {error}");
    }
}
