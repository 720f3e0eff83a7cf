//! The state of the transports: what all handlers need, and what only GraphQL needs.

use std::sync::Arc;

use axum::response::Response;

use super::connection_slots::ConnectionSlots;
use crate::config::Config;
use crate::domain::Domain;
use crate::graphql::execution::executor::Executor;
use crate::graphql::subscription::delivery::SharedResponses;
use crate::state::AppState;

/// The page that a browser gets at the endpoint.
pub type EditorPage = fn(&AppState) -> Response;

/// What the transports need. Cloning it is cheap: every request does so several times.
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
    /// The state of a server; without an editor, browsers get what programs get.
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

    /// What all handlers need.
    pub(in crate::graphql) fn app(&self) -> &AppState {
        &self.0.app
    }

    /// The use cases.
    pub(in crate::graphql) fn domain(&self) -> &Domain {
        self.0.app.domain()
    }

    /// The settings.
    pub(in crate::graphql) fn config(&self) -> &Config {
        self.0.app.config()
    }

    /// What runs operations.
    pub(in crate::graphql) fn executor(&self) -> &Executor {
        &self.0.executor
    }

    /// The answers that subscriptions share.
    pub(in crate::graphql) fn shared(&self) -> &SharedResponses {
        &self.0.shared
    }

    /// The slots of connections that stay open.
    pub(in crate::graphql) fn connection_slots(&self) -> &ConnectionSlots {
        &self.0.connection_slots
    }

    /// The editor for a person with a browser, if there is one.
    pub(in crate::graphql) fn editor(&self) -> Option<Response> {
        self.0.editor.map(|page| page(&self.0.app))
    }

    /// Waits until every socket is closed. From then on none is opened.
    pub async fn websockets_closed(&self) {
        self.0.connection_slots.all_free().await;
    }
}
