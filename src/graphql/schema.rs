//! Settings of the schema, and its definition as text.

use async_graphql::{SDLExportOptions, SchemaBuilder, ValidationMode};
use chrono::{DateTime, Utc};

use super::types::subscription::Subscription;
use super::types::{self, Mutation, Query};
use crate::config::GraphqlConfig;

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
    const DATE_TIME: &str = "Date and time in RFC 3339 format, such as 2026-01-31T12:00:00Z, with a precision of \
                             microseconds. Responses use UTC. Inputs accept any offset; a date alone means its start \
                             in UTC.";

    let builder = Schema::build(Query::default(), Mutation::default(), Subscription);
    types::describe_pages(builder).override_output_type_description::<DateTime<Utc>>(DATE_TIME)
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
