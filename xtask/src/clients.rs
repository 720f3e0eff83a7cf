//! The tests in `tests/clients`: libraries in Node.js, a browser and the board in `examples`, against the real binary.
//!
//! `TASKWIRE_BINARY`, `TASKWIRE_CHROMIUM` and `TASKWIRE_SCHEMATHESIS` give them the paths of the programs. The last one is a
//! Python program, installed below `target`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::{cargo, read, run, workspace_root};
use crate::{install, npm};

/// Names of the browser's program; Chrome works like Chromium.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Paths on macOS.
const BROWSER_APPS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// The programs that the tests need.
pub(crate) struct Clients {
    browser: PathBuf,
}

impl Clients {
    /// Finds Node.js, npm and a browser, and installs missing ones if possible.
    pub(crate) fn find() -> Result<Self> {
        install::provide(missing)?;
        let browser = browser().context("Chromium is missing")?;
        Ok(Self { browser })
    }

    /// Installs the libraries, builds the server, runs the tests.
    pub(crate) fn test(&self) -> Result<()> {
        npm::install(&folder())?;
        npm::install(&workspace_root().join("examples/board"))?;
        let schemathesis = install_schemathesis()?;
        let server = server()?;
        run(npm::npm(&folder(), &["run", "--silent", "test"])
            .env("TASKWIRE_BINARY", server)
            .env("TASKWIRE_CHROMIUM", &self.browser)
            .env("TASKWIRE_SCHEMATHESIS", schemathesis))
    }
}

fn missing() -> Vec<&'static install::Package> {
    let mut missing = npm::missing();
    if browser().is_none() {
        missing.push(&install::CHROMIUM);
    }
    if !has_python() {
        missing.push(&install::PYTHON);
    }
    missing
}

/// Whether Python is installed and can create environments.
fn has_python() -> bool {
    let imports = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    imports.is_ok_and(|output| output.status.success())
}

fn browser() -> Option<PathBuf> {
    let in_path = BROWSERS.iter().find_map(|name| which::which(name).ok());
    in_path.or_else(|| BROWSER_APPS.iter().map(PathBuf::from).find(|path| path.is_file()))
}

fn folder() -> PathBuf {
    workspace_root().join("tests/clients")
}

/// Installs the requirements into a separate environment, unless they are installed. Returns the path of the program.
fn install_schemathesis() -> Result<PathBuf> {
    let requirements = workspace_root().join("tests/schemathesis/requirements.txt");
    let wanted = fs::read(&requirements).context("cannot read the requirements of schemathesis")?;
    let environment = workspace_root().join("target/schemathesis");
    let installed = environment.join("installed-requirements.txt");
    if !fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        println!("xtask: installing schemathesis");
        run(Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment))?;
        run(Command::new(environment.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&requirements))?;
        fs::write(installed, wanted).context("cannot record that schemathesis is installed")?;
    }
    Ok(environment.join("bin/schemathesis"))
}

/// Builds the server, and returns the path of its binary. Builds the whole workspace like the other tests: the server alone
/// has other features, which needs a second build.
fn server() -> Result<PathBuf> {
    let built = read(&mut cargo([
        "build",
        "--workspace",
        "--message-format=json-render-diagnostics",
    ]))?;
    executable(&built, "taskwire").context("`cargo build` built no taskwire")
}

/// The binary of this name among the messages of cargo.
pub(crate) fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_is_found_among_the_messages_of_cargo() {
        let messages = "\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"taskwire\"},\"executable\":null}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"xtask\"},\"executable\":\"/target/xtask\"}\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"taskwire\"},\"executable\":\"/target/taskwire\"}\n";
        assert_eq!(
            executable(messages, "taskwire"),
            Some(PathBuf::from("/target/taskwire"))
        );
        assert_eq!(executable(messages, "absent"), None);
    }
}
