//! Measures Taskwire from the outside: it starts the real binary and speaks to it as its clients do.
//!
//! This file is the command line. [`live`] opens subscriptions and follows what is delivered to them; [`compare`]
//! measures Taskwire beside other servers and beside what HTTP ([`constant`]) and the database cost alone; [`server`]
//! starts and watches a server under test; [`people`] are its users; [`figures`] are made of many measurements.
//!
//! Everything goes over 127.0.0.1. `cargo xtask bench` builds what is needed and starts the database.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

mod compare;
mod constant;
mod figures;
mod live;
mod people;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Measures Taskwire from the outside
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Live subscriptions: what is delivered, lost, doubled and leaked, how fast, and at which cost in memory
    Live {
        #[command(flatten)]
        subject: Subject,
        #[command(flatten)]
        plan: live::Plan,
    },
    /// Taskwire beside its peers and the floors. Of what is given twice, the last counts
    #[command(args_override_self = true)]
    Compare {
        #[command(flatten)]
        subject: Subject,
        #[command(flatten)]
        plan: compare::Plan,
    },
    /// Serves bytes that never change, to measure what HTTP alone costs
    Constant {
        /// Where to listen, on 127.0.0.1
        #[arg(long)]
        port: u16,
    },
}

#[derive(Args)]
struct Subject {
    /// The server's binary, built for release
    #[arg(long, default_value = "target/release/taskwire")]
    binary: PathBuf,
    /// An empty database, as `DATABASE_URL` takes it; a comparison makes others beside it
    #[arg(long)]
    database: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The causes in one line; a backtrace through this tool would tell its user nothing.
            eprintln!("taskwire-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> anyhow::Result<()> {
    match CommandLine::parse().what {
        What::Live { subject, plan } => live::run(&subject.binary, &subject.database, &plan).await,
        What::Compare { subject, plan } => compare::run(&subject.binary, &subject.database, &plan).await,
        What::Constant { port } => constant::serve(port).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn command_line_is_well_formed() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_short_look_can_be_made_longer() {
        let words =
            "bench compare --database postgres:///x --programs /bin --out . --seconds=2 --seconds=5 --only=tiny,login";
        let line = CommandLine::command().get_matches_from(words.split(' '));
        let plan = line.subcommand_matches("compare");
        assert_eq!(plan.and_then(|plan| plan.get_one::<u64>("seconds")), Some(&5));
        assert_eq!(
            plan.and_then(|plan| plan.get_many::<compare::Workload>("only"))
                .map(Iterator::count),
            Some(2)
        );
    }
}
