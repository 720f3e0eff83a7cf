//! Typed settings, read and validated once, at start.
//!
//! The process environment takes precedence over the file `.env` in the working directory; then come the defaults.
//! An empty value counts as unset. A wrong value is a [`ConfigError`]. Variables that begin with `AWS_` go to the
//! storage. Other variables have no effect; `unknown` finds those that look like settings. No other module reads the
//! environment. `settings` describes every setting: default, allowed values and effect.

mod auth;
mod connection;
mod database;
mod dotenv;
pub mod example;
mod external;
mod http;
mod mail;
mod mask;
mod reader;
pub mod reference;
mod rest;
mod secret_file;
mod settings;
mod storage;
#[cfg(test)]
mod tests;
mod unknown;
mod websocket;

use std::{collections::BTreeMap, ffi::OsString, path::Path, time::Duration};

use secrecy::SecretString;

use self::reader::SettingsReader;
pub use self::{
    auth::{Algorithm, AuthConfig, PasswordPolicy},
    connection::{ConnectionConfig, ConnectionLimits},
    database::{Backend, DatabaseConfig},
    external::ExternalConfig,
    http::{CorsOrigins, HttpConfig},
    mail::MailConfig,
    rest::{RestConfig, RestDialect},
    secret_file::SECRETS,
    storage::{StorageConfig, UploadQuota},
    unknown::UnknownSetting,
    websocket::WebSocketConfig,
};

/// A wrong setting, which stops the start. Its `Display` is one line, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {}; allowed: {allowed}", shown(.value.as_deref()))]
pub struct ConfigError {
    /// The environment variable, or the line of `.env` that cannot be read.
    pub variable: String,
    /// The value as given, secrets masked; `None` if a required variable is not set.
    pub value: Option<String>,
    /// Description of the allowed values.
    pub allowed: String,
}

/// All settings of the server.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) environment: Environment,
    pub(crate) database: DatabaseConfig,
    pub(crate) redis_url: Option<SecretString>,
    pub(crate) redis_timeout: Duration,
    pub(crate) auth: AuthConfig,
    /// The HTTP server.
    pub http: HttpConfig,
    /// The GraphQL API.
    pub graphql: GraphqlConfig,
    pub(crate) rest: RestConfig,
    pub(crate) rate_limit: RateLimitConfig,
    pub(crate) log: LogConfig,
    pub(crate) storage: StorageConfig,
    pub(crate) mail: MailConfig,
    pub(crate) otlp_endpoint: Option<String>,
    pub(crate) external: ExternalConfig,
    /// Unknown names in `.env`, and variables of the process with names similar to settings.
    pub(crate) unknown: Vec<UnknownSetting>,
    effective: BTreeMap<&'static str, String>,
}

/// Selects the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Convenient defaults, for a developer's machine.
    Development,
    /// Safe defaults; unsafe settings are refused.
    Production,
}

/// Settings of the GraphQL API.
#[derive(Clone, Debug)]
pub struct GraphqlConfig {
    pub(crate) ide: bool,
    pub(crate) introspection: bool,
    pub(crate) points_per_minute: u32,
    pub(crate) limits: GraphqlLimits,
    pub(crate) websocket: WebSocketConfig,
}

/// Limits of a GraphQL request. All except `response_bytes` are checked before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphqlLimits {
    pub(crate) bytes: usize,
    pub(crate) tokens: usize,
    pub(crate) depth: usize,
    pub(crate) fields: usize,
    pub(crate) aliases: usize,
    pub(crate) directives: usize,
    pub(crate) complexity: u64,
    pub(crate) batch: usize,
    pub(crate) response_bytes: usize,
}

impl GraphqlLimits {
    /// The default limits.
    pub const DEFAULT: Self = Self {
        bytes: 64 * 1024,
        tokens: 2_000,
        depth: 15,
        fields: 500,
        aliases: 30,
        directives: 50,
        complexity: 10_000,
        batch: 10,
        response_bytes: 8 * 1024 * 1024,
    };
}

