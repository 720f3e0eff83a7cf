//! What the present task works on, for the lines that it logs.

use std::sync::{Arc, OnceLock};

use tracing::Instrument as _;

tokio::task_local! {
    static CURRENT: Context;
}

#[derive(Clone, Default)]
struct Context {
    request_id: String,
    operation: Arc<OnceLock<String>>,
}

/// The id of the request that the present task works on; empty outside of one.
#[must_use]
pub fn request_id() -> String {
    CURRENT
        .try_with(|context| context.request_id.clone())
        .unwrap_or_default()
}

/// The name of the GraphQL operation that the present task works on; the first of several.
#[must_use]
pub fn operation() -> Option<String> {
    CURRENT
        .try_with(|context| context.operation.get().cloned())
        .ok()
        .flatten()
}

/// Notes the name of the GraphQL operation that the present task works on.
pub(crate) fn set_operation(name: &str) {
    // Outside of a request nobody asks for it; of several the first stays.
    let _ = CURRENT.try_with(|context| context.operation.set(name.to_owned()));
}

/// The same work in the same context, and in the same trace, in another task.
pub fn keep<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    let context = CURRENT.try_with(Clone::clone).unwrap_or_default();
    CURRENT.scope(context, work.in_current_span())
}

/// Work on the request with this id.
pub fn within<T>(request_id: String, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let operation = Arc::default();
    CURRENT.scope(Context { request_id, operation }, work)
}
