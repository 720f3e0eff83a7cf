//! The GraphQL face. A resolver converts, calls one use case and converts.
//!
//! | module | what lives there |
//! |---|---|
//! | [`handler`] | GraphQL over HTTP |
//! | `stream` | subscriptions over HTTP: server-sent events, and parts of a message that goes on |
//! | `websocket` | GraphQL over WebSocket |
//! | `executor` | one operation, from what was sent to its answer |
//! | [`subscription`], `delivery`, `share` | what can be watched, and how it is answered to many at once |
//! | [`execution`] | the front: documents read, validated, normalised and priced |
//! | `persisted` | the texts of documents in Redis, for clients that know the hash from another node |
//! | [`context`], [`loader`] | what a request carries, and its batched look-ups |
//! | [`guard`] | the doors before fields; the locks are in the domain |
//! | [`error`] | the domain's errors as GraphQL's |
//! | [`row`] | lists without a future a field |
//! | [`connection`], [`node`], [`scalar`] | pages, global ids, enums |
//! | [`upload`] | the files of a request |
//! | [`attachment`], [`event`], [`notification`], [`rate_limit`], [`session`], [`statistics`], [`tag`], [`task`], [`user`] | the nouns |

pub mod connection;
pub mod context;
pub mod error;
pub mod execution;
pub mod guard;
pub mod loader;
pub mod node;
pub mod row;
pub mod scalar;
pub mod subscription;
mod transport;
pub mod types;
pub mod upload;

use async_graphql::{MergedObject, SDLExportOptions, SchemaBuilder, ValidationMode};
use axum::Router;
use axum::routing::get;
use chrono::{DateTime, Utc};

use self::connection::Connection;
pub use self::execution::executor::Executor;
use self::subscription::Subscription;
use self::types::notification::{Notification, NotificationTotals};
use self::types::tag::{Tag, TagTotals};
use self::types::task::{Task, TaskEvent, TaskEventTotals, TaskTotals};
use self::types::user::{User, UserTotals};
use crate::app::App;
use crate::config::GraphqlConfig;

/// Everything that can be read.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    types::rate_limit::RateLimitQuery,
    node::NodeQuery,
    types::user::UserQuery,
    types::session::SessionQuery,
    types::task::TaskQuery,
    types::tag::TagQuery,
    types::statistics::StatisticsQuery,
    types::notification::NotificationQuery,
    types::event::EventQuery,
);

/// Everything that can be done.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    types::session::SessionMutation,
    types::task::TaskMutation,
    types::task::TaskBulkMutation,
    types::attachment::AttachmentMutation,
    types::user::UserMutation,
    types::notification::NotificationMutation,
);

/// The schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// The schema under these settings. It executes normalised operations, which [`execution`] has judged.
#[must_use]
pub fn schema(config: &GraphqlConfig) -> Schema {
    // The depth of operations has a limit of its own.
    let builder = builder()
        .validation_mode(ValidationMode::Fast)
        .limit_recursive_depth(usize::MAX);
    if config.introspection {
        builder
    } else {
        builder.disable_introspection().disable_suggestions()
    }
    .finish()
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    const MOMENT: &str = "A moment as RFC 3339 writes it, such as 2026-01-31T12:00:00Z; kept to the microsecond.";

    Schema::build(Query::default(), Mutation::default(), Subscription)
        .override_output_type_description::<DateTime<Utc>>(MOMENT)
        .override_output_type_description::<Connection<Task, TaskTotals>>("A page of tasks.")
        .override_output_type_description::<Connection<TaskEvent, TaskEventTotals>>(
            "A page of what happened to a task.",
        )
        .override_output_type_description::<Connection<Notification, NotificationTotals>>("A page of notifications.")
        .override_output_type_description::<Connection<Tag, TagTotals>>("A page of tags.")
        .override_output_type_description::<Connection<User, UserTotals>>("A page of users.")
}

/// The schema in its definition language, with the values of enums in the order of their definition.
fn sdl_in_order() -> String {
    builder().finish().sdl()
}

/// The schema in its definition language.
#[must_use]
pub fn sdl() -> String {
    builder()
        .finish()
        .sdl_with_options(SDLExportOptions::new().sorted_enum_items().include_specified_by())
}

/// The endpoint.
pub(crate) fn router(_app: &App) -> Router<App> {
    Router::new()
        .route(
            "/graphql",
            get(transport::http::get)
                .post(transport::http::post)
                .fallback(transport::http::other_method),
        )
        .route("/schema.graphql", get(transport::http::schema))
}
