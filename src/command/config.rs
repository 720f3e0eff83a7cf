//! `taskwire config`.

use super::output;
use crate::config::Config;

/// Prints every setting as it takes effect, one a line.
pub(super) fn run() -> anyhow::Result<()> {
    for (name, value) in Config::load()?.effective() {
        output::line(&format!("{name}={value}"))?;
    }
    Ok(())
}