/// Rate limits of requests, per minute.
#[derive(Clone, Debug)]
pub struct RateLimitConfig {
    pub(crate) enabled: bool,
    pub(crate) per_minute: u32,
    pub(crate) strict_per_minute: u32,
    pub(crate) refresh_per_minute: u32,
    pub(crate) upload_per_minute: u32,
}

/// Settings of the log.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    pub(crate) level: LogLevel,
    pub(crate) format: LogFormat,
}

/// The least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    /// `error`, also Python's `critical` and `fatal`.
    Error,
    /// `warn`, also `warning`.
    Warn,
    /// `info`.
    Info,
    /// `debug`.
    Debug,
    /// `trace`.
    Trace,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `json`: one object per line.
    Json,
    /// `text`, also `standard`: readable text.
    Text,
}

impl Config {
    /// Reads the process environment, and `.env` in the working directory for variables that it does not set.
    pub fn load() -> Result<Self, ConfigError> {
        let process = process_environment();
        let text = dotenv::read(Path::new(".env"))?;
        let mut vars = dotenv::parse(&text, &process)?;
        let unknown = unknown::find(&text, &vars, &process);
        vars.extend(process);
        let config = Self::from_vars(&vars).map_err(|error| unknown::hint(error, &unknown))?;
        Ok(Self { unknown, ..config })
    }

    /// Reads only the given variables and the secret files that they name.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let resolved = secret_file::resolve(vars)?;
        Self::read(&SettingsReader::new(&resolved)).map_err(|error| secret_file::conceal(error, vars))
    }

    fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let environment = Environment::read(reader)?;
        let debug = reader.flag("DEBUG", false)?;
        Ok(Self {
            environment,
            database: DatabaseConfig::read(reader, environment)?,
            redis_url: reader
                .url("REDIS_URL", &["redis", "rediss", "unix"])?
                .map(SecretString::from),
            redis_timeout: Duration::from_millis(reader.number("REDIS_TIMEOUT_MS", 250, 10..=10_000)?),
            auth: AuthConfig::read(reader, environment)?,
            http: HttpConfig::read(reader, environment)?,
            graphql: GraphqlConfig::read(reader, environment)?,
            rest: RestConfig::read(reader)?,
            rate_limit: RateLimitConfig::read(reader)?,
            log: LogConfig::read(reader, environment, debug)?,
            storage: StorageConfig::read(reader)?,
            mail: MailConfig::read(reader)?,
            otlp_endpoint: reader.url("OTEL_EXPORTER_OTLP_ENDPOINT", &["http", "https"])?,
            external: ExternalConfig::read(reader)?,
            unknown: Vec::new(),
            effective: reader.effective(),
        })
    }

    /// Name and effective value of every setting. Secrets and passwords in URLs are masked; unset settings are empty.
    #[must_use]
    pub fn effective(&self) -> Vec<(&'static str, String)> {
        let shown = |name: &'static str| Some((name, self.effective.get(name)?.clone()));
        example::names().filter_map(shown).collect()
    }
}

impl Environment {
    fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let names = [
            ("development", Self::Development),
            ("production", Self::Production),
            ("dev", Self::Development),
            ("local", Self::Development),
            ("test", Self::Development),
            ("testing", Self::Development),
            ("prod", Self::Production),
            ("staging", Self::Production),
        ];
        reader.choice("APP_ENV", &names, Self::Development)
    }

    /// Whether this is production.
    #[must_use]
    pub fn is_production(self) -> bool {
        self == Self::Production
    }

    /// The value of `APP_ENV`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }
}

