//! The machine, versions and settings of a run.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;
use chrono::Utc;
use serde::Serialize;
use serde_json::Value;

use super::Plan;
use super::data::Databases;
use super::servers::SETTINGS;

/// Name and value of each.
#[derive(Debug, Default, Serialize)]
pub(crate) struct RunEnvironment {
    date: String,
    machine: Vec<(&'static str, String)>,
    versions: Vec<(String, String)>,
    settings: Vec<(&'static str, String)>,
}

impl RunEnvironment {
    pub(crate) async fn collect(binary: &Path, databases: &Databases, plan: &Plan) -> anyhow::Result<Self> {
        let mut versions = vec![
            ("Taskwire".to_owned(), read(Command::new(binary).arg("--version"))?),
            (
                "commit".to_owned(),
                read(Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]))
                    .unwrap_or_else(|_| "unknown".to_owned()),
            ),
            (
                "PostgreSQL".to_owned(),
                databases.run(&databases.taskwire(), "SHOW server_version").await?,
            ),
            ("Node.js".to_owned(), read(Command::new("node").arg("--version"))?),
        ];
        versions.extend(packages(&plan.peers)?);
        Ok(Self {
            date: Utc::now().format("%Y-%m-%d").to_string(),
            machine: machine(),
            versions,
            settings: plan.settings(),
        })
    }

    /// Introduction of the report.
    pub(crate) fn markdown(&self) -> String {
        let mut text = format!("{}. ", self.date);
        let list = |items: &mut dyn Iterator<Item = (&str, &str)>| {
            let words: Vec<String> = items.map(|(name, value)| format!("{name} {value}")).collect();
            words.join(", ")
        };
        let machine = list(&mut self.machine.iter().map(|(name, value)| (*name, value.as_str())));
        let versions = list(
            &mut self
                .versions
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let settings = list(&mut self.settings.iter().map(|(name, value)| (*name, value.as_str())));
        let taskwire: Vec<String> = SETTINGS
            .iter()
            .map(|(name, value)| format!("`{name}={value}`"))
            .collect();
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "Servers, load generator and PostgreSQL share one machine: {machine}.\n\n\
             - Versions: {versions}.\n- Settings: {settings}.\n- Taskwire: {}.\n",
            taskwire.join(", ")
        );
        text
    }
}

fn machine() -> Vec<(&'static str, String)> {
    let file = |path| std::fs::read_to_string(path).unwrap_or_default();
    let after_colon = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or_else(|| "unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    vec![
        ("processor", after_colon(&file("/proc/cpuinfo"), "model name")),
        ("cores", cores.to_string()),
        ("memory", after_colon(&file("/proc/meminfo"), "MemTotal")),
        ("Linux", file("/proc/sys/kernel/osrelease").trim().to_owned()),
    ]
}

/// Packages of the peers, as pinned in their package.json.
fn packages(peers: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let package: Value = serde_json::from_slice(&std::fs::read(peers.join("package.json"))?)?;
    let dependencies = package["dependencies"]
        .as_object()
        .context("the peers have no packages")?;
    let versions = dependencies
        .iter()
        .map(|(name, version)| (name.clone(), version.as_str().unwrap_or_default().to_owned()));
    Ok(versions.collect())
}

fn read(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", name.display()))?;
    anyhow::ensure!(output.status.success(), "{} failed", name.display());
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
