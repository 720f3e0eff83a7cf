//! `cargo xtask test`: every test, on SQLite and on PostgreSQL, with a Redis beside both.
//!
//! The tests learn where to run from their environment: `TASKWIRE_TEST_DATABASE` names the kind of database,
//! `TASKWIRE_TEST_DATABASE_URL` a server on which they may create databases of their own, and
//! `TASKWIRE_TEST_REDIS_URL` a Redis they may fill.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::process::{cargo, go_on, run as run_command};
use crate::servers::Servers;

/// Runs all tests on both databases; `args` go to both `cargo test` commands.
pub(crate) fn run(args: &[String]) -> Result<()> {
    println!("xtask: starting PostgreSQL and Redis");
    let servers = Servers::start()?;
    for line in servers.describe() {
        println!("xtask: {line}");
    }
    let phases = [sqlite(&servers, args), postgres(&servers, args)];
    let mut reports = Vec::new();
    for phase in phases {
        // A failing phase does not keep the next one from running: one run shows all that is broken.
        reports.push(phase.run()?);
    }
    for report in &reports {
        println!("xtask: {}", report.line());
    }
    let all_passed = reports.iter().all(|report| report.passed);
    ensure!(all_passed, "tests failed");
    Ok(())
}

struct Phase {
    name: &'static str,
    command: Command,
}

fn sqlite(servers: &Servers, args: &[String]) -> Phase {
    let mut phase = phase("SQLite", "sqlite", servers, args);
    phase.command.env_remove("TASKWIRE_TEST_DATABASE_URL");
    phase
}

fn postgres(servers: &Servers, args: &[String]) -> Phase {
    let mut phase = phase("PostgreSQL", "postgres", servers, args);
    phase.command.env("TASKWIRE_TEST_DATABASE_URL", servers.postgres_url());
    phase
}

/// The whole workspace each time: other packages would mean other features, and so a second build.
fn phase(name: &'static str, database: &str, servers: &Servers, args: &[String]) -> Phase {
    let mut command = cargo(["test", "--workspace"]);
    command
        .args(args)
        .env("TASKWIRE_TEST_DATABASE", database)
        .env("TASKWIRE_TEST_REDIS_URL", servers.redis_url());
    Phase { name, command }
}

impl Phase {
    /// Runs the tests; an error means only that somebody interrupted them.
    fn run(mut self) -> Result<Report> {
        println!("xtask: tests on {}", self.name);
        let start = Instant::now();
        let outcome = run_command(&mut self.command);
        go_on()?;
        if let Err(failure) = &outcome {
            println!("xtask: {failure}");
        }
        Ok(Report {
            name: self.name,
            passed: outcome.is_ok(),
            took: start.elapsed(),
        })
    }
}

struct Report {
    name: &'static str,
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
    fn report_says_what_failed_and_how_long_it_took() {
        let report = Report {
            name: "SQLite",
            passed: false,
            took: Duration::from_millis(1_260),
        };
        assert_eq!(report.line(), "SQLite FAILED in 1.3 s");
    }
}
