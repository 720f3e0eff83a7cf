//! Opens the database: pools, time limits, and retries while it starts.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
use sea_orm::sqlx::{self, Connection as _, PgConnection};
use sea_orm::{ConnectOptions, ConnectionTrait as _, Database, DatabaseConnection, DbErr};
use secrecy::ExposeSecret as _;
use tokio::time::timeout;

use super::connection::{ACQUIRE_TIMEOUT, Settings};
use super::durability::Durability;
use super::read_pool::ReadPool;
use super::session_check::SessionChecker;
use super::statement_meter::Meter;
use super::writer::Writer;
use crate::config::{Backend, DatabaseConfig};
use crate::domain::error::Result;
use crate::domain::live::Bus;
use crate::domain::store::user::cache::UserCache;
use crate::domain::store::{Store, driver_error, is_sqlite_lock};

/// Time limit of one attempt to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a write waits for the lock of another process (SQLite).
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Idle time after which the administration connection is closed.
const ADMINISTRATION_IDLE: Duration = Duration::from_secs(10);
/// Wait before the second attempt to connect. It doubles for each further attempt.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Maximum wait between two attempts.
const MAX_RETRY: Duration = Duration::from_secs(10);
/// SQLite maps this many bytes of the file into memory.
const MMAP_BYTES: &str = "268435456";
/// Size that the write-ahead log keeps after a checkpoint.
const WAL_KEPT_BYTES: &str = "16777216";

impl Store {
    /// Connects, with as many retries as the settings allow. `sends_mail`: whether notifications are also sent by
    /// email.
    pub(in crate::domain) async fn open(config: &DatabaseConfig, bus: Bus, sends_mail: bool) -> anyhow::Result<Self> {
        let meter = Meter::new(config);
        let mut connection = connect(config).await?;
        meter.watch(&mut connection);
        let durability = Arc::new(Durability::of(config.sqlite_path()));
        let (writers, readers) = sizes(config);
        let writing = Settings {
            name: "write",
            keeps: readers > 0,
            reserves: false,
            is_memory: config.is_memory(),
            limit: Some(config.statement_timeout),
        };
        let write_pool = if config.is_memory() {
            connection.clone()
        } else {
            lazy(config, Access::ReadAndWrite, writers).await?
        };
        let (read_pool, reading) = if readers == 0 {
            (write_pool.clone(), writing)
        } else {
            let reading = Settings {
                name: "read",
                reserves: true,
                ..writing
            };
            (lazy(config, Access::Read, readers).await?, reading)
        };
        Ok(Self {
            connection,
            reader: ReadPool::new(&read_pool, reading, meter.clone()),
            writer: Writer::new(&write_pool, writing, meter.clone(), Arc::clone(&durability)),
            durability,
            heartbeat: Arc::default(),
            session_checker: SessionChecker::default(),
            user_cache: UserCache::default(),
            meter,
            bus,
            config: config.clone(),
            sends_mail,
        })
    }

    /// Opens the same database on one permanent connection without time limits. Settings of its session therefore
    /// persist. `search_path` replaces that of PostgreSQL.
    pub(in crate::domain::store) async fn alone(&self, search_path: Option<String>) -> Result<Self> {
        let mut options = options(&self.config, Access::ReadAndWrite);
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
        Ok(self.over(connection, Arc::clone(&self.durability)))
    }

    /// Opens the SQLite database in another file.
    pub(in crate::domain::store) async fn of_file(&self, path: &Path) -> Result<Self> {
        let mut options = ConnectOptions::new("sqlite:file");
        let file = path.to_owned();
        options
            .sqlx_logging(false)
            .map_sqlx_sqlite_opts(move |sqlite| sqlite.filename(&file).foreign_keys(true));
        one_connection(&mut options);
        let connection = Database::connect(options).await?;
        Ok(self.over(connection, Arc::new(Durability::of(Some(path.to_owned())))))
    }

