mod connection;
mod env_file;
mod proxies;
mod refusals;
mod secrets;
mod unknown;

use std::path::PathBuf;

use secrecy::ExposeSecret;

use super::*;

const STRONG: &str = "f2a91c07d35be8462f0a7c9e1b44d6803ac57e19";

fn vars(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn config(pairs: &[(&str, &str)]) -> Config {
    Config::from_vars(&vars(pairs)).unwrap()
}

fn production(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let mut vars = vars(&[("APP_ENV", "production"), ("SECRET_KEY", STRONG)]);
    vars.extend(self::vars(pairs));
    Config::from_vars(&vars)
}

fn refusal(pairs: &[(&str, &str)]) -> String {
    Config::from_vars(&vars(pairs)).unwrap_err().to_string()
}

fn database_url(given: &str) -> String {
    let url = config(&[("DATABASE_URL", given)]).database.url;
    url.expose_secret().to_owned()
}

#[test]
fn without_settings_the_defaults_are_those_of_development() {
    let config = config(&[]);
    assert_eq!(config.environment, Environment::Development);
    assert_eq!(config.database.url.expose_secret(), "sqlite://taskwire.db?mode=rwc");
    assert_eq!(config.database.sqlite_path(), Some(PathBuf::from("taskwire.db")));
    assert_eq!(config.auth.algorithm, Algorithm::Hs256);
    assert!(config.auth.secret_key.is_none());
    assert_eq!(config.auth.access_token_ttl, Duration::from_mins(30));
    assert_eq!(config.auth.refresh_token_ttl, Duration::from_hours(7 * 24));
    assert_eq!(config.http.host.to_string(), "127.0.0.1");
    assert_eq!(config.http.port, 8000);
    assert_eq!(config.http.cors_origins, CorsOrigins::Any);
    assert!(config.graphql.ide && config.graphql.introspection);
    assert_eq!(config.graphql.limits.bytes, 65_536);
    assert_eq!(config.log.level, LogLevel::Info);
    assert_eq!(config.log.format, LogFormat::Text);
    assert!(config.storage.directory().unwrap().ends_with("uploads"));
    assert!(config.redis_url.is_none() && config.mail.url.is_none() && config.otlp_endpoint.is_none());
}

#[test]
fn production_has_safe_defaults() {
    let config = production(&[]).unwrap();
    assert_eq!(config.http.host.to_string(), "0.0.0.0");
    assert_eq!(config.http.cors_origins, CorsOrigins::List(Vec::new()));
    assert!(!config.graphql.ide && !config.graphql.introspection);
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn a_missing_file_is_created_in_development_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tasks.db");
    let url = format!("sqlite:///{}", path.display());
    let url = [("DATABASE_URL", url.as_str())];
    assert_eq!(config(&url).database.check_file(), Ok(()));
    let database = production(&url).unwrap().database;
    let problem = database.check_file().unwrap_err();
    assert!(
        problem.contains("DATABASE_URL") && problem.contains(path.to_str().unwrap()),
        "{problem}"
    );
    std::fs::write(&path, "").unwrap();
    assert_eq!(database.check_file(), Ok(()));
}

#[test]
fn a_server_in_production_drains_before_it_stops() {
    assert_eq!(config(&[]).http.shutdown_drain, Duration::ZERO);
    assert_eq!(production(&[]).unwrap().http.shutdown_drain, Duration::from_secs(5));
    let longer = production(&[("SHUTDOWN_DRAIN_SECONDS", "20")]).unwrap();
    assert_eq!(longer.http.shutdown_drain, Duration::from_secs(20));
}

#[test]
fn slow_statements_are_logged_from_a_second_unless_zero_is_set() {
    let threshold = |pairs: &[(&str, &str)]| config(pairs).database.slow_statement;
    assert_eq!(threshold(&[]), Some(Duration::from_secs(1)));
    assert_eq!(
        threshold(&[("SLOW_STATEMENT_MS", "250")]),
        Some(Duration::from_millis(250))
    );
    assert_eq!(threshold(&[("SLOW_STATEMENT_MS", "0")]), None);
}

#[test]
fn an_environment_has_several_names() {
    for name in ["development", "dev", "local", "test", "Testing"] {
        let config = config(&[("APP_ENV", name)]);
        assert_eq!(config.environment, Environment::Development, "{name}");
    }
    for name in ["production", "PROD", "staging"] {
        let config = production(&[("APP_ENV", name)]).unwrap();
        assert_eq!(config.environment, Environment::Production, "{name}");
    }
}

#[test]
fn empty_values_are_unset_and_foreign_ones_ignored() {
    let config = config(&[
        ("SERVER_PORT", ""),
        ("REDIS_URL", "  "),
        ("PROJECT_NAME", "Task Manager"),
        ("USER", "x"),
    ]);
    assert_eq!(config.http.port, 8000);
    assert!(config.redis_url.is_none());
}

#[test]
fn booleans_have_many_spellings() {
    for value in ["True", "true", "1", "yes", "ON"] {
        assert_eq!(config(&[("DEBUG", value)]).log.level, LogLevel::Debug, "{value}");
    }
    for value in ["False", "false", "0", "No", "off"] {
        assert!(!config(&[("RATE_LIMIT_ENABLED", value)]).rate_limit.enabled, "{value}");
    }
}

#[test]
fn sqlite_urls_are_accepted_in_every_spelling() {
    let table = [
        ("sqlite:///./tasks.db", "sqlite://./tasks.db?mode=rwc", "./tasks.db"),
        ("sqlite:///tasks.db", "sqlite://tasks.db?mode=rwc", "tasks.db"),
        (
            "sqlite+aiosqlite:///./data/tasks.db",
            "sqlite://./data/tasks.db?mode=rwc",
            "./data/tasks.db",
        ),
        (
            "sqlite:////srv/tasks.db",
            "sqlite:/srv/tasks.db?mode=rwc",
            "/srv/tasks.db",
        ),
        ("sqlite://taskwire.db", "sqlite://taskwire.db?mode=rwc", "taskwire.db"),
        ("sqlite:taskwire.db", "sqlite://taskwire.db?mode=rwc", "taskwire.db"),
        ("sqlite:/srv/tasks.db", "sqlite:/srv/tasks.db?mode=rwc", "/srv/tasks.db"),
        (
            "SQLite://../t.db?mode=rw&cache=shared",
            "sqlite://../t.db?mode=rw&cache=shared",
            "../t.db",
        ),
        (
            "sqlite:///t.db?check_same_thread=false",
            "sqlite://t.db?mode=rwc",
            "t.db",
        ),
        (
            "sqlite://my tasks+é.db",
            "sqlite://my%20tasks%2B%C3%A9.db?mode=rwc",
            "my tasks+é.db",
        ),
    ];
    for (given, url, path) in table {
        assert_eq!(database_url(given), url);
        assert_eq!(database_url(url), url, "the normalised spelling means the same again");
        let database = config(&[("DATABASE_URL", given)]).database;
        assert_eq!(database.backend(), Backend::Sqlite);
        assert!(!database.is_memory());
        assert_eq!(database.sqlite_path(), Some(PathBuf::from(path)), "{given}");
    }
}

#[test]
fn sqlite_in_memory_has_many_spellings() {
    for given in [
        "sqlite://",
        "sqlite::memory:",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite+aiosqlite://",
        "sqlite://t.db?mode=memory",
    ] {
        let database = config(&[("DATABASE_URL", given)]).database;
        assert_eq!(database.url.expose_secret(), "sqlite::memory:", "{given}");
        assert!(database.is_memory());
        assert_eq!(database.sqlite_path(), None);
    }
}

#[test]
fn postgres_urls_are_accepted_in_every_spelling() {
    for given in [
        "postgres://me:p%40ss@db:5432/tasks",
        "postgresql://me:p%40ss@db:5432/tasks",
        "postgresql+asyncpg://me:p%40ss@db:5432/tasks",
        "postgresql+psycopg2://me:p%40ss@db:5432/tasks",
    ] {
        assert_eq!(database_url(given), "postgres://me:p%40ss@db:5432/tasks");
    }
    assert_eq!(
        database_url("postgresql+asyncpg://db/t?ssl=require"),
        "postgres://db/t?sslmode=require"
    );
    let database = config(&[("DATABASE_URL", "postgres://db/t")]).database;
    assert_eq!(database.backend(), Backend::Postgres);
    assert_eq!(database.sqlite_path(), None);
}

#[test]
fn invalid_database_urls_are_refused() {
    for url in [
        "mongodb://x",
        "tasks.db",
        "sqlite:///dir/",
        "sqlite://t.db?mode=x",
        "postgres:x",
        "postgres://h:port/x",
    ] {
        let line = refusal(&[("DATABASE_URL", url)]);
        assert!(line.starts_with("DATABASE_URL is "), "{url}");
    }
}

#[test]
fn production_demands_a_strong_key() {
    let allowed = "allowed: 32 or more random characters in production, such as `openssl rand -hex 32` prints";
    let missing = refusal(&[("APP_ENV", "production")]);
    assert_eq!(missing, format!("SECRET_KEY is not set; {allowed}"));
    for weak in [
        "secret",
        "changeme",
        "supersecret",
        "f2a91c07d35be8462f0a7c9e1b44d68",
        "aaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb",
        "12345678901234567890123456789012",
        "change-me-in-production-a8f3c1d9e7b2",
        "your-secret-key-here-a8f3c1d9e7b2-0123",
        "YOUR_SUPER_SECRET_KEY_a8f3c1d9e7b2",
    ] {
        let line = production(&[("SECRET_KEY", weak)]).unwrap_err().to_string();
        assert_eq!(line, format!("SECRET_KEY is \"***\"; {allowed}"), "{weak}");
        let kept = config(&[("SECRET_KEY", weak)]).auth.secret_key.unwrap();
        assert_eq!(kept.expose_secret(), weak, "development takes any key");
    }
}

#[test]
fn production_needs_no_secret_for_a_key_file() {
    let vars = vars(&[
        ("APP_ENV", "production"),
        ("ALGORITHM", "EdDSA"),
        ("JWT_PRIVATE_KEY_FILE", "/run/key.pem"),
    ]);
    let config = Config::from_vars(&vars).unwrap();
    assert_eq!(config.auth.algorithm, Algorithm::EdDsa);
    assert_eq!(config.auth.key_file, Some(PathBuf::from("/run/key.pem")));
}

#[test]
fn production_refuses_every_origin() {
    let line = production(&[("BACKEND_CORS_ORIGINS", r#"["https://a.io", "*"]"#)])
        .unwrap_err()
        .to_string();
    let expected =
        "BACKEND_CORS_ORIGINS is \"*\"; allowed: in production, the origins by name, such as https://app.acme.com";
    assert_eq!(line, expected);
}

#[test]
fn lists_are_json_or_commas_and_origins_are_spelled_as_browsers_do() {
    let origins = |name, value| config(&[(name, value)]).http.cors_origins;
    let list = |origins: &[&str]| CorsOrigins::List(origins.iter().map(|origin| (*origin).to_owned()).collect());
    let expected = list(&["http://localhost:3000", "https://app.io"]);
    for value in [
        r#"["http://localhost:3000", "https://App.io/"]"#,
        "http://localhost:3000,https://app.io:443",
        " http://localhost:3000/ , https://app.io , ",
    ] {
        assert_eq!(origins("CORS_ORIGINS", value), expected);
        assert_eq!(origins("BACKEND_CORS_ORIGINS", value), expected);
    }
    assert_eq!(origins("CORS_ORIGINS", "[]"), list(&[]));
    assert_eq!(origins("CORS_ORIGINS", "https://a.io, *"), CorsOrigins::Any);
    let app = "capacitor://localhost";
    assert_eq!(origins("CORS_ORIGINS", app), list(&[app]));
}

#[test]
fn server_port_takes_precedence_over_port() {
    assert_eq!(config(&[("PORT", "3000")]).http.port, 3000);
    assert_eq!(config(&[("PORT", "3000"), ("SERVER_PORT", "0")]).http.port, 0);
}

#[test]
fn hosts_are_addresses_or_localhost() {
    for (value, host) in [
        ("localhost", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("::", "::"),
        ("[::1]", "::1"),
    ] {
        assert_eq!(config(&[("SERVER_HOST", value)]).http.host.to_string(), host);
    }
}

#[test]
fn a_development_server_is_for_this_machine_only() {
    let check = |pairs: &[(&str, &str)]| {
        let config = config(pairs);
        config.http.check_exposure(config.environment)
    };
    for host in ["127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1"] {
        assert_eq!(check(&[("SERVER_HOST", host)]), Ok(()), "{host}");
    }
    for host in ["0.0.0.0", "::", "192.168.1.7"] {
        let refused = check(&[("SERVER_HOST", host)]).unwrap_err();
        let start = format!("SERVER_HOST is \"{host}\"; allowed: in development, a loopback address");
        assert!(refused.to_string().starts_with(&start), "{refused}");
        let deliberate = [("SERVER_HOST", host), ("UNSAFE_DEVELOPMENT_ON_NETWORK", "true")];
        assert_eq!(check(&deliberate), Ok(()), "{host}");
    }
    let production = production(&[("SERVER_HOST", "0.0.0.0")]).unwrap();
    assert_eq!(production.http.check_exposure(production.environment), Ok(()));
}

#[test]
fn log_levels_are_read_as_python_writes_them() {
    for (value, level) in [
        ("WARNING", "warn"),
        ("CRITICAL", "error"),
        ("Info", "info"),
        ("TRACE", "trace"),
    ] {
        assert_eq!(config(&[("LOG_LEVEL", value)]).log.level.as_str(), level);
    }
    assert_eq!(config(&[("DEBUG", "true")]).log.level, LogLevel::Debug);
    let both = config(&[("DEBUG", "true"), ("LOG_LEVEL", "info")]);
    assert_eq!(both.log.level, LogLevel::Info);
    assert_eq!(config(&[("LOG_FORMAT", "standard")]).log.format, LogFormat::Text);
}

#[test]
fn storage_is_a_directory_or_a_bucket() {
    let directory = |name, value| config(&[(name, value)]).storage.directory();
    let expected = |path: &str| Some(PathBuf::from(path));
    assert_eq!(directory("UPLOAD_DIR", "/srv/my files"), expected("/srv/my files"));
    assert_eq!(directory("STORAGE_URL", "file:///srv/files"), expected("/srv/files"));
    assert!(directory("STORAGE_URL", "file://./files").unwrap().is_absolute());
    let bucket = config(&[("STORAGE_URL", "s3://bucket/prefix"), ("UPLOAD_DIR", "/srv")]).storage;
    assert_eq!(bucket.url, "s3://bucket/prefix");
    assert_eq!(bucket.directory(), None);
}

#[test]
fn secrets_are_never_shown() {
    let config = production(&[
        (
            "DATABASE_URL",
            "postgres://me:hunter2@db/tasks?sslpassword=hunter2&sslmode=require",
        ),
        ("REDIS_URL", "redis://:hunter2@cache:6379/0"),
        ("SMTP_URL", "smtps://me:hun@ter2@mail.acme.com"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:hunter2@traces.acme.com"),
    ])
    .unwrap();
    let shown: BTreeMap<_, _> = config.effective().into_iter().collect();
    assert_eq!(
        shown["DATABASE_URL"],
        "postgres://me:***@db/tasks?sslpassword=***&sslmode=require"
    );
    assert_eq!(shown["REDIS_URL"], "redis://:***@cache:6379/0");
    assert_eq!(shown["SMTP_URL"], "smtps://me:***@mail.acme.com");
    assert_eq!(shown["OTEL_EXPORTER_OTLP_ENDPOINT"], "https://me:***@traces.acme.com");
    assert_eq!(shown["SECRET_KEY"], "***");
    assert!(!format!("{:?}", config.database).contains("hunter2"));
}

#[test]
fn effective_settings_given_back_are_the_same_settings() {
    let pairs = [
        ("DATABASE_URL", "sqlite:////srv/t.db"),
        ("CORS_ORIGINS", "https://a.io,https://b.io"),
        ("DEBUG", "1"),
    ];
    let once = config(&pairs).effective();
    let vars = once
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect();
    assert_eq!(Config::from_vars(&vars).unwrap().effective(), once);
}

#[test]
fn the_example_file_names_every_setting_with_its_default() {
    let text = include_str!("../../../.env.example");
    let commented_out = text.replace("\n#", "\n");
    let lines = commented_out.lines().filter(|line| !line.starts_with(' '));
    let lines = lines.collect::<Vec<_>>().join("\n");
    for text in [text, &lines] {
        let given = dotenv::parse(text, &BTreeMap::new()).unwrap();
        let effective = Config::from_vars(&given).unwrap().effective();
        assert_eq!(effective, config(&[]).effective());
    }
    // Shown as STORAGE_URL.
    let named: Vec<_> = example::names().filter(|name| *name != "UPLOAD_DIR").collect();
    let effective = config(&[]).effective();
    let settings: Vec<_> = effective.iter().map(|(name, _)| *name).collect();
    assert_eq!(named, settings, "the same settings in the same order");
}

#[test]
fn a_copy_of_the_example_file_keeps_the_settings_of_packages() {
    let example = dotenv::parse(include_str!("../../../.env.example"), &BTreeMap::new()).unwrap();
    let mut package = vars(&[
        ("APP_ENV", "production"),
        ("SERVER_HOST", "127.0.0.1"),
        ("DATABASE_URL", "sqlite:////srv/tasks.db"),
        ("UPLOAD_DIR", "/srv/uploads"),
    ]);
    // As in systemd and containers: a variable of the file, even an empty one, replaces that of the package.
    package.extend(example);
    package.insert("SECRET_KEY".to_owned(), STRONG.to_owned());
    let config = Config::from_vars(&package).unwrap();
    assert!(config.environment.is_production());
    assert_eq!(config.http.host.to_string(), "127.0.0.1");
    assert_eq!(config.database.sqlite_path(), Some(PathBuf::from("/srv/tasks.db")));
    assert_eq!(config.storage.directory(), Some(PathBuf::from("/srv/uploads")));
}

#[test]
fn the_example_file_is_filled_in_for_each_environment() {
    let settings = |values: &[(&str, &str)]| {
        let given = dotenv::parse(&example::filled_in(values).unwrap(), &BTreeMap::new()).unwrap();
        Config::from_vars(&given).unwrap().effective()
    };
    assert_eq!(
        settings(&[("APP_ENV", "production"), ("SECRET_KEY", STRONG)]),
        production(&[]).unwrap().effective()
    );
    assert_eq!(settings(&[("APP_ENV", "development")]), config(&[]).effective());
}
