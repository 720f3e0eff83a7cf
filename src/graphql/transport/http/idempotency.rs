//! `Idempotency-Key`: mutations that are safe to retry.

use axum::http::HeaderMap;
use serde_json::value::RawValue;

use super::Answer;
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;
use crate::http::idempotency::{Outcome, WriteEffect, key_in, run_once as run_once_over_http};

/// The key is ignored for queries, for anonymous clients, and for sign-in, whose tokens must not be stored.
pub(super) fn key_of(headers: &HeaderMap, caller: &Caller, operation: &Operation) -> Option<String> {
    if operation.is_query() || operation.signs_in() || caller.actor.user_id().is_none() {
        return None;
    }
    key_in(headers)
}

/// Why operations of a batch cannot have a key.
pub(super) const NOT_IN_BATCH: &str =
    "Idempotency-Key is for one operation; send the operations of this batch one by one";

pub(super) fn refuse_key(headers: &HeaderMap, reason: &str) -> Result<(), Refusal> {
    if key_in(headers).is_some() {
        return Err(Refusal::bad_request(reason));
    }
    Ok(())
}

/// Runs an operation, or replays the response if its key was used before. A replayed response has the cost if the first
/// request asked for it.
pub(super) async fn run_once(
    state: &GraphqlState,
    caller: Caller,
    operation: Operation,
    key: String,
) -> Result<Answer, Refusal> {
    let longest = state.config().http.request_timeout;
    let (actor, fingerprint) = (caller.actor, operation.fingerprint());
    let is_secret = operation.shows_secrets();
    let running = state.clone();
    let write = async move {
        let state = running;
        let running = state.executor().run(caller, operation);
        match tokio::time::timeout(longest, running).await {
            Ok(outcome) => {
                let effect = effect_of(&outcome, is_secret);
                (outcome, effect)
            }
            Err(_) => (Err(Refusal::timed_out(longest)), WriteEffect::Unknown),
        }
    };
    match run_once_over_http(state.app(), actor, &key, &fingerprint, Box::pin(write)).await? {
        Outcome::Done(outcome) => outcome.map(Answer::One),
        Outcome::Replayed(response) => RawValue::from_string(response)
            .map(Answer::Replayed)
            .map_err(Refusal::internal),
    }
}

/// The effect of an operation. A refused one has none, because it was not executed.
fn effect_of(outcome: &Result<Body, Refusal>, is_secret: bool) -> WriteEffect {
    match outcome {
        Ok(body) if body.has_data() && is_secret => WriteEffect::Secret,
        Ok(body) if body.has_data() => match String::from_utf8(body.to_json()) {
            Ok(response) => WriteEffect::Answer(response),
            Err(_) => WriteEffect::Unknown,
        },
        Ok(body) if body.has_internal_error() => WriteEffect::Unknown,
        Ok(_) | Err(_) => WriteEffect::Nothing,
    }
}
