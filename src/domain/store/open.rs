//! Opening the database: pools, time limits, and patience while it starts.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DbErr};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;

use super::Store;
use crate::config::{Backend, DatabaseConfig};
use crate::domain::error::Result;
use crate::domain::live::Bus;
use crate::domain::statistics::Cache;
use crate::meter;
use crate::telemetry::trace;

/// How long a request waits for a connection of the pool.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a write waits for another process to finish its own (`SQLite`).
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The wait before the second attempt to connect; it doubles from there.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// The longest wait between two attempts.
const MAX_RETRY: Duration = Duration::from_secs(10);
/// `SQLite` reads this much of the file through the page cache of the system.
const MMAP_BYTES: &str = "268435456";

impl Store {
    /// Connects, trying again as often as the settings allow. `sends_mail` says whether each notification is sent by
    /// mail as well.
    pub(in crate::domain) async fn open(config: &DatabaseConfig, bus: Bus, sends_mail: bool) -> anyhow::Result<Self> {
        let statements = Arc::new(AtomicU64::new(0));
        let mut connection = connect(config).await?;
        let counter = Arc::clone(&statements);
        let (time, failures) = (
            metrics::histogram!(meter::STATEMENT_TIME),
            metrics::counter!(meter::STATEMENT_FAILURES),
        );
        let engine = match config.backend() {
            Backend::Postgres => "postgresql",
            Backend::Sqlite => "sqlite",
        };
        connection.set_metric_callback(move |statement| {
            counter.fetch_add(1, Ordering::Relaxed);
            time.record(statement.elapsed);
            trace::statement(&statement.statement.sql, engine, statement.elapsed, statement.failed);
            if statement.failed {
                failures.increment(1);
            }
        });
        let writer = (config.backend() == Backend::Sqlite).then(|| Arc::new(Mutex::new(())));
        Ok(Self {
            connection,
            writer,
            statements,
            bus,
            statistics: Arc::new(Cache::new(config.statistics_cache)),
            config: config.clone(),
            sends_mail,
        })
    }

    /// The same database over one connection, which stays: what is set for it holds until the end, and nothing
    /// cuts off what takes long. `search_path` is where PostgreSQL looks for tables, if not where it does anyway.
    pub(super) async fn alone(&self, search_path: Option<String>) -> Result<Self> {
        let mut options = options(&self.config);
        one_connection(&mut options);
        if let Some(search_path) = search_path {
            options.set_schema_search_path(search_path);
        }
        let connection = Database::connect(options).await?;
        if self.config.backend() == Backend::Postgres {
            connection
                .execute_unprepared("SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0")
                .await?;
        }
        Ok(Self {
            connection,
            ..self.clone()
        })
    }

    /// The SQLite database in another file.
    pub(super) async fn of_file(&self, path: &Path) -> Result<Self> {
        let mut options = ConnectOptions::new("sqlite:file");
        let path = path.to_owned();
        options
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |sqlite| sqlite.filename(&path).foreign_keys(true));
        one_connection(&mut options);
        Ok(Self {
            connection: Database::connect(options).await?,
            writer: Some(Arc::default()),
            ..self.clone()
        })
    }
}

fn one_connection(options: &mut ConnectOptions) {
    options
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None);
}

async fn connect(config: &DatabaseConfig) -> anyhow::Result<sea_orm::DatabaseConnection> {
    let mut wait = FIRST_RETRY;
    let mut attempt = 0;
    loop {
        match Database::connect(options(config)).await {
            Ok(connection) => return Ok(connection),
            Err(error) if attempt < config.connect_retries && is_worth_another_try(config, &error) => {
                attempt += 1;
                tracing::warn!(
                    attempt,
                    of = config.connect_retries,
                    wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
                    "cannot connect to the database yet: {error}"
                );
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(MAX_RETRY);
            }
            Err(error) => anyhow::bail!(
                "cannot connect to the database of DATABASE_URL ({}) after {}: {error}",
                config.shown_url(),
                match attempt {
                    0 => "1 attempt".to_owned(),
                    retries => format!("{} attempts", retries + 1),
                }
            ),
        }
    }
}

/// A file that cannot be opened does not get better by waiting; a server may just be starting.
fn is_worth_another_try(config: &DatabaseConfig, _error: &DbErr) -> bool {
    config.backend() == Backend::Postgres
}

fn options(config: &DatabaseConfig) -> ConnectOptions {
    let mut options = ConnectOptions::new(config.url.expose_secret());
    options
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    match config.backend() {
        Backend::Postgres => {
            let idle_milliseconds = config.statement_timeout.as_millis().to_string();
            options
                .max_connections(config.max_connections)
                .statement_timeout(config.statement_timeout)
                .set_application_name("taskwire")
                .map_sqlx_postgres_opts(move |postgres| {
                    // A transaction that was forgotten would keep back live delivery for good.
                    postgres.options([("idle_in_transaction_session_timeout", idle_milliseconds.as_str())])
                })
                .test_before_acquire_if_idle_for(Duration::from_secs(30));
        }
        Backend::Sqlite if config.is_memory() => {
            // Each connection would have a database of its own; and it must never be closed.
            one_connection(&mut options);
        }
        Backend::Sqlite => {
            options
                .max_connections(config.max_connections.max(2))
                .test_before_acquire(false)
                .map_sqlx_sqlite_opts(|sqlite| {
                    sqlite
                        .create_if_missing(true)
                        .foreign_keys(true)
                        .journal_mode(SqliteJournalMode::Wal)
                        // A write that was acknowledged survives a power cut.
                        .synchronous(SqliteSynchronous::Full)
                        .busy_timeout(BUSY_TIMEOUT)
                        .pragma("mmap_size", MMAP_BYTES)
                });
        }
    }
    options
}
