//! Node.js and npm: checks their versions, and installs the packages of a lock file.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::install;
use crate::process::run;

/// The oldest supported Node.js, as major and minor number.
const OLDEST: (u32, u32) = (20, 19);

/// Which of Node.js and npm are missing.
pub(crate) fn missing() -> Vec<&'static install::Package> {
    let mut missing = Vec::new();
    if node().is_none_or(|found| found < OLDEST) {
        missing.push(&install::NODE);
    }
    if which::which("npm").is_err() {
        missing.push(&install::NPM);
    }
    missing
}

/// `npm` in a folder.
pub(crate) fn npm(folder: &Path, args: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(args).current_dir(folder);
    npm
}

/// Installs the packages of the folder's lock file, unless they are installed.
pub(crate) fn install(folder: &Path) -> Result<()> {
    let lock = fs::read(folder.join("package-lock.json"))
        .with_context(|| format!("cannot read the lock file in {}", folder.display()))?;
    // A copy of the installed lock file, written last: an interrupted installation leaves none.
    let installed = folder.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    println!("xtask: installing the packages of {}", folder.display());
    run(&mut npm(folder, &["ci", "--include=dev"]))?;
    fs::write(installed, lock).context("cannot record which packages are installed")
}

/// The version of this machine's Node.js.
fn node() -> Option<(u32, u32)> {
    let output = Command::new("node").arg("--version").output().ok()?;
    version(&String::from_utf8(output.stdout).ok()?)
}

/// Major and minor number of a version such as `v20.19.5`.
fn version(printed: &str) -> Option<(u32, u32)> {
    let mut numbers = printed.trim().strip_prefix('v')?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::process::workspace_root;

    #[test]
    fn versions_of_node_are_compared() {
        assert_eq!(version("v20.19.5\n"), Some((20, 19)));
        assert!(version("v18.20.4").is_some_and(|old| old < OLDEST));
        assert!(version("v22.1.0").is_some_and(|new| new > OLDEST));
        assert_eq!(version("no version"), None);
    }

    #[test]
    fn version_demanded_is_the_one_the_packages_demand() -> Result<()> {
        for folder in ["tests/clients", "examples/board", "bench/peers"] {
            let file = workspace_root().join(folder).join("package.json");
            let package: Value = serde_json::from_slice(&fs::read(file)?)?;
            assert_eq!(package["engines"]["node"], format!(">={}.{}", OLDEST.0, OLDEST.1));
        }
        Ok(())
    }
}
