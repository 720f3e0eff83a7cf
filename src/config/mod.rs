//! Typed settings, read and validated once, at start.
//!
//! The process environment comes first, then the file `.env` in the working directory, then the defaults.
//! An empty value counts as unset, and variables that are not ours are ignored. A wrong value is a
//! [`ConfigError`]: one line that names the variable, the value and what is allowed. No other module reads
//! the environment.

mod auth;
mod connection;
mod database;
mod dotenv;
mod effective;
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

use std::{collections::BTreeMap, path::Path, time::Duration};

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

/// A setting that stops the start. Its `Display` is one line, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {}; allowed: {allowed}", shown(.value.as_deref()))]
pub struct ConfigError {
    /// The environment variable, or the line of `.env` that cannot be read.
    pub variable: String,
    /// The value as given, secrets masked; `None` if a required variable is not set.
    pub value: Option<String>,
    /// What the variable takes, in words.
    pub allowed: String,
}

/// Every setting of the server.
#[derive(Clone, Debug)]
pub struct Config {
    /// `APP_ENV`: `development`, `dev`, `local`, `test` and `testing` are development, the default;
    /// `production`, `prod` and `staging` are production.
    pub environment: Environment,
    /// `DEBUG`, default false: lowers the default of `LOG_LEVEL` to `debug`.
    pub debug: bool,
    /// Where the tasks are.
    pub database: DatabaseConfig,
    /// `REDIS_URL`, default none: `redis://`, `rediss://` or `unix://`. Servers share rate limits and persisted
    /// queries there.
    pub redis_url: Option<SecretString>,
    /// `REDIS_TIMEOUT_MS`, in milliseconds, default 250, 10 to 10000: Redis is left alone for a second after it has not
    /// answered for so long.
    pub redis_timeout: Duration,
    /// Tokens and passwords.
    pub auth: AuthConfig,
    /// The listener and what it lets in.
    pub http: HttpConfig,
    /// The GraphQL face.
    pub graphql: GraphqlConfig,
    /// The REST API.
    pub rest: RestConfig,
    /// Request limits of the REST face and of signing in.
    pub rate_limit: RateLimitConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// Where attachments are kept.
    pub storage: StorageConfig,
    /// Whether notifications go out by e-mail, and how.
    pub mail: MailConfig,
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, default none: `http://` or `https://`.
    pub otlp_endpoint: Option<String>,
    /// What `GET /async/external` calls.
    pub external: ExternalConfig,
    /// Variables that look like settings, but are none.
    pub unknown: Vec<UnknownSetting>,
}

/// Whether convenience or caution decides the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Open defaults, for one's own machine.
    Development,
    /// Closed defaults; unsafe settings are refused.
    Production,
}

/// The GraphQL face.
#[derive(Clone, Debug)]
pub struct GraphqlConfig {
    /// `GRAPHQL_IDE`, default true in development and false in production: serves GraphiQL and Playground.
    pub ide: bool,
    /// `GRAPHQL_INTROSPECTION`, default true in development and false in production; suggestions go with it.
    pub introspection: bool,
    /// `GRAPHQL_POINTS_PER_MINUTE`, default 60000, at least 1: complexity that one client may spend.
    pub points_per_minute: u32,
    /// What one document may hold.
    pub limits: GraphqlLimits,
    /// Connections that stay open.
    pub websocket: WebSocketConfig,
}

/// What a GraphQL request may hold; checked before anything runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphqlLimits {
    /// `GRAPHQL_MAX_BYTES`, default 65536, 1024 to 16777216.
    pub bytes: usize,
    /// `GRAPHQL_MAX_TOKENS`, default 2000, 10 to 1000000.
    pub tokens: usize,
    /// `GRAPHQL_MAX_DEPTH`, default 15, 1 to 100.
    pub depth: usize,
    /// `GRAPHQL_MAX_FIELDS`, counted after fragments are expanded, default 500, 1 to 1000000.
    pub fields: usize,
    /// `GRAPHQL_MAX_ALIASES`, default 30, 0 to 1000000.
    pub aliases: usize,
    /// `GRAPHQL_MAX_DIRECTIVES`, default 50, 0 to 1000000.
    pub directives: usize,
    /// `GRAPHQL_MAX_COMPLEXITY`, default 10000, at least 1: points by what an operation selects, filters and
    /// changes; the fields of a list count as often as its `first` asks for.
    pub complexity: u64,
    /// `GRAPHQL_MAX_BATCH`, operations in one request, default 10, 1 to 1000.
    pub batch: usize,
    /// `GRAPHQL_MAX_RESPONSE_BYTES`, in the answers of one request together, default 8388608, 1024 to 1073741824.
    pub response_bytes: usize,
}

