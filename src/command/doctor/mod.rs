//! `taskwire doctor`: checks everything that the server needs.
//!
//! Every check prints a line: `ok`, `warn`, or `FAILED` with a fix. A check that depends on a failed one is left out.

mod database;
mod disk;
mod file;
mod jobs;
mod mail;
mod redis;
mod rights;
mod storage;
mod transaction;

use std::process::ExitCode;
use std::time::Duration;

use chrono::TimeDelta;
use tokio::time::timeout;

use super::output;
use crate::app::key_in_file;
use crate::config::{AuthConfig, Config};
use crate::domain::error::{Error, described};
use crate::domain::token::TokenSigner;

pub(super) async fn run() -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    if let Some(config) = check_settings(&mut report)? {
        database::check(&config, &mut report).await?;
        redis::check(config.redis_url.as_ref(), &mut report).await?;
        mail::check(&config.mail, &mut report).await?;
        storage::check(&config.storage, &mut report).await?;
        disk::check(&config, &mut report)?;
    }
    Ok(if report.failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Ok(String),
    /// The server runs, but an operator should look.
    Warning(String),
    Failed(String),
}

impl From<Result<String, String>> for Finding {
    fn from(found: Result<String, String>) -> Self {
        found.map_or_else(Self::Failed, Self::Ok)
    }
}

#[derive(Debug, Default)]
struct Report {
    failed: bool,
}

impl Report {
    fn add(&mut self, subject: &str, found: impl Into<Finding>) -> anyhow::Result<()> {
        let (verdict, text) = match found.into() {
            Finding::Ok(text) => ("ok", text),
            Finding::Warning(text) => ("warn", text),
            Finding::Failed(text) => {
                self.failed = true;
                ("FAILED", text)
            }
        };
        output::line(&format!("{verdict:<6}  {subject}: {}", output::one_line(&text)))
    }
}

/// An error with its causes.
fn failure(error: Error) -> String {
    format!("{:#}", described(error))
}

/// Fails if the work takes longer.
async fn within<T>(patience: Duration, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let worked = timeout(patience, work).await;
    worked.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {} s", patience.as_secs())))
}

/// Rounded down to its largest unit, such as `2 hours`.
fn duration(time: TimeDelta) -> String {
    match time {
        time if time.num_days() > 1 => format!("{} days", time.num_days()),
        time if time.num_hours() > 1 => format!("{} hours", time.num_hours()),
        time if time.num_minutes() > 1 => format!("{} minutes", time.num_minutes()),
        time => format!("{} s", time.num_seconds().max(0)),
    }
}

fn check_settings(report: &mut Report) -> anyhow::Result<Option<Config>> {
    match Config::load() {
        Ok(config) => {
            report.add("settings", judge_settings(&config))?;
            for unknown in &config.unknown {
                report.add("settings", Finding::Warning(unknown.to_string()))?;
            }
            Ok(Some(config))
        }
        Err(error) => {
            report.add("settings", Err(error.to_string()))?;
            Ok(None)
        }
    }
}

fn judge_settings(config: &Config) -> Result<String, String> {
    let environment = config.environment;
    let exposure = config.http.check_exposure(environment);
    exposure.map_err(|error| error.to_string())?;
    check_key_file(&config.auth)
        .map_err(|error| format!("{error:#}; give this user a readable key file for ALGORITHM"))?;
    let (host, port) = (config.http.host, config.http.port);
    Ok(format!("{}, to be served on {host}:{port}", environment.as_str()))
}

/// Fails as the server does when it starts.
fn check_key_file(auth: &AuthConfig) -> anyhow::Result<()> {
    let Some(key) = key_in_file(auth)? else {
        return Ok(());
    };
    TokenSigner::new(&key, auth.issuer.clone(), auth.audience.clone()).map(drop)
}
