//! cargo-deny: licences, versions, sources and known vulnerabilities of the dependencies.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::process::{cargo, run, workspace_root};

/// The version to install if the program is missing.
const VERSION: &str = "0.20.2";

/// Checks licences, versions and sources, and vulnerabilities if their database can be downloaded.
pub(crate) fn check() -> Result<()> {
    let program = find_or_install()?;
    let deny = |args: &[&str]| {
        let mut deny = Command::new(&program);
        deny.current_dir(workspace_root()).args(args);
        deny
    };
    run(&mut deny(&[
        "--log-level=error",
        "check",
        "licenses",
        "bans",
        "sources",
    ]))?;
    // A machine without access to the database can still check the rest.
    if deny(&["--log-level=off", "fetch", "db"]).output()?.status.success() {
        return run(&mut deny(&["--log-level=error", "check", "advisories"]));
    }
    println!("xtask: vulnerabilities: skipped, because the database of advisories cannot be downloaded");
    Ok(())
}

/// The program in the search path, or one that is installed below `target`.
fn find_or_install() -> Result<PathBuf> {
    if let Ok(program) = which::which("cargo-deny") {
        return Ok(program);
    }
    let folder = workspace_root().join("target/tools");
    let program = folder.join("bin/cargo-deny");
    if !program.is_file() {
        println!("xtask: installing cargo-deny {VERSION} in {}", folder.display());
        // Unoptimised, it takes two minutes of processor time to build, and a few seconds to run.
        let mut install = cargo(["install", "cargo-deny", "--locked", "--debug", "--quiet"]);
        install.args(["--version", VERSION]).arg("--root").arg(&folder);
        install.arg("--target-dir").arg(folder.join("build"));
        run(&mut install).context("cargo-deny is missing and cannot be installed")?;
        std::fs::remove_dir_all(folder.join("build")).ok();
    }
    Ok(program)
}
