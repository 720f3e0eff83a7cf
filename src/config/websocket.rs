//! Settings of live connections.

use std::time::Duration;

use super::{
    ConfigError,
    reader::{SECOND, SettingsReader},
};

/// Limits and timeouts of WebSockets and streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketConfig {
    pub(crate) message_bytes: usize,
    pub(crate) operations: usize,
    pub(crate) connections: u32,
    pub(crate) connections_per_user: usize,
    pub(crate) anonymous_connections: usize,
    pub(crate) anonymous_per_address: usize,
    pub(crate) init_timeout: Duration,
    pub(crate) ping_interval: Duration,
}

impl WebSocketConfig {
    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            message_bytes: reader.number("WEBSOCKET_MAX_MESSAGE_BYTES", 64 * 1024, 1024..=16 * 1024 * 1024)?,
            operations: reader.number("WEBSOCKET_MAX_OPERATIONS", 100, 1..=10_000)?,
            connections: reader.number("LIVE_MAX_CONNECTIONS", 20_000, 1..=1_000_000)?,
            connections_per_user: reader.number("LIVE_MAX_CONNECTIONS_PER_USER", 100, 1..=1_000_000)?,
            anonymous_connections: reader.number("LIVE_MAX_ANONYMOUS_CONNECTIONS", 256, 1..=1_000_000)?,
            anonymous_per_address: reader.number("LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS", 32, 1..=1_000_000)?,
            init_timeout: reader.duration("WEBSOCKET_INIT_TIMEOUT_SECONDS", SECOND, 3, 1..=3600)?,
            ping_interval: reader.duration("WEBSOCKET_PING_INTERVAL_SECONDS", SECOND, 30, 1..=3600)?,
        })
    }
}
