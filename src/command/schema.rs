//! `taskwire schema` and `taskwire openapi`.

use super::output;
use crate::{graphql, rest};

pub(super) fn run() -> anyhow::Result<()> {
    output::line(graphql::sdl().trim_end())
}

pub(super) fn run_openapi() -> anyhow::Result<()> {
    output::line(&serde_json::to_string_pretty(rest::openapi::document())?)
}
