//! Secrets from files, as containers, Kubernetes and systemd credentials provide them.

use std::{collections::BTreeMap, fs};

use super::{
    ConfigError,
    reader::{SettingsReader, refuse},
};

/// Settings that may contain a secret. For each, `NAME_FILE` names a file whose content is the value.
///
/// `JWT_PRIVATE_KEY_FILE` is not among them: its value is always a path.
pub const SECRETS: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "DATABASE_URL",
    "EXTERNAL_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "REDIS_URL",
    "SECRET_KEY",
    "SMTP_URL",
];

/// Replaces each `NAME_FILE` by `NAME` with the content of the file.
pub(super) fn resolve(vars: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, ConfigError> {
    let given = SettingsReader::new(vars);
    let mut resolved = vars.clone();
    for name in SECRETS {
        let file = path_setting(name);
        let Some(path) = given.text(&file) else { continue };
        if given.text(name).is_some() {
            let allowed = format!("{name} or {file}, not both; leave one of them empty");
            return Err(refuse(&file, path, &allowed));
        }
        resolved.remove(&file);
        resolved.insert(name.to_owned(), content(&file, path)?);
    }
    Ok(resolved)
}

/// The error without the value if the value comes from a file: then it is secret.
pub(super) fn conceal(error: ConfigError, vars: &BTreeMap<String, String>) -> ConfigError {
    let file = path_setting(&error.variable);
    match SettingsReader::new(vars).text(&file) {
        Some(path) if SECRETS.contains(&error.variable.as_str()) => {
            refuse(&file, path, &format!("a file that contains {}", error.allowed))
        }
        _ => error,
    }
}

pub(super) fn path_setting(name: &str) -> String {
    format!("{name}_FILE")
}

fn content(file: &str, path: &str) -> Result<String, ConfigError> {
    let refuse = |problem: String| {
        refuse(
            file,
            path,
            &format!("the path of a text file with the value ({problem})"),
        )
    };
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    // An empty value would count as unset, and the default would take effect unnoticed.
    if text.trim().is_empty() {
        return Err(refuse("the file is empty".to_owned()));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}
