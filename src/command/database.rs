//! Database connections of commands other than `serve`.

use crate::config::{Config, LogConfig, LogFormat, LogLevel};
use crate::domain::error::described;
use crate::domain::token::SigningKey;
use crate::domain::{Dependencies, Domain};
use crate::telemetry;

/// Bytes of a key that signs nothing.
const KEY_BYTES: usize = 32;

pub(super) async fn connect() -> anyhow::Result<Domain> {
    connect_with(&Config::load()?).await
}

/// Only warnings are logged, as text.
pub(super) async fn connect_with(config: &Config) -> anyhow::Result<Domain> {
    let log = LogConfig {
        level: LogLevel::Warn,
        format: LogFormat::Text,
    };
    // Traces belong to requests; a command serves none.
    telemetry::start(&log, None)?;
    open(config).await
}

/// For a command that sets up an installation: creates a missing SQLite file, in production too.
pub(super) async fn connect_or_create(mut config: Config) -> anyhow::Result<Domain> {
    config.database.creates_file = true;
    connect_with(&config).await
}

/// No command issues tokens, so it does not read the server's key: its file may be readable only for the server, or
/// may not exist yet.
pub(super) async fn open(config: &Config) -> anyhow::Result<Domain> {
    let dependencies = Dependencies::default();
    let mut key = vec![0; KEY_BYTES];
    dependencies.randomness.fill(&mut key);
    // On the heap: the future of connecting is large, and every command would carry it on its stack.
    Box::pin(Domain::open(config, &SigningKey::Secret(key), dependencies)).await
}

/// Closing lets `SQLite` move its write-ahead log into the file.
pub(super) async fn close(domain: Domain) -> anyhow::Result<()> {
    domain.close().await.map_err(described)
}
