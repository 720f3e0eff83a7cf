//! Settings of the database.

use std::{path::PathBuf, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

use super::{
    ConfigError, Environment, mask,
    reader::{DAY, SECOND, SettingsReader, refuse},
};

const MEMORY: &str = "sqlite::memory:";
/// All characters of a path but these are percent-encoded.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'~');
const ALLOWED: &str = "sqlite://path, sqlite::memory: or postgres://user:password@host/database";

/// Settings of the database.
#[derive(Clone, Debug)]
pub struct DatabaseConfig {
    /// `DATABASE_URL`, in the driver's spelling: `sqlite://relative?mode=rwc`, `sqlite:/absolute?mode=rwc`,
    /// `sqlite::memory:` or `postgres://…`.
    ///
    /// SQLAlchemy's spelling is converted: three slashes before a relative path, four before an absolute one, a driver
    /// after `+`. The driver's spelling is also valid as `DATABASE_URL`.
    pub(crate) url: SecretString,
    /// Whether a missing SQLite file is created. False in production, where the file is missing because of an unmounted
    /// volume or a wrong path; commands that set up an installation set it to true.
    pub(crate) creates_file: bool,
    /// A user gets at most half of the read connections.
    pub(crate) max_connections: u32,
    pub(crate) connect_retries: u32,
    pub(crate) statement_timeout: Duration,
    /// `None` logs no statements.
    pub(crate) slow_statement: Option<Duration>,
    pub(crate) event_retention: Duration,
    pub(crate) statistics_cache: Duration,
    pub(crate) trash_retention: Duration,
}

/// The database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// SQLite, in a file or in memory.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
}

impl DatabaseConfig {
    pub(super) fn read(reader: &SettingsReader<'_>, environment: Environment) -> Result<Self, ConfigError> {
        let name = "DATABASE_URL";
        let url = reader
            .parsed(name, ALLOWED, normalise)?
            .unwrap_or_else(|| sqlite_file("taskwire.db", "mode=rwc"));
        if environment.is_production() && url == MEMORY {
            return Err(refuse(name, MEMORY, "a SQLite file or PostgreSQL in production"));
        }
        reader.record(name, mask::url(&url));
        Ok(Self {
            url: url.into(),
            creates_file: !environment.is_production(),
            max_connections: reader.number("DATABASE_MAX_CONNECTIONS", 10, 1..=1000)?,
            connect_retries: reader.number("DATABASE_CONNECT_RETRIES", 5, 0..=12)?,
            statement_timeout: reader.duration("DATABASE_STATEMENT_TIMEOUT_SECONDS", SECOND, 30, 1..=3600)?,
            slow_statement: slow_statement(reader)?,
            event_retention: reader.duration("EVENT_RETENTION_DAYS", DAY, 30, 1..=3650)?,
            statistics_cache: reader.duration("STATISTICS_CACHE_SECONDS", SECOND, 60, 0..=3600)?,
            trash_retention: reader.duration("TRASH_RETENTION_DAYS", DAY, 30, 1..=3650)?,
        })
    }

    /// The engine that the URL names.
    #[must_use]
    pub fn backend(&self) -> Backend {
        if self.url.expose_secret().starts_with("sqlite:") {
            Backend::Sqlite
        } else {
            Backend::Postgres
        }
    }

    /// Whether the database is in memory, and lost when the server stops.
    #[must_use]
    pub fn is_memory(&self) -> bool {
        self.url.expose_secret() == MEMORY
    }

    /// The URL with passwords masked.
    #[must_use]
    pub fn shown_url(&self) -> String {
        mask::url(self.url.expose_secret())
    }

