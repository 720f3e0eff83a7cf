//! What `docs/OPERATIONS.md` promises: its way from nothing, word for word, and a row for each alert.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::Place;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The commands of the way from nothing, block by block.
fn blocks() -> Vec<String> {
    let page = file("docs/OPERATIONS.md");
    let section = page.split("\n## From nothing\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// Runs commands as somebody does who has `taskwire` in the path, and who has named the database.
async fn run(script: String, home: PathBuf, database: String) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_taskwire")).parent().unwrap();
    // Without a path in the environment, bash has the usual one.
    let script = format!("export PATH={}:$PATH\n{script}", binary.display());
    let running = tokio::task::spawn_blocking(move || {
        Command::new("bash")
            .args(["-euo", "pipefail", "-c", &script])
            .current_dir(home)
            .env_clear()
            .env("DATABASE_URL", database)
            .env("no_proxy", "*")
            .output()
            .unwrap()
    });
    running.await.unwrap()
}

#[track_caller]
fn printed(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

#[tokio::test]
async fn the_way_from_nothing_goes_as_it_is_written() {
    let (database, copy) = (TestDatabase::create_empty().await, TestDatabase::create_empty().await);
    let place = Place::over(&database);
    let home = place.path().to_owned();
    let blocks = blocks();
    let [prepare, watch, back_up] = &blocks[..] else {
        panic!("{} blocks", blocks.len());
    };

    let output = run(prepare.clone(), home.clone(), database.url().to_owned()).await;
    let report = printed(&output);
    assert!(
        report.contains("ok      database") && !report.contains("FAILED"),
        "{report}"
    );

    // The server stands in the directory that was made, whose settings it reads.
    let server = place.serve_in("taskwire").await;
    let watch = watch.replace("http://localhost:8000", &server.url(""));
    let answers = printed(&run(watch, home.clone(), String::new()).await);
    assert!(
        answers.contains("{\"status\":\"ready\"}") && answers.contains("taskwire_ready 1"),
        "{answers}"
    );

    // A copy of PostgreSQL goes into a database of its own.
    let into = if is_postgres() {
        copy.url()
    } else {
        "sqlite:///./elsewhere/copy.db"
    };
    let back_up = back_up.replace("sqlite:///./elsewhere/copy.db", into);
    printed(&run(back_up, home, database.url().to_owned()).await);
    server.stop().await;
}

#[test]
fn every_alert_is_explained_and_no_other() {
    let page = file("docs/OPERATIONS.md");
    let explained = page.lines().filter_map(|line| line.strip_prefix("| `Taskwire"));
    let explained: BTreeSet<&str> = explained.map(|row| row.split('`').next().unwrap()).collect();
    let alerts = file("deploy/prometheus/alerts.yml");
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: Taskwire"));
    assert_eq!(explained, alerts.collect::<BTreeSet<&str>>());
}