    /// Without time limits.
    fn over(&self, connection: DatabaseConnection, durability: Arc<Durability>) -> Self {
        let settings = Settings {
            name: "write",
            keeps: false,
            reserves: false,
            is_memory: self.config.is_memory(),
            limit: None,
        };
        Self {
            reader: ReadPool::new(&connection, settings, self.meter.clone()),
            writer: Writer::new(&connection, settings, self.meter.clone(), Arc::clone(&durability)),
            connection,
            durability,
            ..self.clone()
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// The database rejects writes.
    Read,
    ReadAndWrite,
}

/// Maximum connections for writes and for reads; 0 for reads if the writers read too.
fn sizes(config: &DatabaseConfig) -> (u32, u32) {
    let all = config.max_connections;
    match config.backend() {
        // Each connection would open a separate database.
        Backend::Sqlite if config.is_memory() => (1, 0),
        // SQLite has one writer at a time. Each reader is a CPU-bound thread: more than cores + 1 slow each other down.
        // One more is reserved for session checks.
        Backend::Sqlite => (1, (all.max(2) - 1).min(cores() + 2)),
        Backend::Postgres => {
            let writers = (all / 2).max(1);
            (writers, all - writers)
        }
    }
}

fn cores() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(cores).unwrap_or(u32::MAX - 2)
}

fn one_connection(options: &mut ConnectOptions) {
    options
        .max_connections(1)
        .min_connections(1)
        .idle_timeout(None)
        .max_lifetime(None);
}

/// Opens connections on demand. The caller has checked that the database is reachable.
async fn lazy(config: &DatabaseConfig, access: Access, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let mut options = options(config, access);
    options.max_connections(connections).connect_lazy(true);
    Database::connect(options).await
}

/// The connection for migrations and administration. It closes when idle; requests do not use it.
async fn connect(config: &DatabaseConfig) -> anyhow::Result<DatabaseConnection> {
    config.check_file().map_err(anyhow::Error::msg)?;
    create_file(config)?;
    let mut options = options(config, Access::ReadAndWrite);
    if !config.is_memory() {
        options.max_connections(1).idle_timeout(ADMINISTRATION_IDLE);
    }
    if config.backend() == Backend::Sqlite {
        // Long enough that a locked file is reported as locked, not as a timeout.
        options.acquire_timeout(BUSY_TIMEOUT + CONNECT_TIMEOUT);
    }
    let mut wait = FIRST_RETRY;
    let mut attempt = 0;
    loop {
        match Database::connect(options.clone()).await {
            Ok(connection) => return Ok(connection),
            // A retry does not help with a file; a server may be starting.
            Err(error) if attempt < config.connect_retries && config.backend() == Backend::Postgres => {
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
                "cannot connect to the database of DATABASE_URL ({}) after {}: {}",
                config.shown_url(),
                match attempt {
                    0 => "1 attempt".to_owned(),
                    retries => format!("{} attempts", retries + 1),
                },
                cause(config, &error).await
            ),
        }
    }
}

/// Creates a missing SQLite file, readable by its owner only. SQLite gives the files beside it the same permissions.
fn create_file(config: &DatabaseConfig) -> anyhow::Result<()> {
    let Some(path) = config.sqlite_path().filter(|path| !path.exists()) else {
        return Ok(());
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot create the file {} of DATABASE_URL", path.display()))
        }
        _ => Ok(()),
    }
}

/// The cause of a failed connection. The pool retries while the database has too many clients or is starting, and then
/// reports only a timeout.
async fn cause(config: &DatabaseConfig, error: &DbErr) -> String {
    match driver_error(error) {
        Some(sqlx::Error::Database(cause)) if is_sqlite_lock(cause.as_ref()) => {
            return "another process has locked the file".to_owned();
        }
        Some(sqlx::Error::PoolTimedOut) if config.backend() == Backend::Postgres => {}
        _ => return error.to_string(),
    }
    let Ok(options) = config.url.expose_secret().parse::<PgConnectOptions>() else {
        return error.to_string();
    };
    match timeout(CONNECT_TIMEOUT, PgConnection::connect_with(&without_brackets(options))).await {
        Ok(Err(cause)) => cause.to_string(),
        Ok(Ok(_)) => error.to_string(),
        Err(_) => format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
    }
}

/// A URL has brackets around an IPv6 address. The driver would resolve it as a name.
fn without_brackets(postgres: PgConnectOptions) -> PgConnectOptions {
    let address = postgres.get_host().strip_prefix('[');
    let address = address.and_then(|host| host.strip_suffix(']')).map(str::to_owned);
    match address {
        Some(address) => postgres.host(&address),
        None => postgres,
    }
}

fn options(config: &DatabaseConfig, access: Access) -> ConnectOptions {
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
                .statement_timeout(config.statement_timeout)
                .set_application_name("taskwire")
                .map_sqlx_postgres_opts(move |postgres| {
                    // An abandoned transaction would block live delivery for good.
                    let postgres = without_brackets(postgres)
                        .options([("idle_in_transaction_session_timeout", idle_milliseconds.as_str())]);
                    match access {
                        // Frequently read pages are in memory, where random access costs the same. Compiling a list
                        // query takes longer than running it.
                        Access::Read => postgres.options([
                            ("default_transaction_read_only", "on"),
                            ("random_page_cost", "1.1"),
                            ("jit", "off"),
                        ]),
                        Access::ReadAndWrite => postgres,
                    }
                })
                .test_before_acquire_if_idle_for(Duration::from_secs(30));
        }
        Backend::Sqlite if config.is_memory() => {
            // The database ends with its connection.
            one_connection(&mut options);
        }
        Backend::Sqlite => {
            let creates_file = config.creates_file;
            options.test_before_acquire(false).map_sqlx_sqlite_opts(move |sqlite| {
                let sqlite = sqlite
                    .create_if_missing(creates_file)
                    .foreign_keys(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    // Acknowledged writes survive a power failure.
                    .synchronous(SqliteSynchronous::Full)
                    .busy_timeout(BUSY_TIMEOUT)
                    .pragma("mmap_size", MMAP_BYTES)
                    .pragma("journal_size_limit", WAL_KEPT_BYTES);
                match access {
                    Access::Read => sqlite.pragma("query_only", "ON"),
                    Access::ReadAndWrite => sqlite,
                }
            });
        }
    }
    options
}
