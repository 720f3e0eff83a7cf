//! `PostgreSQL` alone: pgbench reads the same rows with one statement, over equally many connections.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::time::timeout;

use super::data::{Databases, World};
use super::load::Round;
use super::workload::Workload;

/// Time that a run may exceed its duration.
const GRACE: Duration = Duration::from_secs(30);

/// Runs pgbench for `duration`, in whole seconds. It prints the rate and logs every latency.
pub(crate) async fn run(
    databases: &Databases,
    world: &World,
    workload: Workload,
    connections: usize,
    duration: Duration,
) -> anyhow::Result<Round> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("script.sql");
    tokio::fs::write(&script, statements(workload)?).await?;
    let mut pgbench = databases.program("pgbench");
    pgbench.args(["--protocol=prepared", "--no-vacuum", "--jobs=1", "--log"]);
    pgbench.args(["--client", &connections.to_string()]);
    pgbench.args(["--time", &duration.as_secs().max(1).to_string()]);
    for (name, value) in [
        ("first_user", &world.users.0),
        ("last_user", &world.users.1),
        ("first_task", &world.tasks.0),
        ("last_task", &world.tasks.1),
    ] {
        pgbench.args(["--define", &format!("{name}={value}")]);
    }
    pgbench.arg("--file").arg(&script).arg(databases.floor());
    pgbench.current_dir(folder.path());
    pgbench.stdin(Stdio::null()).kill_on_drop(true);
    let output = timeout(duration + GRACE, pgbench.output())
        .await
        .context("pgbench does not end")?
        .context("cannot start pgbench")?;
    ensure!(
        output.status.success(),
        "pgbench failed:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(Round {
        rate: rate(&String::from_utf8_lossy(&output.stdout))?,
        latencies: latencies(folder.path().to_owned()).await?,
    })
}

fn statements(workload: Workload) -> anyhow::Result<&'static str> {
    match workload {
        Workload::OwnList => Ok(include_str!("../../sql/own.sql")),
        Workload::OneTask => Ok(include_str!("../../sql/one.sql")),
        Workload::Nested => Ok(include_str!("../../sql/nested.sql")),
        Workload::CreateTask => Ok(include_str!("../../sql/create.sql")),
        other => anyhow::bail!("pgbench has no script for '{}'", other.name()),
    }
}

/// Transactions per second in the output of pgbench.
fn rate(printed: &str) -> anyhow::Result<f64> {
    let line = printed.lines().find_map(|line| line.strip_prefix("tps = "));
    let number = line.and_then(|line| line.split_whitespace().next());
    number
        .context("pgbench printed no rate")?
        .parse()
        .context("pgbench printed no number")
}

/// Latencies from the logs in milliseconds, sorted.
async fn latencies(folder: PathBuf) -> anyhow::Result<Vec<f64>> {
    tokio::task::spawn_blocking(move || {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            let is_log = path
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("pgbench_log"));
            if is_log {
                found.extend(std::fs::read_to_string(path)?.lines().filter_map(latency));
            }
        }
        found.sort_by(f64::total_cmp);
        Ok(found)
    })
    .await?
}

/// A line contains the client, the transaction number and the duration in microseconds.
fn latency(line: &str) -> Option<f64> {
    let microseconds: f64 = line.split(' ').nth(2)?.parse().ok()?;
    Some(microseconds / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_pgbench_is_parsed() -> anyhow::Result<()> {
        let printed = "latency average = 2.758 ms\ninitial connection time = 40.1 ms\n\
            tps = 11600.250000 (without initial connection time)\n";
        assert!((rate(printed)? - 11_600.25).abs() < f64::EPSILON);
        assert!(rate("pgbench: fatal").is_err());
        assert_eq!(latency("3 17 1500 0 1763763000 12345"), Some(1.5));
        assert_eq!(latency(""), None);
        Ok(())
    }
}
