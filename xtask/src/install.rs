//! Getting the programs the tests need onto a machine that lacks them.
//!
//! Where `apt-get` exists and we are root, or `sudo` asks for no password, the packages are installed.
//! Anywhere else the user is told what is missing and how to get it: a test run asks for no passwords.

use std::process::{Command, Stdio};

use anyhow::{Error, Result, anyhow, ensure};
use rustix::process::geteuid;

use crate::process;

/// A program, by the names package managers know it under.
pub(crate) struct Package {
    /// What the tests need, as it stands in a sentence.
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

/// What runs the tests of the clients. Some distributions are years behind.
pub(crate) const NODE: Package = Package {
    needed: "Node.js 20.19 or later (nodejs.org has it where the packages are older)",
    apt: "nodejs",
    brew: "node",
};

/// What installs the clients.
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

/// What runs schemathesis.
pub(crate) const PYTHON: Package = Package {
    needed: "Python 3.10 or later, with venv",
    apt: "python3-venv",
    brew: "python",
};

/// A proxy that the tests of faults put in front of the servers.
pub(crate) const CADDY: Package = Package {
    needed: "Caddy",
    apt: "caddy",
    brew: "caddy",
};

/// Another one.
pub(crate) const NGINX: Package = Package {
    needed: "nginx",
    apt: "nginx-light",
    brew: "nginx",
};

/// What changes the clock of a server.
pub(crate) const FAKETIME: Package = Package {
    needed: "libfaketime",
    apt: "faketime",
    brew: "libfaketime",
};

/// Run as root, with the packages as arguments. A package's own service would only take a port and memory:
/// while `policy-rc.d` says 101, Debian's packages start none. Stale package lists may still do, so a failing
/// update is no reason to give up.
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
apt-get -q update || echo "could not refresh the package lists; trying with those at hand"
apt-get -q -o DPkg::Lock::Timeout=120 install --yes --no-install-recommends "$@"
"#;

/// Sees to it that nothing is missing: installs what is, where that is allowed.
pub(crate) fn provide(missing: fn() -> Vec<&'static Package>) -> Result<()> {
    let wanted = missing();
    if wanted.is_empty() {
        return Ok(());
    }
    packages(&wanted)?;
    // A second look: what was installed may be too old, or no more than a pointer to another shop.
    match missing().first() {
        Some(package) => Err(advice(package).context("the install did not bring what is needed")),
        None => Ok(()),
    }
}

/// Installs the packages, or says why that cannot be done here and what to do instead.
fn packages(packages: &[&Package]) -> Result<()> {
    let names: Vec<&str> = packages.iter().map(|package| package.needed).collect();
    let Some(mut shell) = root_shell() else {
        let advice: Vec<String> = packages.iter().map(|package| advice(package).to_string()).collect();
        return Err(anyhow!(advice.join("\n")));
    };
    println!("xtask: installing what the tests need: {}", names.join(", "));
    shell
        .args(["-c", SCRIPT, "install"])
        .args(packages.iter().map(|package| package.apt));
    // Not by `process::run`: in a group of its own `sudo` would be out of reach of a Ctrl-C.
    let status = shell.stdin(Stdio::null()).status()?;
    process::go_on()?;
    ensure!(status.success(), "apt-get could not install {}", names.join(" and "));
    Ok(())
}

/// How to get one program by hand.
fn advice(package: &Package) -> Error {
    anyhow!(
        "the tests need {}, which this machine lacks. Get it with\n    \
         sudo apt-get install {}\nor\n    brew install {}",
        package.needed,
        package.apt,
        package.brew,
    )
}

/// A shell with root's rights, where it takes no password and there is an `apt-get` to run in it.
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
