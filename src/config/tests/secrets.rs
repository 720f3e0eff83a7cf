//! Secrets from files.

use std::{fs, path::Path};

use super::*;

fn refused(pairs: &[(&str, &Path)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, path)| ((*name).to_owned(), path.display().to_string()));
    Config::from_vars(&pairs.collect()).unwrap_err().to_string()
}

#[test]
fn every_secret_can_come_from_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let values = [
        ("DATABASE_URL", "postgres://me:hunter2@db/tasks\n"),
        ("REDIS_URL", "redis://:hunter2@cache:6379/0\r\n"),
        ("SECRET_KEY", STRONG),
        ("SMTP_URL", "smtps://me:hunter2@mail.acme.com\n"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://me:hunter2@traces.acme.com\n"),
        ("EXTERNAL_URL", "https://me:hunter2@acme.com\n"),
        ("AWS_ACCESS_KEY_ID", "AKIA\n"),
        ("AWS_SECRET_ACCESS_KEY", "hunter2\n"),
        ("AWS_SESSION_TOKEN", "hunter2\n"),
    ];
    assert_eq!(values.len(), SECRETS.len());
    let mut paths = vars(&[("APP_ENV", "production")]);
    for (name, value) in values {
        let path = folder.path().join(name);
        fs::write(&path, value).unwrap();
        paths.insert(format!("{name}_FILE"), path.display().to_string());
    }
    let from_files = Config::from_vars(&paths).unwrap();
    let given = production(&values).unwrap();
    assert_eq!(from_files.effective(), given.effective());
    assert_eq!(from_files.auth.secret_key.unwrap().expose_secret(), STRONG);
    let exposed = |config: StorageConfig| -> Vec<_> {
        let values = config.aws.into_iter();
        values
            .map(|(name, value)| (name, value.expose_secret().to_owned()))
            .collect()
    };
    assert_eq!(exposed(from_files.storage), exposed(given.storage));
}

#[test]
fn a_secret_is_given_once() {
    let both = [("SECRET_KEY", STRONG), ("SECRET_KEY_FILE", "/run/secrets/key")];
    assert_eq!(
        refusal(&both),
        r#"SECRET_KEY_FILE is "/run/secrets/key"; allowed: SECRET_KEY or SECRET_KEY_FILE, not both; leave one of them empty"#
    );
    assert!(
        config(&[("SECRET_KEY", STRONG), ("SECRET_KEY_FILE", "")])
            .auth
            .secret_key
            .is_some()
    );
}

#[test]
fn a_file_that_gives_no_secret_is_named_and_its_content_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    let start = |name: &str| format!("{name} is \"{}\"; allowed: ", path.display());

    let line = refused(&[("REDIS_URL_FILE", &path)]);
    assert!(line.starts_with(&start("REDIS_URL_FILE")), "{line}");
    assert!(
        line.contains("the path of a text file") && line.contains("No such file"),
        "{line}"
    );

    fs::write(&path, "\n").unwrap();
    let line = refused(&[("DATABASE_URL_FILE", &path)]);
    assert!(line.contains("the file is empty"), "{line}");

    fs::write(&path, "hunter2\n").unwrap();
    for name in ["DATABASE_URL_FILE", "REDIS_URL_FILE", "SMTP_URL_FILE"] {
        let line = refused(&[(name, &path)]);
        assert!(line.starts_with(&(start(name) + "a file that contains ")), "{line}");
        assert!(!line.contains("hunter2"), "{line}");
    }
    let line = refused(&[("SECRET_KEY_FILE", &path), ("APP_ENV", Path::new("production"))]);
    assert!(
        line.starts_with(&(start("SECRET_KEY_FILE") + "a file that contains 32 or more")),
        "{line}"
    );
}

#[test]
fn a_path_of_a_key_is_no_secret_in_a_file() {
    let config = config(&[
        ("JWT_PRIVATE_KEY_FILE", "/run/key.pem"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
    ]);
    assert_eq!(config.auth.key_file, Some(PathBuf::from("/run/key.pem")));
    let (name, path) = &config.storage.aws[0];
    assert_eq!(
        (name.as_str(), path.expose_secret()),
        ("aws_web_identity_token_file", "/run/token")
    );
}