    /// The file of a SQLite database that is not in memory.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<PathBuf> {
        if self.is_memory() {
            return None;
        }
        let path = self.url.expose_secret().strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path).split('?').next()?;
        Some(decoded(path).into())
    }

    /// Fails if the SQLite file is missing and may not be created.
    pub(crate) fn check_file(&self) -> Result<(), String> {
        self.check_folder()?;
        match self.sqlite_path().filter(|file| !self.creates_file && !file.exists()) {
            Some(file) => Err(format!(
                "the file {} of DATABASE_URL does not exist; check that its disk is mounted. If this is a new \
                 installation, run `taskwire migrate up` once to create it",
                file.display()
            )),
            None => Ok(()),
        }
    }

    /// The write-ahead log of a SQLite database that is not in memory.
    #[must_use]
    pub fn wal_path(&self) -> Option<PathBuf> {
        self.sqlite_sibling("-wal")
    }

    /// The file beside the SQLite file whose name also ends with `suffix`.
    pub(crate) fn sqlite_sibling(&self, suffix: &str) -> Option<PathBuf> {
        let mut path = self.sqlite_path()?.into_os_string();
        path.push(suffix);
        Some(path.into())
    }

    /// Fails if the folder of the SQLite file is missing.
    pub(crate) fn check_folder(&self) -> Result<(), String> {
        let Some(path) = self.sqlite_path() else { return Ok(()) };
        // A bare file name has an empty parent: the current folder.
        let missing = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty() && !folder.exists());
        let Some(folder) = missing else { return Ok(()) };
        let hint = if path.is_relative() {
            format!(
                ", or write four slashes for a path from the root: sqlite:////{}",
                path.display()
            )
        } else {
            String::new()
        };
        Err(format!(
            "the folder {} of DATABASE_URL does not exist: create it{hint}",
            folder.display()
        ))
    }
}

fn slow_statement(reader: &SettingsReader<'_>) -> Result<Option<Duration>, ConfigError> {
    let threshold = Duration::from_millis(reader.number("SLOW_STATEMENT_MS", 1_000, 0..=3_600_000)?);
    Ok((!threshold.is_zero()).then_some(threshold))
}

/// The URL in the driver's spelling; `None` if the database is not supported.
fn normalise(value: &str) -> Option<String> {
    let (scheme, rest) = value.split_once(':')?;
    let scheme = scheme.to_ascii_lowercase();
    match scheme.split('+').next()? {
        "sqlite" => sqlite(rest),
        "postgres" | "postgresql" => postgres(rest),
        _ => None,
    }
}

fn sqlite(rest: &str) -> Option<String> {
    // The text after `//` is a path; a third slash ends the empty host of SQLAlchemy's spelling.
    let path = rest
        .strip_prefix("//")
        .map_or(rest, |path| path.strip_prefix('/').unwrap_or(path));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut mode = "rwc".to_owned();
    let mut parameters = String::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match name.as_ref() {
            "mode" => mode = value.into_owned(),
            "cache" | "immutable" | "vfs" => parameters += &["&", &name, "=", &encode(&value)].concat(),
            // Options of Python's driver, such as `check_same_thread`, are ignored.
            _ => {}
        }
    }
    match (path, mode.as_str()) {
        ("" | ":memory:", _) | (_, "memory") => Some(MEMORY.to_owned()),
        (path, "ro" | "rw" | "rwc") if !path.ends_with('/') && !path.starts_with("file:") => {
            Some(sqlite_file(&decoded(path), &format!("mode={mode}{parameters}")))
        }
        _ => None,
    }
}

/// One slash before an absolute path and two before a relative one: the driver accepts both, and [`sqlite`] returns
/// both unchanged.
fn sqlite_file(path: &str, query: &str) -> String {
    let slashes = if path.starts_with('/') { "" } else { "//" };
    format!("sqlite:{slashes}{}?{query}", encode(path))
}

/// Percent signs that encode nothing stay.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

fn postgres(rest: &str) -> Option<String> {
    let text = format!("postgres:{}", rest.starts_with("//").then_some(rest)?);
    let mut url = Url::parse(&text).ok()?;
    // asyncpg calls `sslmode` `ssl`.
    if !url.query_pairs().any(|(name, _)| name == "ssl") {
        return Some(text);
    }
    let pairs: Vec<_> = url
        .query_pairs()
        .map(|(name, value)| parameter(&name, &value))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(pairs);
    Some(url.into())
}

fn parameter(name: &str, value: &str) -> (String, String) {
    let (name, value) = match (name, value) {
        ("ssl", "true" | "True" | "1") => ("sslmode", "require"),
        ("ssl", "false" | "False" | "0") => ("sslmode", "disable"),
        ("ssl", mode) => ("sslmode", mode),
        other => other,
    };
    (name.to_owned(), value.to_owned())
}
