//! Settings of the call to an external service.

use std::time::Duration;

use super::{
    ConfigError,
    reader::{SECOND, SettingsReader},
};

/// The service that `GET /async/external` calls.
#[derive(Clone, Debug)]
pub struct ExternalConfig {
    pub(crate) url: Option<String>,
    pub(crate) timeout: Duration,
}

impl ExternalConfig {
    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            url: reader.url("EXTERNAL_URL", &["http", "https"])?,
            timeout: reader.duration("EXTERNAL_TIMEOUT_SECONDS", SECOND, 10, 1..=300)?,
        })
    }
}
