//! `docs/OPERATIONS.md`: its installation commands work, and it has a row for each alert.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::Sandbox;

use super::{blocks, read, section};

/// The code blocks of a section.
fn commands(heading: &str) -> Vec<String> {
    let section = section(&read("docs/OPERATIONS.md"), heading);
    let blocks = blocks(&section).into_iter().filter(|(language, _)| language == "sh");
    blocks.map(|(_, text)| text).collect()
}

/// Runs commands with `taskwire` in the path and `DATABASE_URL` set.
async fn run(script: String, home: PathBuf, database: String) -> Output {
    let binary = Path::new(env!("CARGO_BIN_EXE_taskwire")).parent().unwrap();
    // bash uses its default path, because `PATH` is not set.
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
async fn the_installation_works_as_written() {
    let (database, copy) = (TestDatabase::create_empty().await, TestDatabase::create_empty().await);
    let sandbox = Sandbox::over(&database);
    let home = sandbox.path().to_owned();
    let commands = commands("Installation");
    let [prepare, watch, back_up] = &commands[..] else {
        panic!("{} blocks", commands.len());
    };

    let output = run(prepare.clone(), home.clone(), database.url().to_owned()).await;
    let report = printed(&output);
    assert!(
        report.contains("ok      database") && !report.contains("FAILED"),
        "{report}"
    );

    // The server runs in the new directory, and reads the settings there.
    let server = sandbox.serve_in("taskwire").await;
    let watch = watch.replace("http://localhost:8000", &server.url(""));
    let answers = printed(&run(watch, home.clone(), String::new()).await);
    assert!(
        answers.contains("{\"status\":\"ready\"}") && answers.contains("taskwire_ready 1"),
        "{answers}"
    );

    // A restore on PostgreSQL needs a separate database.
    let into = if is_postgres() {
        copy.url()
    } else {
        "sqlite:///./elsewhere/copy.db"
    };
    let back_up = back_up.replace("sqlite:///./elsewhere/copy.db", into);
    printed(&run(back_up, home, database.url().to_owned()).await);
    server.stop().await;
}

#[tokio::test]
async fn the_installation_with_postgresql_works_in_its_order() {
    let database = TestDatabase::create_empty().await;
    let sandbox = Sandbox::bare()
        .with("DATABASE_URL", database.url())
        .with("SERVER_HOST", "127.0.0.1")
        .with("SERVER_PORT", "0");
    let block = commands("Installation with PostgreSQL").concat();
    let commands: Vec<&str> = block
        .lines()
        .filter_map(|line| line.split(" #").next()?.trim().strip_prefix("taskwire"))
        .collect();
    let (serve, prepare) = commands.split_last().unwrap();
    assert_eq!((*serve, prepare.len()), ("", 4), "{block}");
    for command in prepare {
        sandbox.run(command).await.printed();
    }
    let server = sandbox.serve().await;
    assert_eq!(
        database.number("SELECT COUNT(*) AS number FROM users").await,
        1,
        "there is no other administrator"
    );
    server.stop().await;
}

#[test]
fn every_alert_is_explained_and_no_other() {
    let page = read("docs/OPERATIONS.md");
    let explained = page.lines().filter_map(|line| line.strip_prefix("| `Taskwire"));
    let explained: BTreeSet<&str> = explained.map(|row| row.split('`').next().unwrap()).collect();
    let alerts = read("deploy/prometheus/alerts.yml");
    let alerts = alerts
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: Taskwire"));
    assert_eq!(explained, alerts.collect::<BTreeSet<&str>>());
}
