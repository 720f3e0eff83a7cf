//! Variables that look like settings.

use super::{
    super::{dotenv, unknown},
    *,
};

fn warnings(file: &str, process: &[(&str, &str)]) -> Vec<String> {
    let process = vars(process);
    let vars = dotenv::parse(file, &process).unwrap();
    let unknown = unknown::find(file, &vars, &process);
    unknown.iter().map(ToString::to_string).collect()
}

#[test]
fn every_unknown_name_in_the_file_is_reported_with_the_nearest_setting() {
    let file = "DATABSE_URL=sqlite://t.db\nPROJECT_NAME=Tasks\nSECRET_KEY_FIEL=/run/key\nREDIS_URL=\nPORT=1\nEMPTY=\n";
    let expected = [
        "DATABSE_URL in .env is not a setting; did you mean DATABASE_URL?",
        "PROJECT_NAME in .env is not a setting",
        "SECRET_KEY_FIEL in .env is not a setting; did you mean SECRET_KEY_FILE?",
    ];
    assert_eq!(warnings(file, &[]), expected);
    let parts = "DB_USER=me\nDB_PASSWORD=hunter2\nDATABASE_URL=postgres://${DB_USER:-you}:${DB_PASSWORD}@db/tasks\n";
    assert_eq!(warnings(parts, &[]), [""; 0], "parts of a setting are no settings");
}

#[test]
fn in_the_environment_only_names_close_to_a_setting_are_reported() {
    let mistakes = [
        ("DATABSE_URL", "DATABASE_URL"),
        ("SECERT_KEY", "SECRET_KEY"),
        ("CORS_ORIGIN", "CORS_ORIGINS"),
        ("server_port", "SERVER_PORT"),
        ("GRAPHQL_MAX_DEPHT", "GRAPHQL_MAX_DEPTH"),
        ("RATE_LIMITS_PER_MINUTES", "RATE_LIMIT_PER_MINUTE"),
    ];
    for (name, meant) in mistakes {
        let expected = format!("{name} in the environment is not a setting; did you mean {meant}?");
        assert_eq!(warnings("", &[(name, "x")]), [expected]);
    }
    // Another program may use the similar name.
    assert_eq!(warnings("", &[("DATABASE_URI", "x"), ("DATABASE_URL", "y")]), [""; 0]);
    assert_eq!(warnings("REDIS_URL=y", &[("REDIS_URI", "x")]), [""; 0]);
}

#[test]
fn variables_of_other_programs_are_left_alone() {
    let foreign = "PORT HOST PATH HOME USER LANG TERM DEBUGINFOD_URLS LOG_FORMAT LOG_FILE DATABASE_PASSWORD \
        DATABASE_HOST DATABASE_NAME DATABASE_PORT DATABASE_SSL DATABASE_USER REDIS_HOST REDIS_TLS_URL \
        REDIS_PORT SMTP_HOST SMTP_USER SMTP_PORT MAIL_PORT MAIL_USER SERVER_NAME SERVER_ROOT SERVICE_PORT \
        APP_NAME APP_URL APP_KEY NODE_ENV RUST_LOG RAILWAY_ENVIRONMENT RAILWAY_PUBLIC_DOMAIN \
        RAILWAY_STATIC_URL RENDER_EXTERNAL_URL HEROKU_APP_NAME KUBERNETES_SERVICE_HOST \
        KUBERNETES_SERVICE_PORT TASKWIRE_PORT TASKWIRE_SERVICE_PORT TASKWIRE_TEST_DATABASE_URL \
        TASKWIRE_TEST_REDIS_URL TASKWIRE_BINARY OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_HEADERS \
        OTEL_EXPORTER_OTLP_PROTOCOL OTEL_EXPORTER_OTLP_TRACES_ENDPOINT AWS_REGION AWS_ENDPOINT_URL \
        AWS_ACCESS_KEY POSTGRES_PASSWORD TMPDIR JWT_SECRET";
    let pairs: Vec<_> = foreign.split(' ').map(|name| (name, "x")).collect();
    assert_eq!(warnings("", &pairs), [""; 0]);
}

#[test]
fn a_setting_that_is_missing_is_reported_with_the_name_that_was_given() {
    let unknown = unknown::find("", &BTreeMap::new(), &vars(&[("SECERT_KEY", STRONG)]));
    let error = Config::from_vars(&vars(&[("APP_ENV", "production")])).unwrap_err();
    let line = unknown::hint(error, &unknown).to_string();
    let end = "; SECERT_KEY in the environment is not a setting; did you mean SECRET_KEY?";
    assert!(
        line.starts_with("SECRET_KEY is not set; allowed: ") && line.ends_with(end),
        "{line}"
    );
    assert!(!line.contains(STRONG));
}
