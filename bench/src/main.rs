//! Measures Taskwire from the outside: it starts the real binary and speaks to it as its clients do.
//!
//! This file is the command line. [`live`] opens subscriptions and follows what is delivered to them; [`server`]
//! starts and watches the server under test; [`people`] are its users.
//!
//! Everything goes over 127.0.0.1. `cargo xtask bench` builds what is needed and starts the database.

#![expect(clippy::print_stdout, reason = "a command-line tool talks to its user")]

mod live;
mod people;
mod server;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Measures Taskwire from the outside
#[derive(Parser)]
struct CommandLine {
    /// The server's binary, built for release
    #[arg(long, default_value = "target/release/taskwire")]
    binary: PathBuf,
    /// An empty database, as `DATABASE_URL` takes it
    #[arg(long)]
    database: String,
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Live subscriptions: what is delivered, lost, doubled and leaked, how fast, and at which cost in memory
    Live(live::Plan),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let CommandLine { binary, database, what } = CommandLine::parse();
    match what {
        What::Live(plan) => live::run(&binary, &database, &plan).await,
    }
}
