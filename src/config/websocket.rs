//! Connections that stay open.

use std::time::Duration;

use super::{
    ConfigError,
    reader::{SECOND, SettingsReader},
};

/// What a WebSocket may do, and how many there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WebSocketConfig {
    /// `WEBSOCKET_MAX_MESSAGE_BYTES`, in bytes, default 65536, 1024 to 16777216.
    pub message_bytes: usize,
    /// `WEBSOCKET_MAX_OPERATIONS`, at the same time over one connection, default 100, 1 to 10000.
    pub operations: usize,
    /// `LIVE_MAX_CONNECTIONS`, on this server, default 20000, 1 to 1000000.
    pub connections: u32,
    /// `LIVE_MAX_CONNECTIONS_PER_USER`, on this server, default 100, 1 to 1000000.
    pub connections_per_user: usize,
    /// `LIVE_MAX_ANONYMOUS_CONNECTIONS`, without a signed-in user on this server, default 256, 1 to 1000000. They
    /// are no part of `connections`.
    pub anonymous_connections: usize,
    /// `LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS`, from one address, default 32, 1 to 1000000.
    pub anonymous_per_address: usize,
    /// `WEBSOCKET_INIT_TIMEOUT_SECONDS`, in seconds, default 3, 1 to 3600.
    pub init_timeout: Duration,
    /// `WEBSOCKET_PING_INTERVAL_SECONDS`, in seconds, default 30, 1 to 3600.
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
