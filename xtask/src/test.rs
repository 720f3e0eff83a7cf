//! `cargo xtask test`: every test, on SQLite and on PostgreSQL, with a Redis beside both, then with real clients.
//!
//! Environment variables select the servers: `TASKWIRE_TEST_DATABASE` the kind of database, `TASKWIRE_TEST_DATABASE_URL` a
//! PostgreSQL on which tests may create databases, and `TASKWIRE_TEST_REDIS_URL` a Redis.

use std::ffi::OsStr;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::clients::Clients;
use crate::process::{cargo, go_on, run as run_command};
use crate::servers::{Durability, Servers};

/// Runs all tests on both databases, and those with real clients. `args` go to both `cargo test` commands; with them, the
/// client tests are skipped.
pub(crate) fn run(args: &[String]) -> Result<()> {
    // First, so that missing programs are reported at once.
    let clients = args.is_empty().then(Clients::find).transpose()?;
    println!("xtask: starting PostgreSQL and Redis");
    let servers = Servers::start(Durability::Careless)?;
    for line in servers.describe() {
        println!("xtask: {line}");
    }
    let mut reports = on_both(&servers, "all", args, &[])?;
    if let Some(clients) = clients {
        // Attacks must fail with Redis too. One database is enough: only the store of the limits differs.
        let security = ["--test", "it", "security::"].map(str::to_owned);
        let mut security = postgres(&servers, &security);
        security.env("TASKWIRE_TEST_SERVERS_WITH_REDIS", "1");
        reports.push(phase("security with Redis", || run_command(&mut security))?);
        reports.push(phase("clients", || clients.test())?);
    }
    conclude(&reports)
}

/// Runs tests in Rust on both databases. The next phase runs even if one fails, so that one run shows all failures.
pub(crate) fn on_both(
    servers: &Servers,
    what: &str,
    args: &[String],
    settings: &[(&str, &OsStr)],
) -> Result<Vec<Report>> {
    raise_open_files()?;
    let run = |mut command: Command| run_command(command.envs(settings.iter().copied()));
    Ok(vec![
        phase(&format!("{what} on SQLite"), || run(sqlite(servers, args)))?,
        phase(&format!("{what} on PostgreSQL"), || run(postgres(servers, args)))?,
    ])
}

/// Runs only the tests with real clients.
pub(crate) fn clients() -> Result<()> {
    let clients = Clients::find()?;
    conclude(&[phase("clients", || clients.test())?])
}

/// Prints the reports, and fails if a phase failed.
pub(crate) fn conclude(reports: &[Report]) -> Result<()> {
    for report in reports {
        println!("xtask: {}", report.line());
    }
    let all_passed = reports.iter().all(|report| report.passed);
    ensure!(all_passed, "tests failed");
    Ok(())
}

/// Raises the limit of open files: some tests open more than a thousand connections, and many systems start programs with a
/// limit of 1,024.
fn raise_open_files() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).context("cannot raise the limit of open files")
}

fn sqlite(servers: &Servers, args: &[String]) -> Command {
    let mut command = cargo_test("sqlite", servers, args);
    command.env_remove("TASKWIRE_TEST_DATABASE_URL");
    command
}

fn postgres(servers: &Servers, args: &[String]) -> Command {
    let mut command = cargo_test("postgres", servers, args);
    command.env("TASKWIRE_TEST_DATABASE_URL", servers.postgres_url());
    command
}

/// Always the whole workspace: single packages have other features, which needs a second build.
fn cargo_test(database: &str, servers: &Servers, args: &[String]) -> Command {
    let mut command = cargo(["test", "--workspace"]);
    command
        .args(args)
        .env("TASKWIRE_TEST_DATABASE", database)
        .env("TASKWIRE_TEST_REDIS_URL", servers.redis_url());
    command
}

/// Runs some of the tests; an error means an interruption.
fn phase(name: &str, tests: impl FnOnce() -> Result<()>) -> Result<Report> {
    println!("xtask: tests: {name}");
    let start = Instant::now();
    let outcome = tests();
    go_on()?;
    if let Err(failure) = &outcome {
        println!("xtask: {failure:#}");
    }
    Ok(Report {
        name: name.to_owned(),
        passed: outcome.is_ok(),
        took: start.elapsed(),
    })
}

/// The result of a phase.
pub(crate) struct Report {
    name: String,
    passed: bool,
    took: Duration,
}

impl Report {
    fn line(&self) -> String {
        let verdict = if self.passed { "passed" } else { "FAILED" };
        format!("{} {verdict} in {:.1} s", self.name, self.took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_phase_is_reported_and_the_next_one_runs() -> Result<()> {
        let reports = [phase("first", || anyhow::bail!("broken"))?, phase("second", || Ok(()))?];
        assert_eq!(reports.each_ref().map(|report| report.passed), [false, true]);
        assert!(conclude(&reports).is_err());
        conclude(&reports[1..])
    }

    #[test]
    fn report_says_what_failed_and_how_long_it_took() {
        let report = Report {
            name: "SQLite".to_owned(),
            passed: false,
            took: Duration::from_millis(1_260),
        };
        assert_eq!(report.line(), "SQLite FAILED in 1.3 s");
    }
}
