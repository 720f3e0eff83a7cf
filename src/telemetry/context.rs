//! The request and operation of the current Tokio task, for its log lines.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use tracing::Instrument as _;

tokio::task_local! {
    static CURRENT: Context;
}

#[derive(Clone, Default)]
struct Context {
    request_id: String,
    operation: Arc<OnceLock<Cow<'static, str>>>,
}

/// The id of the current task's request; empty outside of a request.
#[must_use]
pub fn request_id() -> String {
    CURRENT
        .try_with(|context| context.request_id.clone())
        .unwrap_or_default()
}

/// The name of the current task's GraphQL operation; the first one of a batch.
#[must_use]
pub fn operation() -> Option<Cow<'static, str>> {
    CURRENT
        .try_with(|context| context.operation.get().cloned())
        .ok()
        .flatten()
}

pub(crate) fn set_operation(name: Cow<'static, str>) {
    // It fails outside of a request, and for all but the first operation of a batch.
    let _ = CURRENT.try_with(|context| context.operation.set(name));
}

/// Keeps the context and the current span for work that runs in another task.
pub fn keep<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let context = CURRENT.try_with(Clone::clone).unwrap_or_default();
    CURRENT.scope(context, work.in_current_span())
}

/// Runs work with the context of the request with this id.
pub fn within<T>(request_id: String, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let operation = Arc::default();
    CURRENT.scope(Context { request_id, operation }, work)
}
