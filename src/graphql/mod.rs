//! The GraphQL API. A resolver converts its arguments, calls one use case and converts the result.
//!
//! | module | content |
//! |---|---|
//! | `transport` | HTTP, WebSocket, and streams over HTTP |
//! | [`execution`] | executes one operation, from document to response |
//! | [`subscription`] | executes subscriptions; equal ones share responses |
//! | [`schema`](mod@schema) | root types, and the schema as text |
//! | [`types`] | types of the schema, one module for each resource |
//! | [`context`], [`loader`] | data of a request, and its data loaders |
//! | [`guard`] | guards of fields; the domain checks again |
//! | [`error`] | conversion of domain errors |
//! | [`row`] | lists that are written as JSON without a future for each field |
//! | [`connection`], [`node`], [`scalar`] | Relay connections, global ids, enums and scalars |
//! | [`upload`] | uploaded files |
//! | [`response_size`] | limit of a response in bytes |

pub mod connection;
pub mod context;
pub mod error;
pub mod execution;
pub mod guard;
pub mod loader;
pub mod node;
pub mod response_size;
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
pub use self::schema::{Schema, schema, sdl};
use self::transport::http;
pub use self::transport::state::GraphqlState;
pub use self::types::{Mutation, Query};
use crate::state::AppState;

/// Routes of the GraphQL API.
pub(crate) fn router(state: GraphqlState) -> Router<AppState> {
    Router::new()
        .route("/graphql", get(http::get).post(http::post).fallback(http::other_method))
        .route("/schema.graphql", get(http::schema))
        .with_state(state)
}
