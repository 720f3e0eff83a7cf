//! Measures Taskwire from the outside: it starts the real binary and uses its APIs like a client.
//!
//! This file is the command line. [`live`] measures the delivery of events to subscriptions. [`compare`] measures
//! Taskwire, other servers, and the cost of HTTP ([`constant`]) and the database alone. [`server`] starts a server
//! under test; [`people`] are its users; [`figures`] computes statistics.
//!
//! All traffic uses 127.0.0.1. `cargo xtask bench` builds the binaries and starts the database.

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

/// Measure Taskwire from the outside
#[derive(Parser)]
struct CommandLine {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Measure live subscriptions: delivered, lost, duplicate and leaked events, latency and memory
    Live {
        #[command(flatten)]
        subject: Subject,
        #[command(flatten)]
        plan: live::Plan,
    },
    /// Compare Taskwire with other servers, HTTP alone and pgbench; the last value of a repeated option counts
    #[command(args_override_self = true)]
    Compare {
        #[command(flatten)]
        subject: Subject,
        #[command(flatten)]
        plan: compare::Plan,
    },
    /// Serve constant bytes, to measure the cost of HTTP alone
    Constant {
        /// Port to listen on, at 127.0.0.1
        #[arg(long)]
        port: u16,
    },
}

#[derive(Args)]
struct Subject {
    /// The server binary, built for release
    #[arg(long, default_value = "target/release/taskwire")]
    binary: PathBuf,
    /// URL of an empty database, as in `DATABASE_URL`; a comparison creates other databases on the same server
    #[arg(long)]
    database: String,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Shows the causes in one line; a backtrace through this tool would not help its user.
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
    fn a_repeated_option_overrides_the_first() {
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
