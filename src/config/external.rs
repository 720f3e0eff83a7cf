//! The call to another service.

use std::time::Duration;

use super::{
    ConfigError,
    reader::{SECOND, SettingsReader},
};

/// What `GET /async/external` calls.
#[derive(Clone, Debug)]
pub struct ExternalConfig {
    /// `EXTERNAL_URL`, default none: `http://` or `https://`.
    pub url: Option<String>,
    /// `EXTERNAL_TIMEOUT_SECONDS`, in seconds, default 10, 1 to 300: how long the call may take.
    pub timeout: Duration,
}

impl ExternalConfig {
    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            url: reader.url("EXTERNAL_URL", &["http", "https"])?,
            timeout: reader.duration("EXTERNAL_TIMEOUT_SECONDS", SECOND, 10, 1..=300)?,
        })
    }
}
