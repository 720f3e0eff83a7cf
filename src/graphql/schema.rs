//! Root types and settings of the schema, and its definition as text.

use async_graphql::{MergedObject, SDLExportOptions, SchemaBuilder, ValidationMode};
use chrono::{DateTime, Utc};

use super::connection::Connection;
use super::types;
use super::types::notification::{Notification, NotificationTotals};
use super::types::subscription::Subscription;
use super::types::tag::{Tag, TagTotals};
use super::types::task::{Task, TaskEvent, TaskEventTotals, TaskTotals};
use super::types::user::{User, UserTotals};
use crate::config::GraphqlConfig;

/// Queries. A field is null if its object does not exist or is not visible to you, or if `errors` names the field.
#[derive(Debug, Default, MergedObject)]
pub struct Query(
    types::rate_limit::RateLimitQuery,
    types::node::NodeQuery,
    types::user::UserQuery,
    types::session::SessionQuery,
    types::task::TaskQuery,
    types::tag::TagQuery,
    types::statistics::StatisticsQuery,
    types::notification::NotificationQuery,
    types::event::EventQuery,
);

/// Mutations. Each payload has `userErrors`, the errors that the client can fix; other errors are in `errors`.
#[derive(Debug, Default, MergedObject)]
pub struct Mutation(
    types::session::SessionMutation,
    types::task::TaskMutation,
    types::task::TaskBulkMutation,
    types::attachment::AttachmentMutation,
    types::user::UserMutation,
    types::notification::NotificationMutation,
);

/// The executable schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// Builds the schema. It executes only operations that [`execution`](super::execution) has validated and normalised.
#[must_use]
pub fn schema(config: &GraphqlConfig) -> Schema {
    // `execution` checks validity and depth.
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
    const DATE_TIME: &str = "Date and time in RFC 3339 format, such as 2026-01-31T12:00:00Z, in microseconds. \
                             Responses use UTC. Inputs accept any offset, or a date for its start in UTC.";

    Schema::build(Query::default(), Mutation::default(), Subscription)
        .override_output_type_description::<DateTime<Utc>>(DATE_TIME)
        .override_output_type_description::<Connection<Task, TaskTotals>>("A page of tasks.")
        .override_output_type_description::<Connection<TaskEvent, TaskEventTotals>>("A page of events of a task.")
        .override_output_type_description::<Connection<Notification, NotificationTotals>>("A page of notifications.")
        .override_output_type_description::<Connection<Tag, TagTotals>>("A page of tags.")
        .override_output_type_description::<Connection<User, UserTotals>>("A page of users.")
}

/// The schema in SDL, with enum values in the order of their definition.
pub(super) fn sdl_in_order() -> String {
    builder().finish().sdl()
}

/// The schema in SDL, with sorted enum values: the content of `schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    builder()
        .finish()
        .sdl_with_options(SDLExportOptions::new().sorted_enum_items().include_specified_by())
}
