//! Settings of client connections.

use std::time::Duration;

use super::{
    ConfigError, DatabaseConfig,
    database::Backend,
    reader::{SECOND, SettingsReader, refuse},
};

/// Largest value of `MAX_CONNECTIONS`.
const MAX: u32 = 1_000_000;
/// Highest default of `MAX_CONNECTIONS`: twice the default of `LIVE_MAX_CONNECTIONS`, to leave half for requests.
const DEFAULT_MAX: u64 = 40_000;
/// The limit of open files never reduces `MAX_CONNECTIONS` below this.
const MIN: u64 = 16;
/// Files for the log, listeners, timers, Redis, storage, mail and traces.
const RESERVED_FILES: u64 = 64;
/// Most files that the default reserves for uploads and downloads. Each opens a file in addition to its connection.
const MAX_TRANSFERS: u64 = 4_096;
/// A connection of `SQLite` opens the database, its write-ahead log and the index of the log.
const SQLITE_FILES: u64 = 3;
/// Most connections of `SQLite`, whatever the settings allow.
const SQLITE_CONNECTIONS: u64 = 64;
/// By default, one address may have `MAX_CONNECTIONS` divided by this.
const ADDRESS_PART: u32 = 4;

/// Settings of client connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// `None` until the start sets it from the limit of open files.
    pub(crate) max: Option<u32>,
    /// `None` is a quarter of `max`.
    pub(crate) per_address: Option<u32>,
    pub(crate) header_read_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) http2_ping_interval: Duration,
}

/// Most client connections at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// On this server.
    pub(crate) total: u32,
    /// From one address.
    pub(crate) per_address: u32,
}

impl ConnectionConfig {
    pub(super) fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            max: reader.number_if_set("MAX_CONNECTIONS", 1..=MAX)?,
            per_address: reader.number_if_set("MAX_CONNECTIONS_PER_ADDRESS", 1..=MAX)?,
            header_read_timeout: reader.duration("HEADER_READ_TIMEOUT_SECONDS", SECOND, 10, 1..=3600)?,
            keep_alive_timeout: reader.duration("KEEP_ALIVE_TIMEOUT_SECONDS", SECOND, 75, 1..=3600)?,
            write_timeout: reader.duration("WRITE_TIMEOUT_SECONDS", SECOND, 30, 1..=3600)?,
            http2_ping_interval: reader.duration("HTTP_PING_INTERVAL_SECONDS", SECOND, 20, 1..=3600)?,
        })
    }

    /// The limits for a process that may open `open_files` files. Fails if `MAX_CONNECTIONS` needs more.
    pub(crate) fn limits(&self, database: &DatabaseConfig, open_files: u64) -> Result<ConnectionLimits, ConfigError> {
        let reserved = RESERVED_FILES + database_files(database);
        let most = open_files.saturating_sub(reserved).max(MIN);
        let total = match self.max {
            Some(max) if u64::from(max) > most => {
                let allowed = format!(
                    "a whole number from 1 to {most}, because the process may open {open_files} files (`ulimit -n`), of \
                     which the server needs {reserved} itself"
                );
                return Err(refuse("MAX_CONNECTIONS", &max.to_string(), &allowed));
            }
            Some(max) => max,
            None => {
                let transfers = (open_files / 4).min(MAX_TRANSFERS);
                let default = open_files.saturating_sub(reserved.max(transfers));
                u32::try_from(default.clamp(MIN, DEFAULT_MAX)).unwrap_or(MAX)
            }
        };
        Ok(ConnectionLimits {
            total,
            per_address: self.per_address.unwrap_or((total / ADDRESS_PART).max(1)),
        })
    }

    /// Most connections that may be a WebSocket or stream; the rest is reserved for requests.
    pub(crate) fn live_share(&self) -> u32 {
        self.max.map_or(u32::MAX, |max| (max - max / 4).max(1))
    }
}

/// Files that the database connections open. One more connection is for administration.
fn database_files(database: &DatabaseConfig) -> u64 {
    let connections = u64::from(database.max_connections) + 1;
    match database.backend() {
        Backend::Postgres => connections,
        Backend::Sqlite => connections.min(SQLITE_CONNECTIONS) * SQLITE_FILES,
    }
}
