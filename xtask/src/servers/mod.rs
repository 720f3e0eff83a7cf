//! PostgreSQL and Redis for one test run.
//!
//! This file finds free ports; [`postgres`] and [`redis`] find, start and stop each server. Both listen on 127.0.0.1 only and
//! keep their files in a temporary folder.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::install;

mod postgres;
mod redis;

pub(crate) use postgres::Durability;

/// Number of attempts to start: another program may take a port between its choice and its use.
const STARTS: u32 = 3;

/// The running servers. Dropping them stops them.
pub(crate) struct Servers {
    postgres: postgres::Postgres,
    postgres_programs: PathBuf,
    redis: redis::Redis,
}

impl Servers {
    /// Finds both servers, installs missing ones if possible, and starts them.
    pub(crate) fn start(durability: Durability) -> Result<Self> {
        install::provide(missing)?;
        let postgres = postgres::Binaries::find().context("PostgreSQL is missing")?;
        let redis = redis::find().context("Redis is missing")?;
        Ok(Self {
            postgres_programs: postgres.folder().to_owned(),
            postgres: postgres::Postgres::start(&postgres, durability)?,
            redis: redis::Redis::start(&redis)?,
        })
    }

    /// A line for each server: its address and its log.
    pub(crate) fn describe(&self) -> [String; 2] {
        [
            format!(
                "PostgreSQL at {}, log in {}",
                self.postgres.url(),
                self.postgres.log().display()
            ),
            format!("Redis at {}, log in {}", self.redis.url(), self.redis.log().display()),
        ]
    }

    /// The URL of PostgreSQL, as its superuser.
    pub(crate) fn postgres_url(&self) -> String {
        self.postgres.url()
    }

    /// The folder with PostgreSQL's programs.
    pub(crate) fn postgres_programs(&self) -> &Path {
        &self.postgres_programs
    }

    /// The URL of Redis.
    pub(crate) fn redis_url(&self) -> String {
        self.redis.url()
    }
}

/// The packages of missing servers.
fn missing() -> Vec<&'static install::Package> {
    let mut missing = Vec::new();
    if postgres::Binaries::find().is_none() {
        missing.push(&install::POSTGRES);
    }
    if redis::find().is_none() {
        missing.push(&install::REDIS);
    }
    missing
}

/// A free port.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Tries a start several times, and returns the last error.
fn with_retries<T>(mut start: impl FnMut() -> Result<T>) -> Result<T> {
    let mut outcome = start();
    for _ in 1..STARTS {
        if outcome.is_ok() || crate::process::go_on().is_err() {
            break;
        }
        outcome = start();
    }
    outcome
}

/// The end of a server's log, for the error that it did not start.
fn last_lines(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn start_is_tried_again_but_not_forever() {
        let tries = Cell::new(0);
        let outcome: Result<()> = with_retries(|| {
            tries.set(tries.get() + 1);
            anyhow::bail!("port taken, try {}", tries.get())
        });
        assert_eq!(
            outcome.map_err(|error| error.to_string()),
            Err("port taken, try 3".to_owned())
        );
    }

    #[test]
    fn end_of_a_long_log_is_shown() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let log = folder.path().join("log");
        let lines: Vec<String> = (0..100).map(|line| line.to_string()).collect();
        fs::write(&log, lines.join("\n"))?;
        assert!(last_lines(&log).starts_with("85\n"));
        assert_eq!(last_lines(&folder.path().join("absent")), "");
        Ok(())
    }
}
