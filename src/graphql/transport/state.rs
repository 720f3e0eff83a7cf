//! State of the GraphQL handlers.

use std::sync::Arc;

use axum::response::Response;
use futures_util::FutureExt as _;
use tokio::time::timeout;

use super::connection_slots::ConnectionSlots;
use crate::config::Config;
use crate::domain::Domain;
use crate::graphql::execution::executor::Executor;
use crate::graphql::execution::response::Refusal;
use crate::graphql::subscription::delivery::SharedResponses;
use crate::state::AppState;

/// Renders the page that browsers get at the endpoint.
pub type EditorPage = fn(&AppState) -> Response;

/// State of the GraphQL handlers. Cheap to clone: every request clones it several times.
#[derive(Clone)]
pub struct GraphqlState(Arc<Parts>);

struct Parts {
    app: AppState,
    executor: Executor,
    shared: SharedResponses,
    connection_slots: ConnectionSlots,
    editor: Option<EditorPage>,
}

impl GraphqlState {
    /// Creates the state. Without `editor`, browsers get the same responses as other clients.
    #[must_use]
    pub fn new(app: AppState, executor: Executor, editor: Option<EditorPage>) -> Self {
        Self(Arc::new(Parts {
            connection_slots: ConnectionSlots::new(app.config()),
            shared: SharedResponses::default(),
            app,
            executor,
            editor,
        }))
    }

    pub(in crate::graphql) fn app(&self) -> &AppState {
        &self.0.app
    }

    pub(in crate::graphql) fn domain(&self) -> &Domain {
        self.0.app.domain()
    }

    pub(in crate::graphql) fn config(&self) -> &Config {
        self.0.app.config()
    }

    pub(in crate::graphql) fn executor(&self) -> &Executor {
        &self.0.executor
    }

    pub(in crate::graphql) fn shared(&self) -> &SharedResponses {
        &self.0.shared
    }

    pub(in crate::graphql) fn connection_slots(&self) -> &ConnectionSlots {
        &self.0.connection_slots
    }

    pub(in crate::graphql) fn editor(&self) -> Option<Response> {
        self.0.editor.map(|page| page(&self.0.app))
    }

    /// Cancels work that takes longer than a request may. Its transaction is rolled back. Large futures are boxed,
    /// because they are moved several times.
    pub(in crate::graphql) fn within_limit<T>(
        &self,
        work: impl Future<Output = Result<T, Refusal>>,
    ) -> impl Future<Output = Result<T, Refusal>> {
        let limit = self.config().http.request_timeout;
        timeout(limit, work).map(move |done| done.unwrap_or_else(|_| Err(Refusal::timed_out(limit))))
    }

    /// Waits until all WebSockets and streams are closed, then refuses new ones.
    pub async fn websockets_closed(&self) {
        self.0.connection_slots.all_free().await;
    }
}
