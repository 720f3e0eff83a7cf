//! `cargo xtask lint` and `cargo xtask ci`: what must pass before a change is merged.

use anyhow::Result;

use crate::process::{cargo, run as run_command};
use crate::{assets, deny, descriptions, generated, test, words};

/// Runs the checks, then the tests.
pub(crate) fn run() -> Result<()> {
    lint()?;
    test::run(&[])
}

/// Runs the checks that need no server. The first failure ends the command.
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
    step("words");
    words::check()?;
    step("schema.graphql");
    descriptions::check()?;
    generated::run(&generated::SCHEMA, true)?;
    step("settings");
    generated::run(&generated::SETTINGS, true)?;
    step("dependencies");
    deny::check()
}

fn step(name: &str) {
    println!("xtask: {name}");
}
