//! Connections of clients.

use std::time::Duration;

use super::{
    ConfigError, DatabaseConfig,
    database::Backend,
    reader::{SECOND, SettingsReader, refuse},
};

/// The most connections that a setting takes.
const MAX: u32 = 1_000_000;
/// The most connections where none are set: `LIVE_MAX_CONNECTIONS` and as many again for requests.
const DEFAULT_MAX: u64 = 40_000;
/// The fewest connections, however few files may be open.
const MIN: u64 = 16;
/// Files that a server needs beside connections of clients and of the database: its log, listeners, timers, Redis,
/// storage, mail and traces.
const RESERVED_FILES: u64 = 64;
/// The most files that the default leaves to uploads and downloads, each of which opens a file beside its connection.
const MAX_TRANSFERS: u64 = 4_096;
/// A connection of `SQLite` opens the database, its write-ahead log and the index of that.
const SQLITE_FILES: u64 = 3;
/// `SQLite` has no more connections than this, whatever the settings allow.
const SQLITE_CONNECTIONS: u64 = 64;
/// The part of the connections that one address may hold: one in this many.
const ADDRESS_PART: u32 = 4;

/// Connections of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionConfig {
    /// `MAX_CONNECTIONS`, 1 to 1000000; the default follows from the limit of open files at the start.
    pub max: Option<u32>,
    /// `MAX_CONNECTIONS_PER_ADDRESS`, default a quarter of `MAX_CONNECTIONS`, 1 to 1000000.
    pub per_address: Option<u32>,
    /// `HEADER_READ_TIMEOUT_SECONDS`, in seconds, default 10, 1 to 3600.
    pub header_read_timeout: Duration,
    /// `KEEP_ALIVE_TIMEOUT_SECONDS`, in seconds, default 75, 1 to 3600.
    pub keep_alive_timeout: Duration,
    /// `WRITE_TIMEOUT_SECONDS`, in seconds, default 30, 1 to 3600.
    pub write_timeout: Duration,
    /// `HTTP_PING_INTERVAL_SECONDS`, in seconds, default 20, 1 to 3600.
    pub http2_ping_interval: Duration,
}

/// The most connections of clients at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// On this server.
    pub total: u32,
    /// From one address.
    pub per_address: u32,
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

    /// The limits of a process that may open this many files. Fails if `MAX_CONNECTIONS` needs more of them.
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

    /// How many of the connections may stay open as a WebSocket or stream: the others are left to requests.
    pub(crate) fn live_share(&self) -> u32 {
        self.max.map_or(u32::MAX, |max| (max - max / 4).max(1))
    }
}

/// The files that the connections of a database open. One more connection is for administration.
fn database_files(database: &DatabaseConfig) -> u64 {
    let connections = u64::from(database.max_connections) + 1;
    match database.backend() {
        Backend::Postgres => connections,
        Backend::Sqlite => connections.min(SQLITE_CONNECTIONS) * SQLITE_FILES,
    }
}
