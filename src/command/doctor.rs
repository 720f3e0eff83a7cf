//! `taskwire doctor`: whether everything that the server stands on is there.
//!
//! Every check is a line: `ok`, `warn`, or `FAILED` with what to do about it. One that depends on another
//! that failed is left out.

mod database;
mod jobs;
mod redis;
mod storage;

use std::fs;
use std::process::ExitCode;

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
        line(verdict, subject, &text)
    }
}

fn line(verdict: &str, subject: &str, text: &str) -> anyhow::Result<()> {
    output::line(&format!("{verdict:<6}  {subject}: {}", output::one_line(text)))
}

fn check_settings(report: &mut Report) -> anyhow::Result<Option<Config>> {
    match Config::load() {
        Ok(config) => {
            report.tell("settings", judge_settings(&config))?;
            for unknown in &config.unknown {
                line("warn", "settings", &unknown.to_string())?;
            }
            Ok(Some(config))
        }
        Err(error) => {
            report.tell("settings", Err(error.to_string()))?;
            Ok(None)
        }
    }
}

fn judge_settings(config: &Config) -> Result<String, String> {
    let environment = config.environment;
    let exposure = config.http.check_exposure(environment);
    exposure.map_err(|error| error.to_string())?;
    check_key_file(config)?;
    let (host, port) = (config.http.host, config.http.port);
    Ok(format!("{}, to be served on {host}:{port}", environment.as_str()))
}

fn check_key_file(config: &Config) -> Result<(), String> {
    let Some(file) = &config.auth.key_file else {
        return Ok(());
    };
    let problem = |error| {
        let file = file.display();
        format!("JWT_PRIVATE_KEY_FILE ({file}) cannot be read: {error}; make it readable for this user")
    };
    fs::read(file).map(drop).map_err(problem)
}
