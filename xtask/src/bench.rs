//! `cargo xtask bench`: builds the server and the load generator for release, starts a PostgreSQL, and measures.
//!
//! `bench/README.md` describes the measurements; `bench/results/` has the results. A quick run writes below `target`.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::Args;

use crate::clients::executable;
use crate::process::{cargo, read, run as run_command, workspace_root};
use crate::servers::{Durability, Servers};
use crate::{install, npm};

/// Numbers of subscriptions that are measured by default.
const SUBSCRIPTIONS: [u32; 3] = [100, 1_000, 10_000];

/// Selects a binary of the server to measure; by default it is built.
const BINARY: &str = "TASKWIRE_BENCH_BINARY";

/// Fewer rows and one short round.
const SHORT: &[&str] = &[
    "--users=200",
    "--tasks=20000",
    "--people=20",
    "--rounds=1",
    "--seconds=2",
    "--warm-up-seconds=1",
];

/// The size of a comparison.
#[derive(Args, Clone, Copy)]
pub(crate) struct Look {
    /// Fewer rows, one round of 2 seconds; the results go to target/bench
    #[arg(long)]
    short: bool,
    /// Build for debugging, to check that everything runs; the results go to target/bench
    #[arg(long)]
    debug: bool,
}

/// The programs of the workspace that a measurement needs.
struct Programs {
    server: PathBuf,
    generator: PathBuf,
}

impl Programs {
    /// Builds them.
    fn build(for_release: bool) -> Result<Self> {
        let server = env::var_os(BINARY).map(PathBuf::from);
        let mut build = cargo(["build", "--message-format=json-render-diagnostics"]);
        if for_release {
            build.arg("--release");
            build.args(["--package", "taskwire-bench"]);
            if server.is_none() {
                build.args(["--package", "taskwire"]);
            }
        } else {
            // With the features of the tests, so that nothing is built twice.
            build.arg("--workspace");
        }
        let built = read(&mut build)?;
        let find = |name| executable(&built, name).with_context(|| format!("`cargo build` built no {name}"));
        Ok(Self {
            server: server.map_or_else(|| find("taskwire"), Ok)?,
            generator: find("taskwire-bench")?,
        })
    }

    /// The load generator, with the measurement and the server as arguments.
    fn measure(&self, what: &str, servers: &Servers) -> Command {
        let mut generator = Command::new(&self.generator);
        generator.current_dir(workspace_root()).arg(what);
        generator.arg("--binary").arg(&self.server);
        generator.args(["--database", &servers.postgres_url()]);
        generator
    }
}

/// Measures Taskwire beside its peers. `args` go to the load generator.
pub(crate) fn compare(look: Look, args: &[String]) -> Result<()> {
    install::provide(npm::missing)?;
    npm::install(&workspace_root().join("bench/peers"))?;
    let programs = Programs::build(!look.debug)?;
    let servers = Servers::start(Durability::AsShipped)?;
    let is_kept = !look.short && !look.debug;
    let out = workspace_root().join(if is_kept { "bench/results" } else { "target/bench" });
    let mut generator = programs.measure("compare", &servers);
    generator.arg("--programs").arg(servers.postgres_programs());
    generator.arg("--out").arg(&out);
    generator.args(if look.short { SHORT } else { &[] }).args(args);
    run_command(&mut generator)?;
    println!("xtask: the results are in {}", out.join("peers.md").display());
    Ok(())
}

/// Measures live delivery for each number of subscriptions. `args` go to the load generator.
pub(crate) fn live(subscriptions: &[u32], args: &[String]) -> Result<()> {
    let sizes = if subscriptions.is_empty() {
        &SUBSCRIPTIONS
    } else {
        subscriptions
    };
    let programs = Programs::build(true)?;
    let servers = Servers::start(Durability::AsShipped)?;
    let results = workspace_root().join("bench/results");
    fs::create_dir_all(&results)?;
    for size in sizes {
        run_command(
            Command::new(&programs.server)
                .current_dir(workspace_root())
                .args(["migrate", "fresh", "--yes"])
                .env("DATABASE_URL", servers.postgres_url()),
        )?;
        let out = results.join(format!("live-{size}.json"));
        let mut generator = programs.measure("live", &servers);
        generator.args(["--subscriptions", &size.to_string()]);
        run_command(generator.arg("--out").arg(out).args(args))?;
    }
    Ok(())
}

/// Runs a script of `tests/clients/measure` against the server, over SQLite and PostgreSQL.
pub(crate) fn script(name: &str, look: Look) -> Result<()> {
    install::provide(npm::missing)?;
    let clients = workspace_root().join("tests/clients");
    npm::install(&clients)?;
    let programs = Programs::build(!look.debug)?;
    let servers = Servers::start(Durability::AsShipped)?;
    run_command(
        Command::new("node")
            .current_dir(&clients)
            .arg(format!("measure/{name}"))
            .env("TASKWIRE_BINARY", &programs.server)
            .env("TASKWIRE_COST_POSTGRES", servers.postgres_url()),
    )
}
