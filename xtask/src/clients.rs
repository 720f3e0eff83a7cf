//! The tests in `tests/clients`: libraries in Node.js and a browser, against the real binary.
//!
//! They learn where the binary, the browser and schemathesis are from `TASKWIRE_BINARY`, `TASKWIRE_CHROMIUM` and
//! `TASKWIRE_SCHEMATHESIS`. The last is a program in Python, kept below `target`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::install;
use crate::process::{cargo, read, run, workspace_root};

/// The oldest Node.js that serves, as major and minor number.
const NODE: (u32, u32) = (20, 19);

/// What the programs of a browser are called; Google's own is as good as the free one.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Where macOS keeps it.
const BROWSER_APPS: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// What the tests need and this machine has.
pub(crate) struct Clients {
    browser: PathBuf,
}

impl Clients {
    /// Looks for Node.js, npm and a browser, and installs what is missing where that is allowed.
    pub(crate) fn find() -> Result<Self> {
        install::provide(missing)?;
        let browser = browser().context("Chromium is missing")?;
        Ok(Self { browser })
    }

    /// Installs the libraries, builds the server, runs the tests.
    pub(crate) fn test(&self) -> Result<()> {
        install_libraries()?;
        let schemathesis = install_schemathesis()?;
        let server = server()?;
        run(npm(&["run", "--silent", "test"])
            .env("TASKWIRE_BINARY", server)
            .env("TASKWIRE_CHROMIUM", &self.browser)
            .env("TASKWIRE_SCHEMATHESIS", schemathesis))
    }
}

fn missing() -> Vec<&'static install::Package> {
    let mut missing = Vec::new();
    if node().is_none_or(|found| found < NODE) {
        missing.push(&install::NODE);
    }
    if which::which("npm").is_err() {
        missing.push(&install::NPM);
    }
    if browser().is_none() {
        missing.push(&install::CHROMIUM);
    }
    if !has_python() {
        missing.push(&install::PYTHON);
    }
    missing
}

/// Whether Python is here and can make environments.
fn has_python() -> bool {
    let imports = Command::new("python3").args(["-c", "import ensurepip, venv"]).output();
    imports.is_ok_and(|output| output.status.success())
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

fn browser() -> Option<PathBuf> {
    let in_path = BROWSERS.iter().find_map(|name| which::which(name).ok());
    in_path.or_else(|| BROWSER_APPS.iter().map(PathBuf::from).find(|path| path.is_file()))
}

fn folder() -> PathBuf {
    workspace_root().join("tests/clients")
}

/// `npm` among the tests.
fn npm(args: &[&str]) -> Command {
    let mut npm = Command::new("npm");
    npm.args(args).current_dir(folder());
    npm
}

/// Installs what the lock file names, unless that is what is there.
fn install_libraries() -> Result<()> {
    let folder = folder();
    let lock = fs::read(folder.join("package-lock.json")).context("cannot read the lock file of the clients")?;
    // A copy of the lock file that was installed, written last: half an install leaves none.
    let installed = folder.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    println!("xtask: installing the clients");
    run(&mut npm(&["ci", "--include=dev"]))?;
    fs::write(installed, lock).context("cannot note which clients are installed")
}

/// Installs what the requirements name into an environment of its own, unless that is what is there. Gives the path
/// of the program.
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
        fs::write(installed, wanted).context("cannot note that schemathesis is installed")?;
    }
    Ok(environment.join("bin/schemathesis"))
}

/// Builds the server, and gives the path of its binary. With the whole workspace, as the other tests do: the
/// server alone would mean other features, and so a second build.
fn server() -> Result<PathBuf> {
    let built = read(&mut cargo([
        "build",
        "--workspace",
        "--message-format=json-render-diagnostics",
    ]))?;
    executable(&built, "taskwire").context("`cargo build` made no taskwire")
}

/// The binary of this name among the messages of cargo.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
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
    fn versions_of_node_are_told_apart() {
        assert_eq!(version("v20.19.5\n"), Some((20, 19)));
        assert!(version("v18.20.4").is_some_and(|old| old < NODE));
        assert!(version("v22.1.0").is_some_and(|new| new > NODE));
        assert_eq!(version("no version"), None);
    }

    #[test]
    fn version_demanded_is_the_one_the_package_demands() -> Result<()> {
        let package: Value = serde_json::from_slice(&fs::read(folder().join("package.json"))?)?;
        assert_eq!(package["engines"]["node"], format!(">={}.{}", NODE.0, NODE.1));
        Ok(())
    }

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
