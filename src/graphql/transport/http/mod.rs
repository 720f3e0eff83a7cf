//! GraphQL over HTTP.
//!
//! `request` and `multipart` read requests, `accept` negotiates the media type, `idempotency` applies
//! `Idempotency-Key`, and `response` writes responses.

mod accept;
mod idempotency;
mod multipart;
mod request;
mod response;

use std::sync::LazyLock;

use axum::extract::{RawQuery, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse as _, Response};
use futures_util::future::join_all;
use serde_json::value::RawValue;

use self::accept::{accepts_html, negotiate_stream};
use self::request::{Posted, from_body, from_url};
use self::response::respond;
use super::{stream, websocket};
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::sdl;
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;

/// Request header, with any value: responses then contain the cost of the operation in `extensions.cost`.
const COST_HEADER: &str = "graphql-cost";

enum Answer {
    One(Body),
    /// The stored response of an earlier request with the same idempotency key.
    Replayed(Box<RawValue>),
    Many(Vec<Body>),
    /// The events of a subscription.
    Stream(Box<Response>),
}

/// `POST /graphql`: one operation or a batch, as JSON or as a form with files.
pub(in crate::graphql) async fn post(State(state): State<GraphqlState>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let answer = Box::pin(async {
        if multipart::is_multipart(&parts.headers) {
            return Box::pin(multipart::answer(&state, &parts, body)).await;
        }
        match from_body(&state, &parts, body).await? {
            Posted::One(parameters) => {
                let operation = state.executor().prepare(parameters, shows_cost(&parts)).await?;
                if operation.is_subscription() {
                    return Box::pin(subscribe(&state, &parts, operation)).await;
                }
                let caller = caller(&state, &parts).await?;
                match idempotency::key_of(&parts.headers, &caller, &operation) {
                    Some(key) => Box::pin(idempotency::run_once(&state, caller, operation, key)).await,
                    None => state.executor().run(caller, operation).await.map(Answer::One),
                }
            }
            Posted::Many(batch) => {
                idempotency::refuse_key(&parts.headers, idempotency::NOT_IN_BATCH)?;
                let caller = caller(&state, &parts).await?;
                let size = state.executor().response_size();
                let prepared = state.executor().prepare_batch(batch, shows_cost(&parts)).await?;
                let bodies = prepared.into_iter().map(async |operation| {
                    // A refused operation does not affect the others.
                    let answer = match operation {
                        Ok(operation) if operation.is_subscription() => Err(subscription_in_batch()),
                        Ok(operation) => state.executor().run(caller.clone(), operation.within(&size)).await,
                        Err(refusal) => Err(refusal),
                    };
                    answer.unwrap_or_else(Body::from)
                });
                Ok(Answer::Many(join_all(bodies).await))
            }
        }
    });
    respond(&parts.headers, state.within_limit(answer).await)
}

/// `GET /graphql`: a query or subscription in the URL, a WebSocket, or the editor for browsers.
pub(in crate::graphql) async fn get(
    State(state): State<GraphqlState>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let (mut parts, _) = request.into_parts();
    if websocket::is_upgrade(&parts.headers) {
        let opened = websocket::open(&state, &mut parts).await;
        return opened.unwrap_or_else(|refusal| respond(&parts.headers, Err(refusal)));
    }
    if query.is_none()
        && accepts_html(&parts.headers)
        && let Some(editor) = state.editor()
    {
        return editor;
    }
    let answer = Box::pin(async {
        let parameters = from_url(query.as_deref().unwrap_or_default())?;
        let operation = state.executor().prepare(parameters, shows_cost(&parts)).await?;
        if operation.is_subscription() {
            return Box::pin(subscribe(&state, &parts, operation)).await;
        }
        if !operation.is_query() {
            let message = "Only queries and subscriptions can be sent by GET; send mutations by POST";
            return Err(Refusal::method_not_allowed(message, "POST"));
        }
        let caller = caller(&state, &parts).await?;
        state.executor().run(caller, operation).await.map(Answer::One)
    });
    respond(&parts.headers, state.within_limit(answer).await)
}

pub(in crate::graphql) async fn other_method(headers: HeaderMap) -> Response {
    let message = "Send GraphQL requests by POST, or queries by GET";
    respond(&headers, Err(Refusal::method_not_allowed(message, "GET, POST")))
}

/// `GET /schema.graphql`: the schema as SDL, for code generators. If introspection is disabled, only signed-in users
/// can read it.
pub(in crate::graphql) async fn schema(State(state): State<GraphqlState>, request: Request) -> Response {
    static SDL: LazyLock<String> = LazyLock::new(sdl);
    let (parts, _) = request.into_parts();
    if !state.config().graphql.introspection {
        let actor = caller(&state, &parts).await.map(|caller| caller.actor);
        let allowed = actor.and_then(|actor| Ok(actor.signed_in().map(|_| ())?));
        if let Err(refusal) = allowed {
            return respond(&parts.headers, Err(refusal));
        }
    }
    // A new release may change the schema.
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, "no-cache")];
    (headers, SDL.as_str()).into_response()
}

/// Starts a subscription and responds with its stream.
async fn subscribe(state: &GraphqlState, parts: &Parts, operation: Operation) -> Result<Answer, Refusal> {
    let stream_type = negotiate_stream(&parts.headers).ok_or_else(|| {
        Refusal::not_acceptable(
            "A subscription is answered by a stream: accept text/event-stream or multipart/mixed, or connect by WebSocket",
        )
    })?;
    let caller = caller(state, parts).await?;
    match stream::open(state, caller, operation, stream_type).await {
        Ok(response) => Ok(Answer::Stream(Box::new(response))),
        Err(refusal) if refusal.is_of_operation() => Ok(Answer::One(refusal.into())),
        Err(refusal) => Err(refusal),
    }
}

fn subscription_in_batch() -> Refusal {
    Refusal::bad_request("A subscription is answered by a stream, not in a batch: send it alone")
}

async fn caller(state: &GraphqlState, parts: &Parts) -> Result<Caller, Refusal> {
    Ok(Caller::of(parts, state.app()).await?)
}

fn shows_cost(parts: &Parts) -> bool {
    parts.headers.contains_key(COST_HEADER)
}
