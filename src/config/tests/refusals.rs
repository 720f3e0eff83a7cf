//! Wrong values and their error messages.

use super::refusal;

const PATH: &str = "a path such as /taskwire, of letters, digits, `-`, `.`, `_`, `~` and `/`";
const LEVELS: &str = "trace, debug, info, warn, warning, error, critical or fatal";
const ENVIRONMENTS: &str = "development, production, dev, local, test, testing, prod or staging";
const ORIGINS: &str = "*, or origins such as https://app.acme.com, without a path";
const HTTP: &str = "a URL that starts with http:// or https://";

/// Variable, value, allowed values.
const TABLE: &[(&str, &str, &str)] = &[
    ("APP_ENV", "prd", ENVIRONMENTS),
    ("DEBUG", "maybe", "true, false, 1, 0, yes, no, on or off"),
    ("SERVER_PORT", "70000", "a whole number from 0 to 65535"),
    ("PORT", "http", "a whole number from 0 to 65535"),
    ("ROOT_PATH", "taskwire", PATH),
    ("ROOT_PATH", "/a/../b", PATH),
    ("ROOT_PATH", "/<script>", PATH),
    ("ACCESS_TOKEN_EXPIRE_MINUTES", "0", "a whole number from 1 to 525600"),
    ("REFRESH_TOKEN_EXPIRE_DAYS", "1.5", "a whole number from 1 to 3650"),
    ("RATE_LIMIT_PER_MINUTE", "-1", "a whole number from 1 to 4294967295"),
    ("DATABASE_MAX_CONNECTIONS", "0", "a whole number from 1 to 1000"),
    ("SHUTDOWN_DRAIN_SECONDS", "3601", "a whole number from 0 to 3600"),
    ("MAX_CONNECTIONS", "0", "a whole number from 1 to 1000000"),
    ("MAX_CONNECTIONS_PER_ADDRESS", "all", "a whole number from 1 to 1000000"),
    ("HEADER_READ_TIMEOUT_SECONDS", "0", "a whole number from 1 to 3600"),
    ("SLOW_STATEMENT_MS", "1s", "a whole number from 0 to 3600000"),
    ("GRAPHQL_MAX_DEPTH", "0", "a whole number from 1 to 100"),
    ("ALGORITHM", "none", "HS256, EdDSA or ES256"),
    ("PASSWORD_POLICY", "lax", "standard or strict"),
    ("LOG_LEVEL", "loud", LEVELS),
    ("LOG_FORMAT", "xml", "json, text or standard"),
    ("CORS_ORIGINS", "https://a.io/app", ORIGINS),
    (
        "SMTP_URL",
        "mail.acme.com",
        "a URL that starts with smtp:// or smtps://",
    ),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317", HTTP),
    ("EXTERNAL_URL", "ftp://x", HTTP),
    ("STORAGE_URL", "/srv/files", "file:///directory or s3://bucket"),
    ("STORAGE_URL", "s3://", "file:///directory or s3://bucket"),
];

/// Variable, value, line, if the line does not simply contain the value.
const LINES: &[(&str, &str, &str)] = &[
    (
        "SERVER_HOST",
        "a\nb",
        r#"SERVER_HOST is "a\nb"; allowed: an IP address or localhost"#,
    ),
    (
        "ALGORITHM",
        "EdDSA",
        "JWT_PRIVATE_KEY_FILE is not set; allowed: the path of a PEM file (PKCS#8), which EdDSA needs",
    ),
    (
        "ALGORITHM",
        "es256",
        "JWT_PRIVATE_KEY_FILE is not set; allowed: the path of a PEM file (PKCS#8), which ES256 needs",
    ),
    (
        "CORS_ORIGINS",
        "[\"a\"",
        r#"CORS_ORIGINS is "[\"a\""; allowed: a JSON list of strings, or values between commas"#,
    ),
    (
        "TRUSTED_PROXIES",
        "10.0.0.0/8,nginx",
        r#"TRUSTED_PROXIES is "nginx"; allowed: addresses or networks, such as 10.0.0.0/8"#,
    ),
    (
        "DATABASE_URL",
        "mysql://me:hunter2@db/x",
        r#"DATABASE_URL is "mysql://me:***@db/x"; allowed: sqlite://path, sqlite::memory: or postgres://user:password@host/database"#,
    ),
    (
        "DATABASE_URL",
        "postgres://me:hun/t?er@db:x/y",
        r#"DATABASE_URL is "postgres://me:***@db:x/y"; allowed: sqlite://path, sqlite::memory: or postgres://user:password@host/database"#,
    ),
    (
        "REDIS_URL",
        "http://:hunter2@cache",
        r#"REDIS_URL is "http://:***@cache"; allowed: a URL that starts with redis://, rediss:// or unix://"#,
    ),
];

#[test]
fn wrong_values_are_refused_in_one_line() {
    for (name, value, allowed) in TABLE {
        assert_eq!(
            refusal(&[(name, value)]),
            format!("{name} is \"{value}\"; allowed: {allowed}")
        );
    }
    for (name, value, line) in LINES {
        assert_eq!(refusal(&[(name, value)]), *line);
    }
}
