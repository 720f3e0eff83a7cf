//! The servers the tests need: PostgreSQL and Redis, started for one run and gone after it.
//!
//! This file finds free ports and holds the pair; how each is found, started and stopped stands in
//! [`postgres`] and [`redis`]. Both listen on 127.0.0.1 alone and keep their files in a temporary folder.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::install;

mod postgres;
mod redis;

pub(crate) use postgres::Durability;

/// How often a start is tried: another program may take a port between its choice and its use.
const STARTS: u32 = 3;

/// The running servers. Dropping them stops them.
pub(crate) struct Servers {
    postgres: postgres::Postgres,
    postgres_programs: PathBuf,
    redis: redis::Redis,
}

impl Servers {
    /// Finds both servers, installs what is missing where that is allowed, and starts them.
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

    /// One line a server: where it listens and where it writes its log.
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

    /// Where PostgreSQL listens, as its superuser.
    pub(crate) fn postgres_url(&self) -> String {
        self.postgres.url()
    }

    /// The folder with PostgreSQL's programs.
    pub(crate) fn postgres_programs(&self) -> &Path {
        &self.postgres_programs
    }

    /// Where Redis listens.
    pub(crate) fn redis_url(&self) -> String {
        self.redis.url()
    }
}

/// The packages whose server this machine lacks.
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

/// A port nobody listens on at this moment.
fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port on 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Tries a start a few times and keeps the last error.
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

/// The end of a server's log, for the message that it did not start.
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
