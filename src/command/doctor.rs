//! `taskwire doctor`: whether everything that the server stands on is there.
//!
//! Every check is a line: `ok`, or `FAILED` with what to do about it. One that depends on another
//! that failed is left out.

mod database;
mod jobs;
mod redis;
mod storage;

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;

use super::output;
use crate::config::Config;

/// Checks everything, and fails when anything is wrong.
pub(super) async fn run() -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    if let Some(config) = check_settings(&mut report)? {
        database::check(&config, &mut report).await?;
        redis::check(config.redis_url.as_ref(), &mut report).await?;
        storage::check(&config.storage, &mut report).await?;
    }
    Ok(if report.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What was found.
#[derive(Debug, Default)]
struct Report {
    failed: bool,
}

impl Report {
    /// Prints what a check found: what is well, or what is wrong and what to do.
    fn tell(&mut self, subject: &str, found: Result<String, String>) -> anyhow::Result<()> {
        let (verdict, text) = match found {
            Ok(text) => ("ok", text),
            Err(text) => {
                self.failed = true;
                ("FAILED", text)
            }
        };
        output::line(&format!("{verdict:<6}  {subject}: {}", output::one_line(&text)))
    }
}

fn check_settings(report: &mut Report) -> anyhow::Result<Option<Config>> {
    match Config::load() {
        Ok(config) => {
            let found = check_key_file(&config).map(|()| {
                format!(
                    "{}, to be served on {}:{}",
                    config.environment.as_str(),
                    config.http.host,
                    config.http.port
                )
            });
            report.tell(
                "settings",
                found.map_err(|error| format!("{error:#}; make it readable for this user")),
            )?;
            Ok(Some(config))
        }
        Err(error) => {
            report.tell("settings", Err(error.to_string()))?;
            Ok(None)
        }
    }
}

fn check_key_file(config: &Config) -> anyhow::Result<()> {
    let Some(file) = &config.auth.key_file else {
        return Ok(());
    };
    fs::read(file).with_context(|| format!("JWT_PRIVATE_KEY_FILE ({}) cannot be read", file.display()))?;
    Ok(())
}
