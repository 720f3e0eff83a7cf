//! The operations of a connection, each as a stream of responses.

use std::collections::VecDeque;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use futures_util::future::Either;
use futures_util::stream::{self, BoxStream, Stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_stream::StreamMap;

use crate::config::WebSocketConfig;
use crate::domain::live::LiveConnection;
use crate::graphql::execution::operation::Operation;
use crate::graphql::execution::parameters::Parameters;
use crate::graphql::execution::response::{Body, Refusal};
use crate::graphql::transport::state::GraphqlState;
use crate::http::caller::Caller;

/// Maximum size of the operations that run at once on a connection, in bytes of their text. A parsed operation takes
/// many times its text.
const OPERATION_BYTES: usize = 256 * 1024;
/// With a larger limit of operations, each can have about as much text as with the default.
const BYTES_OF_EACH: usize = 2_560;
/// With a larger limit of messages, as many of the largest messages can run at once as with the default.
const LARGEST_MESSAGES: usize = 4;
/// Maximum number of queries of a connection that run, or whose responses wait to be sent: the client may not be
/// reading, and a response can have megabytes.
const QUERIES: usize = 4;

pub(super) enum Step {
    /// A response, as JSON.
    Next {
        response: Bytes,
        /// A query holds it until the response is sent.
        _permit: Option<OwnedSemaphorePermit>,
    },
    /// The operation failed and is over.
    Error(Body),
    Complete,
}

/// Runs the operation only while it is polled. Dropping it ends the operation.
pub(super) struct Steps {
    steps: BoxStream<'static, Step>,
    /// Set when a mutation begins to execute.
    is_mutation: Arc<AtomicBool>,
}

impl Steps {
    fn is_mutation(&self) -> bool {
        self.is_mutation.load(Ordering::Relaxed)
    }
}

impl Stream for Steps {
    type Item = Step;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Step>> {
        self.steps.poll_next_unpin(context)
    }
}

/// The operations of a connection, by id.
#[derive(Default)]
pub(super) struct Operations {
    running: StreamMap<String, Steps>,
    /// Steps that are ready, in order, each with the rest of its operation.
    ready: VecDeque<(String, Step, Steps)>,
}

impl Operations {
    pub(super) fn insert(&mut self, id: String, steps: Steps) {
        self.running.insert(id, steps);
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.running.remove(id);
        self.ready.retain(|(ready, ..)| ready != id);
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.running.contains_key(id) || self.ready.iter().any(|(ready, ..)| ready == id)
    }

    pub(super) fn len(&self) -> usize {
        self.running.len() + self.ready.len()
    }

    /// Whether the running operation with this id is a mutation that has begun.
    pub(super) fn is_mutation(&self, id: &str) -> bool {
        let mut running = self.running.iter();
        running.any(|(running, steps)| running == id && steps.is_mutation())
    }

    /// Ends all operations except mutations that have begun.
    pub(super) fn keep_mutations(&mut self) {
        let others = self.running.iter().filter(|(_, steps)| !steps.is_mutation());
        let others: Vec<String> = others.map(|(id, _)| id.clone()).collect();
        for id in others {
            self.running.remove(&id);
        }
        self.ready.retain(|(.., rest)| rest.is_mutation());
    }

    /// Waits for a message or a step. Neither takes precedence: if a client sends without a pause, its operations go on,
    /// because other clients may wait for their locks. Cancel-safe if `message` is.
    pub(super) async fn next_or<M>(&mut self, message: impl Future<Output = M>) -> Either<M, (String, Step)> {
        tokio::select! {
            message = message => Either::Left(message),
            Some(step) = self.next() => Either::Right(step),
        }
    }

    /// The next step to send; `None` if nothing is running. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<(String, Step)> {
        if let Some((id, step, rest)) = self.ready.pop_front() {
            self.running.insert(id.clone(), rest);
            return Some((id, step));
        }
        self.running.next().await
    }

    /// Waits for `sending`, and meanwhile runs the operations: other clients may wait for the transaction of a mutation,
    /// or for a shared response. Each operation stops at its next step, and most queries do not begin, so that few
    /// responses wait for a slow client.
    pub(super) async fn run_during<T>(&mut self, sending: impl Future<Output = T>) -> T {
        let mut sending = pin!(sending);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return sent,
                Some((id, step)) = self.running.next() => {
                    let rest = self.running.remove(&id);
                    self.ready.extend(rest.map(|rest| (id, step, rest)));
                }
            }
        }
    }
}

