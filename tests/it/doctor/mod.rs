//! `taskwire doctor`: its report of a working server, and of each fault.

mod disk;
mod lock;
mod mail;
mod redis;
mod rights;
mod transaction;

use std::fs;
use std::path::Path;

use crate::support::database::{TestDatabase, is_postgres, redis_url};
use crate::support::process::{CommandOutput, Sandbox};

/// No program listens on this port, because that needs special rights.
const DEAD: &str = "127.0.0.1:1";

/// Verdict and text of a check, which printed exactly one line.
#[track_caller]
fn finding<'a>(output: &'a CommandOutput, subject: &str) -> (&'a str, &'a str) {
    let start = format!("{subject}: ");
    let mut found = output.stdout.lines().filter_map(|line| {
        let (verdict, rest) = line.split_at(8);
        Some((verdict.trim_end(), rest.strip_prefix(&start)?))
    });
    match (found.next(), found.next()) {
        (Some(found), None) => found,
        _ => panic!("not one line about {subject}: {output:?}"),
    }
}

fn has_line(output: &CommandOutput, subject: &str) -> bool {
    output
        .stdout
        .lines()
        .any(|line| line[8..].starts_with(&format!("{subject}: ")))
}

/// Runs doctor. It fails, and the line of the subject contains all of these words.
async fn fails(sandbox: &Sandbox, subject: &str, words: &[&str]) -> CommandOutput {
    let output = sandbox.run("doctor").await;
    assert_eq!(output.code, Some(1), "{output:?}");
    let (verdict, text) = finding(&output, subject);
    assert_eq!(verdict, "FAILED", "{output:?}");
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
    output
}

#[tokio::test]
async fn every_working_part_has_a_line() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("REDIS_URL", &redis_url());
    let output = sandbox.run("doctor").await;
    let printed = output.printed();
    let lines: Vec<(&str, &str)> = printed.lines().map(|line| line.split_at(8)).collect();
    let subjects: Vec<&str> = lines.iter().map(|(_, text)| text.split_once(':').unwrap().0).collect();
    let expected = if is_postgres() {
        "settings database rights tables writing clock transactions jobs accounts Redis mail storage disk"
    } else {
        "settings database tables writing clock jobs accounts Redis mail storage disk disk"
    };
    assert_eq!(subjects.join(" "), expected);
    // Other tests have open transactions in the same cluster, and the disk belongs to the machine.
    for (verdict, text) in lines {
        let is_ours = !text.starts_with("transactions") && !text.starts_with("disk");
        assert!(verdict == "ok      " || !is_ours && verdict == "warn    ", "{printed}");
    }
    assert!(
        printed.contains("Redis: accepts writes, scripts and messages"),
        "{printed}"
    );
    let engine = if is_postgres() { "PostgreSQL" } else { "SQLite" };
    assert!(printed.contains(engine), "{printed}");
}

#[tokio::test]
async fn every_fault_is_reported_with_a_fix() {
    let database = TestDatabase::create_empty().await;
    let sandbox = Sandbox::over(&database);
    if !is_postgres() {
        // The check does not create the file.
        fails(&sandbox, "database", &["the file ", "does not exist"]).await;
        assert_eq!(sandbox.run("migrate status").await.code, Some(0));
    }
    fs::write(sandbox.path().join("uploads"), "a file in the way").unwrap();
    let redis = format!("redis://:hunter2@{DEAD}");
    let output = sandbox.run_with("doctor", &[("REDIS_URL", &redis)]).await;
    assert_eq!(output.code, Some(1), "{output:?}");
    let failed: Vec<&str> = output
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAILED"))
        .collect();
    let [tables, redis, storage] = failed[..] else {
        panic!("{output:?}")
    };
    assert!(
        tables.contains("migrations pending; `taskwire migrate up` applies them"),
        "{tables}"
    );
    assert!(redis.contains("check REDIS_URL, and that Redis is running"), "{redis}");
    assert!(storage.contains("set UPLOAD_DIR or STORAGE_URL"), "{storage}");
    assert!(!output.stdout.contains("hunter2") && !output.stderr.contains("hunter2"));

    let output = sandbox.run_with("doctor", &[("SERVER_PORT", "x")]).await;
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (
            Some(1),
            "FAILED  settings: SERVER_PORT is \"x\"; allowed: a whole number from 0 to 65535\n"
        )
    );
}

#[tokio::test]
async fn a_key_file_that_the_server_refuses_is_reported() {
    let database = TestDatabase::create().await;
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/keys");
    for (file, problem) in [
        ("ed25519.pem", "holds no private key for ES256"),
        ("none.pem", "none.pem"),
    ] {
        let file = keys.join(file);
        let sandbox = Sandbox::over(&database)
            .with("ALGORITHM", "ES256")
            .with("JWT_PRIVATE_KEY_FILE", file.to_str().unwrap());
        fails(&sandbox, "settings", &["JWT_PRIVATE_KEY_FILE", problem]).await;
    }
}
