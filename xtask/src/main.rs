//! The chores of the Taskwire workspace, as `cargo xtask <chore>`.
//!
//! This file is the command line. Each chore has a module of its own: [`mod@test`] runs the tests on both
//! databases, [`chaos`] those that break something under load, [`servers`] starts the throw-away PostgreSQL and Redis
//! they need, [`clients`] runs real clients against the real binary and [`install`] gets those programs where the machine
//! lacks them; [`ci`] is what must hold before a change lands, [`schema`] keeps `schema.graphql` true and [`assets`]
//! vendors what browsers load; [`deny`] checks the dependencies. [`image`] tries out the container image and [`sbom`] lists what the server is built of.
//! [`mod@bench`] measures. [`mod@npm`] installs what Node.js needs, [`process`] runs other programs.
//!
//! The chores are for Unix-like systems: they speak in signals.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

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
mod image;
mod install;
mod npm;
mod process;
mod sbom;
mod schema;
mod servers;
mod test;

/// The chores of the Taskwire workspace.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct CommandLine {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test: on SQLite, on PostgreSQL, with servers started for the occasion, and with real clients
    Test {
        /// Run only the tests with real clients: libraries in Node.js, and a browser
        #[arg(long, conflicts_with = "args")]
        clients: bool,
        /// What to hand on to `cargo test`, after `--`; the tests with real clients are then left out
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Break one part after the other under load, on both databases, and write a table of the results to `target/chaos`
    Chaos {
        /// Only the faults of one file or test of `tests/it/chaos`, such as `rolling`
        filter: Option<String>,
    },
    /// Check formatting, lints, documentation, the schema file, the vendored files and the dependencies
    Lint,
    /// All that must hold before a change lands: `lint`, then `test`
    Ci,
    /// Write `schema.graphql` from the server's own description of itself
    Schema {
        /// Write nothing; fail when the file is not what it should be
        #[arg(long)]
        check: bool,
    },
    /// Measure, with a PostgreSQL started for the occasion: without more, Taskwire beside its peers
    #[command(args_conflicts_with_subcommands = true)]
    Bench {
        #[command(subcommand)]
        what: Option<Measurement>,
        #[command(flatten)]
        look: bench::Look,
        /// What to hand on to the load generator, after `--`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Build the container image with Buildah and run it once, over base images built from Debian's packages
    Image {
        /// Use this binary of the server; without it, a release build of the workspace
        #[arg(long, value_name = "FILE")]
        binary: Option<PathBuf>,
    },
    /// Write the software bill of materials to `target/sbom`
    Sbom,
    /// Fetch the browser files kept in `assets/`, with their licences
    Assets {
        /// Fetch nothing; fail when a file is not what the manifest says
        #[arg(long)]
        check: bool,
    },
}

/// What to measure.
#[derive(Subcommand)]
enum Measurement {
    /// Live subscriptions: delivered, lost, doubled and leaked, how fast, and at which cost in memory
    Live {
        /// How many subscriptions; may be given several times. 100, 1,000 and 10,000 when left out
        #[arg(long)]
        subscriptions: Vec<u32>,
        /// What to hand on to the load generator, after `--`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<String>,
    },
    /// Search for documents that take more time than they are priced at
    Cost,
    /// Send garbage and attacks for 30 minutes on each database, and watch the server
    Soak,
}

fn main() -> ExitCode {
    match run(CommandLine::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes in one line; a backtrace through this tool would tell its user nothing.
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
        Chore::Schema { check: true } => schema::check(),
        Chore::Schema { check: false } => schema::write(),
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
            anyhow::bail!("`test` was taken for another chore");
        };
        assert_eq!(args, ["workflow", "--", "--nocapture"]);
        Ok(())
    }

    #[test]
    fn measuring_compares_unless_it_is_told_what() -> Result<()> {
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
}
