//! `Idempotency-Key`: a mutation that is safe to repeat.

use axum::http::{HeaderMap, HeaderName};
use serde_json::value::RawValue;

use super::response::{Body, Refusal};
use crate::app::App;
use crate::domain::actor::Actor;
use crate::domain::idempotency::{Claim, Ticket};
use crate::graphql::executor::Operation;
use crate::http::caller::Caller;
use crate::http::request_id;

/// The key that a client made for a write.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that the answer is that of an earlier request with the same key.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What comes of an operation with a key.
pub(super) enum Outcome {
    /// It was run.
    Done(Body),
    /// It was run before, and this was answered.
    Replayed(Box<RawValue>),
}

/// The key of this operation, if it has one that counts. A query needs none. The answer to signing in holds
/// secrets, which are not stored for anybody to repeat; and whoever is not signed in has no keys.
pub(super) fn key_of(headers: &HeaderMap, caller: &Caller, operation: &Operation) -> Option<String> {
    if operation.is_query() || operation.signs_in() || caller.actor.user_id().is_none() {
        return None;
    }
    headers
        .get(KEY)
        .map(|key| String::from_utf8_lossy(key.as_bytes()).into_owned())
}

/// Several operations cannot share a key.
pub(super) fn refuse_key(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(KEY) {
        return Err(Refusal::bad_request(
            "Idempotency-Key is for one operation; send the operations of this batch one by one",
        ));
    }
    Ok(())
}

/// An operation with files cannot have a key: its files would have to be read to know whether it is the same.
pub(super) fn refuse_with_files(headers: &HeaderMap) -> Result<(), Refusal> {
    if headers.contains_key(KEY) {
        return Err(Refusal::bad_request(
            "Idempotency-Key is not taken with multipart/form-data; send this request without it",
        ));
    }
    Ok(())
}

/// Runs an operation unless its key tells that it was run before. It runs to its end even if the client goes
/// away: that is when it will be repeated.
pub(super) async fn run_once(app: &App, caller: Caller, operation: Operation, key: String) -> Result<Outcome, Refusal> {
    let longest = app.config().http.request_timeout;
    let domain = app.domain().clone();
    let claim = domain
        .idempotency()
        .claim(&caller.actor, &key, &operation.fingerprint(), longest)
        .await?;
    let ticket = match claim {
        Claim::First(ticket) => ticket,
        Claim::Done(response) => {
            return RawValue::from_string(response)
                .map(Outcome::Replayed)
                .map_err(Refusal::internal);
        }
    };
    let app = app.clone();
    let running = tokio::spawn(request_id::keep(async move {
        let actor = caller.actor;
        let running = app.graphql().run(app.domain(), caller, operation);
        // Given up in the middle, nobody knows what was done: the key stays claimed.
        let outcome = tokio::time::timeout(longest, running)
            .await
            .map_err(|_| Refusal::timed_out(longest))?;
        settle(&app, &actor, &ticket, outcome.map(Body::from)).await
    }));
    running.await.map_err(Refusal::internal)?
}

/// Keeps the answer to a write. An operation of which nothing came may be sent again.
async fn settle(app: &App, actor: &Actor, ticket: &Ticket, outcome: Result<Body, Refusal>) -> Result<Outcome, Refusal> {
    let keys = app.domain().idempotency();
    let response = match &outcome {
        Ok(body) if body.has_data() => serde_json::to_string(body).ok(),
        _ => None,
    };
    let settled = match response {
        Some(response) => keys.finish(actor, ticket, &response).await,
        None => keys.release(actor, ticket).await,
    };
    if let Err(error) = settled {
        // The answer stands all the same; a repetition will be told that it is not known.
        let request_id = request_id::current();
        tracing::error!(request_id, "an idempotency key was not settled: {error}");
    }
    outcome.map(Outcome::Done)
}
