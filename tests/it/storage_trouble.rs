//! Full disks, read-only folders and unreachable buckets: one log line each, and no partial files.

use std::path::Path;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::bucket::{Bucket, keep_in};
use crate::support::database::TestDatabase;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::process::{Sandbox, Server, read, until};
use crate::support::{PASSWORD, SECRET_KEY, TestApp};

const MIB: usize = 1024 * 1024;
/// Nothing listens on this privileged port.
const DEAD: &str = "http://127.0.0.1:1";

async fn upload(server: &Server, token: &str, bytes: usize) -> Answer {
    let form = Form::default().file("file", "a.txt", &vec![b'x'; bytes]).end();
    let request = server.request(token, Method::POST, "/api/v1/upload");
    read(request.header("content-type", CONTENT_TYPE).body(form))
        .await
        .unwrap()
}

/// Uploads a file that cannot be stored. Expects an error without a cause, one log line with it, and no row.
async fn fails_to_upload(database: &TestDatabase, server: &Server, token: &str, bytes: usize) {
    let answer = upload(server, token, bytes).await;
    let (status, code, _) = answer.problem();
    assert_eq!((status, code), (500, "INTERNAL"), "{}", answer.text);
    server.until_logged("the storage of files failed").await;
    let log = server.log();
    let lines: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("the storage of files failed"))
        .collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
    assert_eq!(database.number("SELECT COUNT(*) AS number FROM attachments").await, 0);
}

