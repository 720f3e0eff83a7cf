//! The schema: its roots, its settings and its text.

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

/// Everything that can be read.
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

/// The schema under these settings. It executes normalised operations, which [`execution`](super::execution) has judged.
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
pub(super) fn sdl_in_order() -> String {
    builder().finish().sdl()
}

/// The schema in its definition language.
#[must_use]
pub fn sdl() -> String {
    builder()
        .finish()
        .sdl_with_options(SDLExportOptions::new().sorted_enum_items().include_specified_by())
}
