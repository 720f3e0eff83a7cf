//! `taskwire schema`.

use super::output;
use crate::graphql;

/// Prints the schema in the schema definition language.
pub(super) fn run() -> anyhow::Result<()> {
    output::line(graphql::sdl().trim_end())
}
