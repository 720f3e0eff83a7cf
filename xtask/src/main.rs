//! The development commands of the Taskwire workspace, as `cargo xtask <command>`.
//!
//! This file is the command line. Each command has a module:
//!
//! - [`mod@test`] runs the tests on both databases, [`chaos`] those that inject faults under load. [`servers`] starts the
//!   temporary PostgreSQL and Redis for them. [`clients`] runs real clients against the real binary, and [`install`]
//!   installs missing programs.
//! - [`ci`] runs everything that must pass before a change is merged: [`generated`] files, [`words`] and schema
//!   [`descriptions`], the vendored [`assets`] and the dependencies ([`deny`]).
//! - [`image`] tries the container image, [`sbom`] lists what the server is built of, [`mod@bench`] measures.
//! - [`mod@npm`] installs packages for Node.js, [`process`] runs other programs.
//!
//! The commands are for Unix-like systems, because they use signals.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool prints")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

mod assets;
mod bench;
mod chaos;
mod ci;
mod clients;
mod deny;
mod descriptions;
mod generated;
mod image;
mod install;
mod npm;
mod process;
mod sbom;
mod servers;
mod test;
mod words;

/// Development commands of the Taskwire workspace
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run all tests: on SQLite, on PostgreSQL, and with real clients
    ///
    /// Starts a temporary PostgreSQL and Redis. Installs missing programs where it may, and names them otherwise.
    Test {
        /// Run only the tests with real clients: libraries in Node.js, and a browser
        #[arg(long, conflicts_with = "args")]
        clients: bool,
        /// Arguments for `cargo test`, after `--`; skips the tests with real clients
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Inject faults under load on both databases, and write the results to `target/chaos`
    Chaos {
        /// Run only the faults of one file or test of `tests/it/chaos`, such as `rolling`
        filter: Option<String>,
    },
    /// Check formatting, lints, documentation, words, generated files, vendored files and dependencies
    Lint,
    /// Run everything that must pass before a change is merged: `lint`, then `test`
    Ci,
    /// Write `schema.graphql` from the server's schema
    Schema {
        /// Write nothing; fail if the file is out of date
        #[arg(long)]
        check: bool,
    },
    /// Write `.env.example` and the tables of `docs/SETTINGS.md` from the server's settings
    Settings {
        /// Write nothing; fail if a file is out of date
        #[arg(long)]
        check: bool,
    },
    /// Measure the server on a temporary PostgreSQL; without a subcommand, compare it with other servers
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        what: Option<Measurement>,
        #[command(flatten)]
        look: bench::Look,
        /// Arguments for the load generator, after `--`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Build the container image with Buildah and run it once, on base images built from Debian's packages
    Image {
        /// Use this binary of the server; by default, a release build of the workspace
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Write the software bill of materials to `target/sbom`
    Sbom,
    /// Download the browser files in `assets/`, with their licences
    Assets {
        /// Download nothing; fail if a file differs from the manifest
        #[arg(long)]
        check: bool,
    },
}

/// Measurements of `cargo xtask bench`.
#[derive(Subcommand)]
enum Measurement {
    /// Measure live subscriptions: lost, duplicate and leaked events, latency, and memory
    Live {
        /// Number of subscriptions, repeatable; 100, 1,000 and 10,000 by default
        #[arg(long)]
        subscriptions: Vec<u32>,
        /// Arguments for the load generator, after `--`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Search for documents that take more time than their price in points
    Cost,
    /// Send invalid input and attacks for 30 minutes on each database, and watch the server
    Soak,
}

fn main() -> ExitCode {
    match run(CommandLine::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes in one line; a backtrace of this tool does not help its user.
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<()> {
    process::listen_for_interrupts()?;
    match chore {
        Chore::Test { clients: true, .. } => test::clients(),
        Chore::Test { args, .. } => test::run(&args),
        Chore::Chaos { filter } => chaos::run(filter.as_deref()),
        Chore::Lint => ci::lint(),
        Chore::Ci => ci::run(),
        Chore::Schema { check } => generated::run(&generated::SCHEMA, check),
        Chore::Settings { check } => generated::run(&generated::SETTINGS, check),
        Chore::Bench { what: None, look, args } => bench::compare(look, &args),
        Chore::Bench {
            what: Some(Measurement::Live { subscriptions, args }),
            ..
        } => bench::live(&subscriptions, &args),
        Chore::Bench {
            what: Some(Measurement::Cost),
            look,
            ..
        } => bench::script("cost.js", look),
        Chore::Bench {
            what: Some(Measurement::Soak),
            look,
            ..
        } => bench::script("soak.js", look),
        Chore::Image { binary } => image::check(binary),
        Chore::Sbom => sbom::write(),
        Chore::Assets { check: true } => assets::check(),
        Chore::Assets { check: false } => assets::fetch(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn arguments_for_the_test_harness_survive_both_command_lines() -> Result<()> {
        let line = CommandLine::try_parse_from(["xtask", "test", "--", "workflow", "--", "--nocapture"])?;
        let Chore::Test { args, .. } = line.chore else {
            anyhow::bail!("`test` was parsed as another command");
        };
        assert_eq!(args, ["workflow", "--", "--nocapture"]);
        Ok(())
    }

    #[test]
    fn measuring_compares_by_default() -> Result<()> {
        let line = CommandLine::try_parse_from(["xtask", "bench", "--short", "--", "--only", "tiny"])?;
        let Chore::Bench { what: None, args, .. } = line.chore else {
            anyhow::bail!("`bench` did not compare");
        };
        assert_eq!(args, ["--only", "tiny"]);
        let line =
            CommandLine::try_parse_from(["xtask", "bench", "live", "--subscriptions", "5", "--", "--seconds", "3"])?;
        assert!(matches!(line.chore, Chore::Bench { what: Some(_), .. }));
        Ok(())
    }

    #[test]
    fn commands_in_documents_are_known() -> Result<()> {
        let mut list = std::process::Command::new("git");
        list.args(["ls-files", "*.md"]).current_dir(process::workspace_root());
        let mut checked = 0;
        for document in process::read(&mut list)?.lines() {
            let text = std::fs::read_to_string(process::workspace_root().join(document))?;
            for command in text.split("cargo xtask ").skip(1) {
                let end = command.find(['`', '\n', '#']).unwrap_or(command.len());
                let words = ["xtask"].into_iter().chain(command[..end].split_whitespace());
                match CommandLine::try_parse_from(words) {
                    Err(error) if error.use_stderr() => anyhow::bail!("{document}: {error}"),
                    _ => checked += 1,
                }
            }
        }
        anyhow::ensure!(checked > 20, "{checked} commands");
        Ok(())
    }
}
