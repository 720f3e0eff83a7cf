//! The settings that take effect, as text.

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

use super::{
    Config, ConnectionConfig, CorsOrigins, GraphqlConfig, WebSocketConfig, mask,
    reader::{DAY, MINUTE, SECOND},
};

type Settings = Vec<(&'static str, String)>;

/// In the order of `settings::GROUPS`.
pub(super) fn list(config: &Config) -> Settings {
    [
        server(config),
        connections(config.http.connections),
        data(config),
        graphql(&config.graphql),
        live(config.graphql.websocket),
        others(config),
    ]
    .concat()
}

fn server(config: &Config) -> Settings {
    let http = &config.http;
    vec![
        ("APP_ENV", config.environment.as_str().to_owned()),
        ("DEBUG", config.debug.to_string()),
        ("SERVER_HOST", http.host.to_string()),
        (
            "UNSAFE_DEVELOPMENT_ON_NETWORK",
            http.unsafe_development_on_network.to_string(),
        ),
        ("SERVER_PORT", http.port.to_string()),
        ("SERVER_URL", plain_url(http.server_url.as_deref())),
        ("ROOT_PATH", http.root_path.clone()),
        ("CORS_ORIGINS", origins(&http.cors_origins)),
        (
            "TRUSTED_PROXIES",
            commas(http.trusted_proxies.iter().map(ToString::to_string)),
        ),
        ("BODY_LIMIT_BYTES", http.body_limit.to_string()),
        ("REQUEST_TIMEOUT_SECONDS", count(http.request_timeout, SECOND)),
        ("SHUTDOWN_TIMEOUT_SECONDS", count(http.shutdown_timeout, SECOND)),
        ("SHUTDOWN_DRAIN_SECONDS", count(http.shutdown_drain, SECOND)),
    ]
}

fn connections(connections: ConnectionConfig) -> Settings {
    vec![
        ("MAX_CONNECTIONS", number(connections.max)),
        ("MAX_CONNECTIONS_PER_ADDRESS", number(connections.per_address)),
        (
            "HEADER_READ_TIMEOUT_SECONDS",
            count(connections.header_read_timeout, SECOND),
        ),
        (
            "KEEP_ALIVE_TIMEOUT_SECONDS",
            count(connections.keep_alive_timeout, SECOND),
        ),
        ("WRITE_TIMEOUT_SECONDS", count(connections.write_timeout, SECOND)),
        (
            "HTTP_PING_INTERVAL_SECONDS",
            count(connections.http2_ping_interval, SECOND),
        ),
    ]
}

fn data(config: &Config) -> Settings {
    let Config { database, auth, .. } = config;
    vec![
        ("DATABASE_URL", database.shown_url()),
        ("DATABASE_MAX_CONNECTIONS", database.max_connections.to_string()),
        ("DATABASE_CONNECT_RETRIES", database.connect_retries.to_string()),
        (
            "DATABASE_STATEMENT_TIMEOUT_SECONDS",
            count(database.statement_timeout, SECOND),
        ),
        ("SLOW_STATEMENT_MS", milliseconds(database.slow_statement)),
        ("EVENT_RETENTION_DAYS", count(database.event_retention, DAY)),
        ("STATISTICS_CACHE_SECONDS", count(database.statistics_cache, SECOND)),
        ("TRASH_RETENTION_DAYS", count(database.trash_retention, DAY)),
        ("REDIS_URL", secret_url(config.redis_url.as_ref())),
        ("REDIS_TIMEOUT_MS", config.redis_timeout.as_millis().to_string()),
        (
            "SECRET_KEY",
            auth.secret_key
                .as_ref()
                .map_or(String::new(), |_| mask::MASK.to_owned()),
        ),
        ("ALGORITHM", auth.algorithm.as_str().to_owned()),
        (
            "JWT_PRIVATE_KEY_FILE",
            auth.key_file
                .as_ref()
                .map_or(String::new(), |path| path.display().to_string()),
        ),
        ("JWT_ISSUER", auth.issuer.clone()),
        ("JWT_AUDIENCE", auth.audience.clone()),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", count(auth.access_token_ttl, MINUTE)),
        ("REFRESH_TOKEN_EXPIRE_DAYS", count(auth.refresh_token_ttl, DAY)),
        ("PASSWORD_POLICY", auth.password_policy.as_str().to_owned()),
    ]
}

fn graphql(graphql: &GraphqlConfig) -> Settings {
    let limits = graphql.limits;
    vec![
        ("GRAPHQL_IDE", graphql.ide.to_string()),
        ("GRAPHQL_INTROSPECTION", graphql.introspection.to_string()),
        ("GRAPHQL_POINTS_PER_MINUTE", graphql.points_per_minute.to_string()),
        ("GRAPHQL_MAX_BYTES", limits.bytes.to_string()),
        ("GRAPHQL_MAX_TOKENS", limits.tokens.to_string()),
        ("GRAPHQL_MAX_DEPTH", limits.depth.to_string()),
        ("GRAPHQL_MAX_FIELDS", limits.fields.to_string()),
        ("GRAPHQL_MAX_ALIASES", limits.aliases.to_string()),
        ("GRAPHQL_MAX_DIRECTIVES", limits.directives.to_string()),
        ("GRAPHQL_MAX_COMPLEXITY", limits.complexity.to_string()),
        ("GRAPHQL_MAX_BATCH", limits.batch.to_string()),
        ("GRAPHQL_MAX_RESPONSE_BYTES", limits.response_bytes.to_string()),
    ]
}

fn live(websocket: WebSocketConfig) -> Settings {
    vec![
        ("WEBSOCKET_MAX_MESSAGE_BYTES", websocket.message_bytes.to_string()),
        ("WEBSOCKET_MAX_OPERATIONS", websocket.operations.to_string()),
        ("LIVE_MAX_CONNECTIONS", websocket.connections.to_string()),
        (
            "LIVE_MAX_CONNECTIONS_PER_USER",
            websocket.connections_per_user.to_string(),
        ),
        (
            "LIVE_MAX_ANONYMOUS_CONNECTIONS",
            websocket.anonymous_connections.to_string(),
        ),
        (
            "LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS",
            websocket.anonymous_per_address.to_string(),
        ),
        ("WEBSOCKET_INIT_TIMEOUT_SECONDS", count(websocket.init_timeout, SECOND)),
        (
            "WEBSOCKET_PING_INTERVAL_SECONDS",
            count(websocket.ping_interval, SECOND),
        ),
    ]
}

fn others(config: &Config) -> Settings {
    let Config {
        rate_limit,
        log,
        storage,
        rest,
        ..
    } = config;
    vec![
        ("REST_DIALECT", rest.dialect.as_str().to_owned()),
        ("RATE_LIMIT_ENABLED", rate_limit.enabled.to_string()),
        ("RATE_LIMIT_PER_MINUTE", rate_limit.per_minute.to_string()),
        ("RATE_LIMIT_STRICT_PER_MINUTE", rate_limit.strict_per_minute.to_string()),
        (
            "RATE_LIMIT_REFRESH_PER_MINUTE",
            rate_limit.refresh_per_minute.to_string(),
        ),
        ("RATE_LIMIT_UPLOAD_PER_MINUTE", rate_limit.upload_per_minute.to_string()),
        ("LOG_LEVEL", log.level.as_str().to_owned()),
        ("LOG_FORMAT", log.format.as_str().to_owned()),
        ("STORAGE_URL", mask::url(&storage.url)),
        (
            "UPLOAD_QUOTA_PER_USER_BYTES",
            storage.quota.per_user.unwrap_or_default().to_string(),
        ),
        (
            "UPLOAD_QUOTA_BYTES",
            storage.quota.total.unwrap_or_default().to_string(),
        ),
        ("SMTP_URL", secret_url(config.mail.url.as_ref())),
        ("MAIL_FROM", config.mail.from.clone()),
        (
            "MAIL_MAX_PER_HOUR",
            config.mail.max_per_hour.unwrap_or_default().to_string(),
        ),
        ("PUBLIC_URL", plain_url(config.mail.public_url.as_deref())),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            plain_url(config.otlp_endpoint.as_deref()),
        ),
        ("EXTERNAL_URL", plain_url(config.external.url.as_deref())),
        ("EXTERNAL_TIMEOUT_SECONDS", count(config.external.timeout, SECOND)),
    ]
}

fn count(duration: Duration, unit: u64) -> String {
    (duration.as_secs() / unit).to_string()
}

/// Empty if the default is computed at the start.
fn number(number: Option<u32>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// Zero for `None`.
fn milliseconds(duration: Option<Duration>) -> String {
    duration.unwrap_or_default().as_millis().to_string()
}

fn secret_url(url: Option<&SecretString>) -> String {
    plain_url(url.map(ExposeSecret::expose_secret))
}

fn plain_url(url: Option<&str>) -> String {
    url.map(mask::url).unwrap_or_default()
}

fn origins(origins: &CorsOrigins) -> String {
    match origins {
        CorsOrigins::Any => "*".to_owned(),
        CorsOrigins::List(list) if list.is_empty() => "[]".to_owned(),
        CorsOrigins::List(list) => commas(list.iter().cloned()),
    }
}

fn commas(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}