fn bytes_under(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let entries = entries.map(|entry| entry.unwrap());
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_under(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

#[tokio::test]
async fn a_full_disk_keeps_no_part_of_a_file_and_takes_the_next_that_fits() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve_limited(2 * 1024).await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    fails_to_upload(&database, &server, &token, 4 * MIB).await;
    until("the partial file to be removed", async || {
        (bytes_under(&sandbox.path().join("uploads")) == 0).then_some(())
    })
    .await;
    assert_eq!(upload(&server, &token, MIB).await.status.as_u16(), 201);
}

#[tokio::test]
async fn an_unwritable_folder_is_reported_to_clients_and_by_doctor() {
    let database = TestDatabase::create().await;
    // Even root cannot write there.
    let sandbox = Sandbox::over(&database).with("UPLOAD_DIR", "/proc/uploads");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    fails_to_upload(&database, &server, &token, 10).await;
    let output = sandbox.run("doctor").await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(
        output.stdout.contains("FAILED  storage: cannot write to /proc: "),
        "{output:?}"
    );
}

#[tokio::test]
async fn an_unreachable_bucket_is_reported_to_clients_and_by_doctor_and_stops_a_backup() {
    let database = TestDatabase::create().await;
    let bucket = Bucket::start().await;
    let with_key = || Sandbox::over(&database).with("SECRET_KEY", SECRET_KEY);
    let there = bucket.for_files_of(with_key());
    let output = there.run("doctor").await;
    assert!(
        output
            .printed()
            .contains("ok      storage: s3://files/of/us accepts files"),
        "{output:?}"
    );
    assert_eq!(bucket.names(), Vec::<String>::new());

    let away = keep_in(with_key(), DEAD);
    let server = away.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    fails_to_upload(&database, &server, &token, 10).await;
    let output = away.run("doctor").await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stdout.contains("FAILED  storage: "), "{output:?}");
    assert!(output.stdout.contains("check STORAGE_URL"), "{output:?}");
    assert!(!output.stdout.contains("hunter2"), "{output:?}");

    let server = there.serve().await;
    assert_eq!(upload(&server, &token, 10).await.status.as_u16(), 201);
    let output = away.run("backup backup.tar.gz").await;
    assert!(
        output.complaint().starts_with("the storage of files failed: "),
        "{output:?}"
    );
    let left = std::fs::read_dir(away.path()).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn files_in_a_bucket_are_backed_up_and_restored() {
    let database = TestDatabase::create().await;
    let (old, new) = (Bucket::start().await, Bucket::start().await);
    let sandbox = old.for_files_of(Sandbox::over(&database));
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    // Larger than one part of a multipart upload.
    let answer = upload(&server, &token, 5 * MIB - 1).await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    upload(&server, &token, 10).await;
    server.stop().await;
    let file = sandbox.path().join("backup.tar.gz");
    sandbox.run(&format!("backup {}", file.display())).await.printed();
    assert_eq!(old.names().len(), 2);
    assert!(old.names().iter().all(|name| name.starts_with("of/us/")));

    let database = TestDatabase::create_empty().await;
    let sandbox = new.for_files_of(Sandbox::over(&database));
    sandbox.run(&format!("restore {}", file.display())).await.printed();
    assert_eq!(new.names(), old.names());
    let server = sandbox.serve().await;
    let token = server.login("ann@example.com", PASSWORD).await;
    let token = token.at("/access_token").as_str().unwrap().to_owned();
    let download = server.request(&token, Method::GET, "/api/v1/download/a.txt");
    assert_eq!(download.send().await.unwrap().text().await.unwrap(), "x".repeat(10));
    let part = server.request(&token, Method::GET, &format!("/api/v1/files/{}", answer.at("/id")));
    let part = part.header("range", "bytes=5242870-").send().await.unwrap();
    assert_eq!(part.bytes().await.unwrap().len(), 9);
    let deleted = server
        .rest(&token, Method::DELETE, "/api/v1/delete/a.txt", json!(null))
        .await;
    assert!(deleted.status.is_success(), "{}", deleted.text);
    assert_eq!(new.names().len(), 1);
}

#[tokio::test]
async fn the_files_of_a_deleted_account_are_removed_with_few_connections() {
    let bucket = Bucket::start().await;
    let app = TestApp::start_with(&bucket.settings()).await;
    let (ann, boss) = (app.member().await, app.admin().await);
    for number in 0..40 {
        ann.keeps(None, &format!("{number}.txt"), b"text").await;
    }
    assert_eq!(bucket.names().len(), 40);
    let path = format!("/api/v1/users/{}", ann.id);
    let deleted = boss.rest(Method::DELETE, &path, Value::Null).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    assert_eq!(bucket.names(), Vec::<String>::new());
    assert!(
        (2..=16).contains(&bucket.most_removals()),
        "{} removals ran at the same time",
        bucket.most_removals()
    );
}

#[tokio::test]
async fn a_deletion_tries_only_some_files_while_no_file_can_be_removed() {
    let bucket = Bucket::start().await;
    let app = TestApp::start_with(&bucket.settings()).await;
    let (ann, boss) = (app.member().await, app.admin().await);
    for number in 0..40 {
        ann.keeps(None, &format!("{number}.txt"), b"text").await;
    }
    bucket.deny_removals(true);
    let path = format!("/api/v1/users/{}", ann.id);
    let deleted = boss.rest(Method::DELETE, &path, Value::Null).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    assert_eq!((bucket.requested_removals(), bucket.names().len()), (16, 40));
    // The job removes the rest.
    bucket.deny_removals(false);
    app.advance(TimeDelta::minutes(2));
    app.run_until_idle().await;
    assert_eq!(bucket.names(), Vec::<String>::new());
}

#[tokio::test]
async fn a_file_that_a_bucket_stored_but_did_not_confirm_is_removed() {
    let bucket = Bucket::start().await;
    let app = TestApp::start_with(&bucket.settings()).await;
    let ann = app.member().await;
    bucket.deny_completions();
    let answer = ann.uploads(None, "a.txt", b"text").await;
    assert_eq!(answer.error_code(), "INTERNAL", "{}", answer.text);
    until("the file to be removed", async || {
        bucket.names().is_empty().then_some(())
    })
    .await;
    assert_eq!(
        app.database.number("SELECT COUNT(*) AS number FROM attachments").await,
        0
    );
}

#[tokio::test]
async fn an_unsupported_storage_stops_every_command_in_one_line() {
    for url in ["ftp://files.example.com", "s3://", "uploads"] {
        let sandbox = Sandbox::bare().with("STORAGE_URL", url);
        for command in ["serve", "backup x.tar.gz", "restore x.tar.gz"] {
            assert_eq!(
                sandbox.run(command).await.complaint(),
                format!("STORAGE_URL is \"{url}\"; allowed: file:///directory or s3://bucket")
            );
        }
    }
}
