//! Wrong values and their error messages.

/// Variable, value, line.
pub(super) const TABLE: &[(&str, &str, &str)] = &[
    (
        "APP_ENV",
        "prd",
        r#"APP_ENV is "prd"; allowed: development, production, dev, local, test, testing, prod or staging"#,
    ),
    (
        "DEBUG",
        "maybe",
        r#"DEBUG is "maybe"; allowed: true, false, 1, 0, yes, no, on or off"#,
    ),
    (
        "SERVER_PORT",
        "70000",
        r#"SERVER_PORT is "70000"; allowed: a whole number from 0 to 65535"#,
    ),
    (
        "PORT",
        "http",
        r#"PORT is "http"; allowed: a whole number from 0 to 65535"#,
    ),
    (
        "SERVER_HOST",
        "a\nb",
        r#"SERVER_HOST is "a\nb"; allowed: an IP address or localhost"#,
    ),
    (
        "ROOT_PATH",
        "taskwire",
        r#"ROOT_PATH is "taskwire"; allowed: a path such as /taskwire, of letters, digits, `-`, `.`, `_`, `~` and `/`"#,
    ),
    (
        "ROOT_PATH",
        "/a/../b",
        r#"ROOT_PATH is "/a/../b"; allowed: a path such as /taskwire, of letters, digits, `-`, `.`, `_`, `~` and `/`"#,
    ),
    (
        "ROOT_PATH",
        "/<script>",
        r#"ROOT_PATH is "/<script>"; allowed: a path such as /taskwire, of letters, digits, `-`, `.`, `_`, `~` and `/`"#,
    ),
    (
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        "0",
        r#"ACCESS_TOKEN_EXPIRE_MINUTES is "0"; allowed: a whole number from 1 to 525600"#,
    ),
    (
        "REFRESH_TOKEN_EXPIRE_DAYS",
        "1.5",
        r#"REFRESH_TOKEN_EXPIRE_DAYS is "1.5"; allowed: a whole number from 1 to 3650"#,
    ),
    (
        "RATE_LIMIT_PER_MINUTE",
        "-1",
        r#"RATE_LIMIT_PER_MINUTE is "-1"; allowed: a whole number from 1 to 4294967295"#,
    ),
    (
        "DATABASE_MAX_CONNECTIONS",
        "0",
        r#"DATABASE_MAX_CONNECTIONS is "0"; allowed: a whole number from 1 to 1000"#,
    ),
    (
        "SHUTDOWN_DRAIN_SECONDS",
        "3601",
        r#"SHUTDOWN_DRAIN_SECONDS is "3601"; allowed: a whole number from 0 to 3600"#,
    ),
    (
        "MAX_CONNECTIONS",
        "0",
        r#"MAX_CONNECTIONS is "0"; allowed: a whole number from 1 to 1000000"#,
    ),
    (
        "MAX_CONNECTIONS_PER_ADDRESS",
        "all",
        r#"MAX_CONNECTIONS_PER_ADDRESS is "all"; allowed: a whole number from 1 to 1000000"#,
    ),
    (
        "HEADER_READ_TIMEOUT_SECONDS",
        "0",
        r#"HEADER_READ_TIMEOUT_SECONDS is "0"; allowed: a whole number from 1 to 3600"#,
    ),
    (
        "SLOW_STATEMENT_MS",
        "1s",
        r#"SLOW_STATEMENT_MS is "1s"; allowed: a whole number from 0 to 3600000"#,
    ),
    (
        "GRAPHQL_MAX_DEPTH",
        "0",
        r#"GRAPHQL_MAX_DEPTH is "0"; allowed: a whole number from 1 to 100"#,
    ),
    (
        "ALGORITHM",
        "none",
        r#"ALGORITHM is "none"; allowed: HS256, EdDSA or ES256"#,
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
        "PASSWORD_POLICY",
        "lax",
        r#"PASSWORD_POLICY is "lax"; allowed: standard or strict"#,
    ),
    (
        "LOG_LEVEL",
        "loud",
        r#"LOG_LEVEL is "loud"; allowed: trace, debug, info, warn, warning, error, critical or fatal"#,
    ),
    (
        "LOG_FORMAT",
        "xml",
        r#"LOG_FORMAT is "xml"; allowed: json, text or standard"#,
    ),
    (
        "CORS_ORIGINS",
        "[\"a\"",
        r#"CORS_ORIGINS is "[\"a\""; allowed: a JSON list of strings, or values between commas"#,
    ),
    (
        "CORS_ORIGINS",
        "https://a.io/app",
        r#"CORS_ORIGINS is "https://a.io/app"; allowed: *, or origins such as https://app.acme.com, without a path"#,
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
    (
        "SMTP_URL",
        "mail.acme.com",
        r#"SMTP_URL is "mail.acme.com"; allowed: a URL that starts with smtp:// or smtps://"#,
    ),
    (
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "collector:4317",
        r#"OTEL_EXPORTER_OTLP_ENDPOINT is "collector:4317"; allowed: a URL that starts with http:// or https://"#,
    ),
    (
        "EXTERNAL_URL",
        "ftp://x",
        r#"EXTERNAL_URL is "ftp://x"; allowed: a URL that starts with http:// or https://"#,
    ),
    (
        "STORAGE_URL",
        "/srv/files",
        r#"STORAGE_URL is "/srv/files"; allowed: file:///directory or s3://bucket"#,
    ),
    (
        "STORAGE_URL",
        "s3://",
        r#"STORAGE_URL is "s3://"; allowed: file:///directory or s3://bucket"#,
    ),
];