impl GraphqlLimits {
    /// The limits where none are set.
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

/// Request limits of the REST face and of signing in.
#[derive(Clone, Debug)]
pub struct RateLimitConfig {
    /// `RATE_LIMIT_ENABLED`, default true; points count as a limit too.
    pub enabled: bool,
    /// `RATE_LIMIT_PER_MINUTE`, requests to the rest of REST, default 60, at least 1.
    pub per_minute: u32,
    /// `RATE_LIMIT_STRICT_PER_MINUTE`, requests to register, login and change a password from one address, default 10,
    /// at least 1.
    pub strict_per_minute: u32,
    /// `RATE_LIMIT_REFRESH_PER_MINUTE`, refreshes of one session, default 60, at least 1.
    pub refresh_per_minute: u32,
    /// `RATE_LIMIT_UPLOAD_PER_MINUTE`, uploads of one user, default 60, at least 1.
    pub upload_per_minute: u32,
}

/// What is logged, and how.
#[derive(Clone, Copy, Debug)]
pub struct LogConfig {
    /// `LOG_LEVEL`, in any case, default `info` (`debug` with `DEBUG`).
    pub level: LogLevel,
    /// `LOG_FORMAT`, default `text` in development and `json` in production.
    pub format: LogFormat,
}

/// The least severe line that is logged.
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

/// The shape of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `json`: one object a line.
    Json,
    /// `text`, also `standard`: for people.
    Text,
}

impl Config {
    /// Reads the process environment over `.env` in the working directory.
    pub fn load() -> Result<Self, ConfigError> {
        let process = process_environment();
        let text = dotenv::read(Path::new(".env"))?;
        let mut vars = dotenv::parse(&text, &process)?;
        let unknown = unknown::find(&text, &vars, &process);
        vars.extend(process);
        let config = Self::from_vars(&vars).map_err(|error| unknown::hint(error, &unknown))?;
        Ok(Self { unknown, ..config })
    }

    /// Reads the given variables and the files that hold secrets, and nothing else.
    pub fn from_vars(vars: &BTreeMap<String, String>) -> Result<Self, ConfigError> {
        let resolved = secret_file::resolve(vars)?;
        Self::read(&SettingsReader::new(&resolved)).map_err(|error| secret_file::conceal(error, vars))
    }

    fn read(reader: &SettingsReader<'_>) -> Result<Self, ConfigError> {
        let environment = Environment::read(reader)?;
        let debug = reader.flag("DEBUG", false)?;
        Ok(Self {
            environment,
            debug,
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
        })
    }

    /// Name and value of every setting as it took effect, secrets and passwords in URLs masked, unset ones empty.
    #[must_use]
    pub fn effective(&self) -> Vec<(&'static str, String)> {
        effective::list(self)
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

    /// The name that `APP_ENV` takes.
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
    /// The name in lower case, as log filters take it.
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

impl LogFormat {
    /// The name that `LOG_FORMAT` takes.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Text => "text",
        }
    }
}

/// Quoted and escaped, so that a value with line breaks stays on its line.
fn shown(value: Option<&str>) -> String {
    value.map_or("not set".to_owned(), |value| format!("{value:?}"))
}

/// The environment of the process. Bytes that are not UTF-8 are replaced: a foreign variable must not stop the start.
#[expect(clippy::disallowed_methods, reason = "settings are read here, and nowhere else")]
fn process_environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .map(|(name, value)| {
            (
                name.to_string_lossy().into_owned(),
                value.to_string_lossy().into_owned(),
            )
        })
        .collect()
}
