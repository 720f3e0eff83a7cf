//! The database, for commands other than `serve`.

use crate::config::{Config, LogConfig, LogFormat, LogLevel};
use crate::domain::error::described;
use crate::domain::token::SigningKey;
use crate::domain::{Domain, Surroundings};
use crate::telemetry;

/// Bytes of a key that signs nothing.
const KEY_BYTES: usize = 32;

/// Connects to the database that the settings name. Only warnings are logged, for people.
pub(super) async fn connect() -> anyhow::Result<Domain> {
    connect_with(&Config::load()?).await
}

/// The same, with settings that were read already.
pub(super) async fn connect_with(config: &Config) -> anyhow::Result<Domain> {
    let log = LogConfig {
        level: LogLevel::Warn,
        format: LogFormat::Text,
    };
    // Traces are of requests.
    telemetry::start(&log, None)?;
    open(config).await
}

/// Connects for a command that sets up an installation: creates a missing SQLite file, in production too.
pub(super) async fn connect_or_create(mut config: Config) -> anyhow::Result<Domain> {
    config.database.creates_file = true;
    connect_with(&config).await
}

/// Brings the tables up to date as a starting server does.
pub(super) async fn bring_up_to_date(domain: &Domain) -> anyhow::Result<()> {
    domain.migrate_up(None).await.map_err(described)
}

/// Connects to the database. No command hands out tokens, so the server's key is left alone: it
/// may be a file that only the server may read, or that does not exist yet.
pub(super) async fn open(config: &Config) -> anyhow::Result<Domain> {
    let surroundings = Surroundings::default();
    let mut key = vec![0; KEY_BYTES];
    surroundings.randomness.fill(&mut key);
    // On the heap: connecting takes much state, which every command would carry on its stack.
    Box::pin(Domain::open(config, &SigningKey::Secret(key), surroundings)).await
}

/// Closes the connections; `SQLite` moves what is in its log into the file.
pub(super) async fn close(domain: Domain) -> anyhow::Result<()> {
    domain.close().await.map_err(described)
}
