//! The GraphQL API. A resolver converts, calls one use case and converts.
//!
//! | module | what lives there |
//! |---|---|
//! | `transport` | HTTP, WebSocket, and streams over HTTP |
//! | [`execution`] | one operation, from its document to its response |
//! | [`subscription`] | how subscriptions are answered, to many at once |
//! | [`schema`](mod@schema) | the roots of the schema |
//! | [`types`] | the types of the schema, a file or folder for each noun |
//! | [`context`], [`loader`] | what a request carries, and its batched look-ups |
//! | [`guard`] | early refusals before fields; the domain decides again |
//! | [`error`] | the domain's errors as GraphQL's |
//! | [`row`] | lists without a future a field |
//! | [`connection`], [`node`], [`scalar`] | pages, global ids, enums |
//! | [`upload`] | the files of a request |
//! | [`answer_size`] | how large an answer may become |

pub mod answer_size;
pub mod connection;
pub mod context;
pub mod error;
pub mod execution;
pub mod guard;
pub mod loader;
pub mod node;
pub mod row;
pub mod scalar;
pub mod schema;
pub mod subscription;
mod transport;
pub mod types;
pub mod upload;

use axum::Router;
use axum::routing::get;

pub use self::execution::executor::Executor;
pub use self::schema::{Mutation, Query, Schema, schema, sdl};
use self::transport::http;
pub use self::transport::state::GraphqlState;
use crate::state::AppState;

/// The endpoint.
pub(crate) fn router(state: GraphqlState) -> Router<AppState> {
    Router::new()
        .route("/graphql", get(http::get).post(http::post).fallback(http::other_method))
        .route("/schema.graphql", get(http::schema))
        .with_state(state)
}