impl GraphqlConfig {
    fn read(reader: &SettingsReader<'_>, environment: Environment) -> Result<Self, ConfigError> {
        Ok(Self {
            ide: reader.flag("GRAPHQL_IDE", !environment.is_production())?,
            introspection: reader.flag("GRAPHQL_INTROSPECTION", !environment.is_production())?,
            points_per_minute: reader.number("GRAPHQL_POINTS_PER_MINUTE", 60_000, 1..=u32::MAX)?,
            limits: GraphqlLimits::read(reader)?,
            websocket: WebSocketConfig::read(reader)?,
        })
    }
}

impl GraphqlLimits {
    fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let limits = Self::DEFAULT;
        Ok(Self {
            bytes: reader.number("GRAPHQL_MAX_BYTES", limits.bytes, 1024..=16 * 1024 * 1024)?,
            tokens: reader.number("GRAPHQL_MAX_TOKENS", limits.tokens, 10..=1_000_000)?,
            depth: reader.number("GRAPHQL_MAX_DEPTH", limits.depth, 1..=100)?,
            fields: reader.number("GRAPHQL_MAX_FIELDS", limits.fields, 1..=1_000_000)?,
            aliases: reader.number("GRAPHQL_MAX_ALIASES", limits.aliases, 0..=1_000_000)?,
            directives: reader.number("GRAPHQL_MAX_DIRECTIVES", limits.directives, 0..=1_000_000)?,
            complexity: reader.number("GRAPHQL_MAX_COMPLEXITY", limits.complexity, 1..=u64::MAX)?,
            batch: reader.number("GRAPHQL_MAX_BATCH", limits.batch, 1..=1_000)?,
            response_bytes: reader.number(
                "GRAPHQL_MAX_RESPONSE_BYTES",
                limits.response_bytes,
                1024..=1024 * 1024 * 1024,
            )?,
        })
    }
}

impl RateLimitConfig {
    fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            enabled: reader.flag("RATE_LIMIT_ENABLED", true)?,
            per_minute: reader.number("RATE_LIMIT_PER_MINUTE", 60, 1..=u32::MAX)?,
            strict_per_minute: reader.number("RATE_LIMIT_STRICT_PER_MINUTE", 10, 1..=u32::MAX)?,
            refresh_per_minute: reader.number("RATE_LIMIT_REFRESH_PER_MINUTE", 60, 1..=u32::MAX)?,
            upload_per_minute: reader.number("RATE_LIMIT_UPLOAD_PER_MINUTE", 60, 1..=u32::MAX)?,
        })
    }
}

impl LogConfig {
    fn read(reader: &SettingsReader<'_>, environment: Environment, debug: bool) -> Result<Self, ConfigError> {
        let level = if debug { LogLevel::Debug } else { LogLevel::Info };
        let format = if environment.is_production() {
            LogFormat::Json
        } else {
            LogFormat::Text
        };
        let levels = [
            ("trace", LogLevel::Trace),
            ("debug", LogLevel::Debug),
            ("info", LogLevel::Info),
            ("warn", LogLevel::Warn),
            ("warning", LogLevel::Warn),
            ("error", LogLevel::Error),
            ("critical", LogLevel::Error),
            ("fatal", LogLevel::Error),
        ];
        let formats = [
            ("json", LogFormat::Json),
            ("text", LogFormat::Text),
            ("standard", LogFormat::Text),
        ];
        Ok(Self {
            level: reader.choice("LOG_LEVEL", &levels, level)?,
            format: reader.choice("LOG_FORMAT", &formats, format)?,
        })
    }
}

impl LogLevel {
    /// The lower-case name, for log filters.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Quoted and escaped, so that a value with line breaks stays on its line.
fn shown(value: Option<&str>) -> String {
    value.map_or("not set".to_owned(), |value| format!("{value:?}"))
}

/// Bytes that are not UTF-8 are replaced: a variable of another program must not stop the start.
#[expect(clippy::disallowed_methods, reason = "settings are read here, and nowhere else")]
fn process_environment() -> BTreeMap<String, String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}