/// Limits the operations that run at once on a connection.
#[derive(Clone)]
pub(super) struct OperationLimits {
    free_bytes: Arc<Semaphore>,
    max_bytes: usize,
    free_queries: Arc<Semaphore>,
}

impl OperationLimits {
    pub(super) fn new(settings: &WebSocketConfig) -> Self {
        let largest = settings.message_bytes.saturating_mul(LARGEST_MESSAGES);
        let all = settings.operations.saturating_mul(BYTES_OF_EACH);
        let max_bytes = OPERATION_BYTES.max(largest).max(all).min(Semaphore::MAX_PERMITS);
        Self {
            free_bytes: Arc::new(Semaphore::new(max_bytes)),
            max_bytes,
            free_queries: Arc::new(Semaphore::new(QUERIES)),
        }
    }

    /// Dropping the permit frees the bytes of the operation.
    fn take_bytes(&self, operation: &Operation) -> Result<OwnedSemaphorePermit, Refusal> {
        let bytes = operation.text_bytes();
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.free_bytes).try_acquire_many_owned(permits);
        permit.map_err(|_| {
            let message = format!(
                "The operation exceeds the limit of the connection: its running operations may have {} bytes of \
                 documents and variables together, and this one has {bytes}. Complete another one first, or send less",
                self.max_bytes
            );
            Refusal::new(StatusCode::TOO_MANY_REQUESTS, "LIMIT_EXCEEDED", message)
        })
    }

    /// Waits until another query may begin. Others wait for what mutations and subscriptions hold, so these do not wait
    /// here. Dropping the permit frees it.
    async fn take_query(&self, operation: &Operation) -> Option<OwnedSemaphorePermit> {
        if !operation.is_query() {
            return None;
        }
        // The semaphore is never closed.
        Arc::clone(&self.free_queries).acquire_owned().await.ok()
    }
}

/// `caller` is the caller at the start of the connection.
pub(super) fn begin(
    state: GraphqlState,
    caller: Caller,
    live_connection: Option<Arc<LiveConnection>>,
    limits: &OperationLimits,
    parameters: Box<Parameters>,
) -> Steps {
    let is_mutation = Arc::new(AtomicBool::default());
    let (begun, limits) = (Arc::clone(&is_mutation), limits.clone());
    // The future that starts an operation is large. It has a separate box, which is freed after the start.
    let beginning = Box::pin(async move {
        let steps = run(&state, caller, live_connection, &limits, *parameters, &begun).await;
        steps.unwrap_or_else(|refusal| stream::iter([Step::Error(refusal)]).boxed())
    });
    let steps = stream::once(beginning).flatten().boxed();
    Steps { steps, is_mutation }
}

/// Sets `is_mutation` before it executes a mutation.
async fn run(
    state: &GraphqlState,
    mut caller: Caller,
    live_connection: Option<Arc<LiveConnection>>,
    limits: &OperationLimits,
    parameters: Parameters,
    is_mutation: &AtomicBool,
) -> Result<BoxStream<'static, Step>, Body> {
    let operation = state.executor().prepare(parameters, false).await?;
    // Only now is the document of a persisted query known.
    let byte_permit = limits.take_bytes(&operation)?;
    // Before the check of the session, which may end during the wait.
    let query_permit = limits.take_query(&operation).await;
    if let Some(live_connection) = &live_connection {
        // Another node may have ended the session, and its notification may not have arrived yet.
        let actor = state.domain().live().look_up(live_connection).await;
        caller.actor = actor.map_err(Refusal::from)?;
    }
    if operation.is_subscription() {
        let answers = state
            .executor()
            .subscribe(state.shared(), caller, live_connection, operation)
            .await?;
        let steps = answers.map(|answer| {
            answer.map_or_else(Step::Error, |response| Step::Next {
                response,
                _permit: None,
            })
        });
        // The stream owns the permit.
        let completing = stream::once(async move {
            drop(byte_permit);
            Step::Complete
        });
        return Ok(steps.chain(completing).boxed());
    }
    is_mutation.store(!operation.is_query(), Ordering::Relaxed);
    let body = state.within_limit(state.executor().run(caller, operation)).await?;
    if !body.is_executed() {
        return Err(body);
    }
    let response = Step::Next {
        response: body.to_json().into(),
        _permit: query_permit,
    };
    Ok(stream::iter([response, Step::Complete]).boxed())
}
