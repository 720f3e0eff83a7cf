//! `cargo xtask bench`: builds the server and the load generator for release, starts a PostgreSQL, and measures.
//!
//! What is measured, and how, stands in `bench/`; results are kept in `bench/results/`.

use std::fs;
use std::process::Command;

use anyhow::Result;

use crate::process::{cargo, run as run_command, workspace_root};
use crate::servers::{Durability, Servers};

/// How many subscriptions are measured when nothing is said.
const SUBSCRIPTIONS: [u32; 3] = [100, 1_000, 10_000];

/// Measures live delivery with so many subscriptions each time. `args` go to the load generator.
pub(crate) fn live(subscriptions: &[u32], args: &[String]) -> Result<()> {
    let sizes = if subscriptions.is_empty() {
        &SUBSCRIPTIONS
    } else {
        subscriptions
    };
    run_command(&mut cargo([
        "build",
        "--release",
        "--package",
        "taskwire",
        "--package",
        "taskwire-bench",
    ]))?;
    let servers = Servers::start(Durability::AsShipped)?;
    let results = workspace_root().join("bench/results");
    fs::create_dir_all(&results)?;
    for size in sizes {
        run_command(
            release("taskwire")
                .args(["migrate", "fresh", "--yes"])
                .env("DATABASE_URL", servers.postgres_url()),
        )?;
        let out = results.join(format!("live-{size}.json"));
        let mut generator = release("taskwire-bench");
        generator.args(["--database", &servers.postgres_url()]);
        generator.args(["live", "--subscriptions", &size.to_string()]);
        run_command(generator.arg("--out").arg(out).args(args))?;
    }
    Ok(())
}

/// A program of the workspace, as it was built for release.
fn release(name: &str) -> Command {
    let mut command = Command::new(workspace_root().join("target/release").join(name));
    command.current_dir(workspace_root());
    command
}
