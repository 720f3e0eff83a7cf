//! Installs missing programs for the tests.
//!
//! With `apt-get` and root, or `sudo` without a password, the packages are installed. Otherwise an error names the missing
//! programs and how to install them: a test run never asks for a password.

use std::process::{Command, Stdio};

use anyhow::{Error, Result, anyhow, ensure};
use rustix::process::geteuid;

use crate::process;

/// A program, with its names in package managers.
pub(crate) struct Package {
    /// The name for messages.
    needed: &'static str,
    apt: &'static str,
    brew: &'static str,
}

/// The PostgreSQL server.
pub(crate) const POSTGRES: Package = Package {
    needed: "a PostgreSQL server",
    apt: "postgresql",
    brew: "postgresql@17",
};

/// The Redis server.
pub(crate) const REDIS: Package = Package {
    needed: "a Redis server",
    apt: "redis-server",
    brew: "redis",
};

/// Runs the client tests. The packages of some distributions are too old.
pub(crate) const NODE: Package = Package {
    needed: "Node.js 20.19 or later (nodejs.org has it where the packages are older)",
    apt: "nodejs",
    brew: "node",
};

/// Installs the client libraries.
pub(crate) const NPM: Package = Package {
    needed: "npm",
    apt: "npm",
    brew: "node",
};

/// The browser that opens the editors.
pub(crate) const CHROMIUM: Package = Package {
    needed: "Chromium",
    apt: "chromium",
    brew: "--cask chromium",
};

/// Runs schemathesis.
pub(crate) const PYTHON: Package = Package {
    needed: "Python 3.10 or later, with venv",
    apt: "python3-venv",
    brew: "python",
};

/// A proxy in front of the servers, for the fault tests.
pub(crate) const CADDY: Package = Package {
    needed: "Caddy",
    apt: "caddy",
    brew: "caddy",
};

/// Another proxy for the fault tests.
pub(crate) const NGINX: Package = Package {
    needed: "nginx",
    apt: "nginx-light",
    brew: "nginx",
};

/// Changes the clock of a server.
pub(crate) const FAKETIME: Package = Package {
    needed: "libfaketime",
    apt: "faketime",
    brew: "libfaketime",
};

/// Runs as root, with the packages as arguments. While `policy-rc.d` exits with 101, Debian's packages start no service,
/// which would use a port and memory. If the update fails, the package lists may still be good enough.
const SCRIPT: &str = r#"
set -eu
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM HUP
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
apt-get -q update || echo "could not refresh the package lists; trying with the old ones"
apt-get -q -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends "$@"
"#;

/// Installs missing programs if possible, and fails if one is missing afterwards.
pub(crate) fn provide(missing: fn() -> Vec<&'static Package>) -> Result<()> {
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    packages(&wanted)?;
    // The package may be too old, or only refer to another package manager.
    match missing().first() {
        Some(package) => Err(advice(package).context("the installation did not provide the program")),
        None => Ok(()),
    }
}

/// Installs the packages, or fails with the reason and the manual steps.
fn packages(packages: &[&Package]) -> Result<()> {
    let names: Vec<&str> = packages.iter().map(|package| package.needed).collect();
    let Some(mut shell) = root_shell() else {
        let advice: Vec<String> = packages.iter().map(|package| advice(package).to_string()).collect();
        return Err(anyhow!(advice.join("\n")));
    };
    println!("xtask: installing programs for the tests: {}", names.join(", "));
    shell
        .args(["-c", SCRIPT, "install"])
        .args(packages.iter().map(|package| package.apt));
    // Not by `process::run`: Ctrl-C would not reach `sudo` in a separate process group.
    let status = shell.stdin(Stdio::null()).status()?;
    process::go_on()?;
    ensure!(status.success(), "apt-get could not install {}", names.join(" and "));
    Ok(())
}

/// How to install one program by hand.
fn advice(package: &Package) -> Error {
    anyhow!(
        "the tests need {}, which this machine lacks. Get it with\n    \
         sudo apt-get install {}\nor\n    brew install {}",
        package.needed,
        package.apt,
        package.brew,
    )
}

/// A shell with root's rights, if it needs no password and `apt-get` exists.
fn root_shell() -> Option<Command> {
    which::which("apt-get").ok()?;
    if geteuid().is_root() {
        return Some(Command::new("sh"));
    }
    let sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stderr(Stdio::null())
        .status()
        .ok()?;
    sudo.success().then(|| {
        let mut command = Command::new("sudo");
        command.args(["-n", "sh"]);
        command
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_names_the_program_and_both_ways_to_get_it() {
        let advice = advice(&REDIS).to_string();
        for part in ["a Redis server", "apt-get install redis-server", "brew install redis"] {
            assert!(advice.contains(part), "{advice}");
        }
    }
}
