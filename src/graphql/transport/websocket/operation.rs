//! One operation over a connection: what it is answered, step by step.

use std::sync::Arc;

use axum::body::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::time::timeout;

use crate::domain::live::LiveConnection;
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::parameters::Parameters;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;

/// What comes next of an operation.
pub(super) enum Step {
    /// An answer, as JSON.
    Next(Bytes),
    /// Nothing ran, or nothing more will; it is over.
    Error(Body),
    /// It is over.
    Complete,
}

/// The steps of an operation. Nothing happens unless it is polled; dropping it ends the operation.
pub(super) type Steps = BoxStream<'static, Step>;

/// On whose behalf operations run.
#[derive(Clone)]
pub(super) struct ConnectionIdentity {
    /// As they stood when the connection began.
    pub(super) caller: Caller,
    /// How they stand; `None` for nobody.
    pub(super) live_connection: Option<Arc<LiveConnection>>,
}

/// Begins an operation.
pub(super) fn begin(state: GraphqlState, identity: ConnectionIdentity, parameters: Box<Parameters>) -> Steps {
    // What it takes to begin is large, and over when a subscription has begun: a box of its own is freed then.
    let beginning = Box::pin(async move {
        let steps = run(&state, identity, *parameters).await;
        steps.unwrap_or_else(|refusal| stream::iter([Step::Error(refusal)]).boxed())
    });
    stream::once(beginning).flatten().boxed()
}

async fn run(state: &GraphqlState, identity: ConnectionIdentity, parameters: Parameters) -> Result<Steps, Body> {
    let operation = state.executor().prepare(parameters).await?;
    let ConnectionIdentity {
        mut caller,
        live_connection,
    } = identity;
    if let Some(live_connection) = &live_connection {
        // Another node may know of the end of the session, and word of it be on its way.
        let actor = state.domain().live().look_up(live_connection).await;
        caller.actor = actor.map_err(Refusal::from)?;
    }
    if operation.is_subscription() {
        let answers = state
            .executor()
            .subscribe(state.shared(), state.domain(), caller, live_connection, operation)
            .await?;
        let steps = answers.map(|answer| answer.map_or_else(Step::Error, Step::Next));
        return Ok(steps.chain(stream::iter([Step::Complete])).boxed());
    }
    let body = answer(state, caller, operation).await?;
    if !body.is_executed() {
        return Err(body);
    }
    Ok(stream::iter([Step::Next(body.to_json().into()), Step::Complete]).boxed())
}

/// The answer of a query or mutation, within the time that a request may take.
async fn answer(state: &GraphqlState, caller: Caller, operation: Operation) -> Result<Body, Refusal> {
    let limit = state.config().http.request_timeout;
    let run = state.executor().run(state.domain(), caller, operation);
    let mut response = timeout(limit, run)
        .await
        .unwrap_or_else(|_| Err(Refusal::timed_out(limit)))?;
    // It is for those who ask for it, in a header that there is none of here.
    response.extensions.remove("cost");
    Ok(response.into())
}
