//! Settings of live connections.

use std::time::Duration;

use super::{
    ConfigError,
    reader::{SECOND, SettingsReader},
};

/// Limits and timeouts of WebSockets and streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketConfig {
    /// `WEBSOCKET_MAX_MESSAGE_BYTES`.
    pub message_bytes: usize,
    /// `WEBSOCKET_MAX_OPERATIONS`.
    pub operations: usize,
    /// `LIVE_MAX_CONNECTIONS`.
    pub connections: u32,
    /// `LIVE_MAX_CONNECTIONS_PER_USER`.
    pub connections_per_user: usize,
    /// `LIVE_MAX_ANONYMOUS_CONNECTIONS`.
    pub anonymous_connections: usize,
    /// `LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS`.
    pub anonymous_per_address: usize,
    /// `WEBSOCKET_INIT_TIMEOUT_SECONDS`.
    pub init_timeout: Duration,
    /// `WEBSOCKET_PING_INTERVAL_SECONDS`.
    pub ping_interval: Duration,
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
