//! `cargo xtask lint` and `cargo xtask ci`: what must hold before a change lands.

use anyhow::Result;

use crate::process::{cargo, run as run_command};
use crate::{assets, deny, schema, test};

/// Everything: the checks that need no server, then the tests.
pub(crate) fn run() -> Result<()> {
    lint()?;
    test::run(&[])
}

/// The checks that need no server. The first that fails ends the command.
pub(crate) fn lint() -> Result<()> {
    step("formatting");
    run_command(&mut cargo(["fmt", "--all", "--check"]))?;
    step("clippy");
    run_command(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    step("documentation");
    run_command(cargo(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))?;
    step("vendored files");
    assets::check()?;
    step("schema.graphql");
    schema::check()?;
    step("dependencies");
    deny::check()
}

fn step(name: &str) {
    println!("xtask: {name}");
}
