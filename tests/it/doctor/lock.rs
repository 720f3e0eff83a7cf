//! A locked database, and a wrong clock: each is reported as such.

use std::process;

use sea_orm::{ConnectionTrait as _, SqliteTransactionMode, TransactionOptions, TransactionTrait as _};

use super::{fails, finding};
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::Sandbox;

/// Runs doctor while the event log is locked. It reports that with these words, and the clock as correct.
async fn is_locked(sandbox: &Sandbox, words: &[&str]) {
    let output = sandbox.run("doctor").await;
    assert_eq!(output.code, Some(1), "{output:?}");
    let (verdict, text) = finding(&output, "writing");
    assert_eq!(verdict, "FAILED", "{output:?}");
    for word in words {
        assert!(text.contains(word), "{word} in {text}");
    }
    assert_eq!(finding(&output, "clock").0, "ok", "{output:?}");
}

#[tokio::test]
async fn a_locked_file_is_named_with_its_process_and_the_clock_is_well() {
    if is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let file = database.url().trim_start_matches("sqlite:");
    let holder = format!("process {} (", process::id());
    let connection = database.connect().await;
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = connection.begin_with_options(options).await.unwrap();
    let locked = format!("the file {file} is locked: {holder}");
    // With the second value the statement timeout ends before the lock timeout.
    for seconds in ["30", "1"] {
        let sandbox = Sandbox::over(&database).with("DATABASE_STATEMENT_TIMEOUT_SECONDS", seconds);
        is_locked(&sandbox, &[&locked, "is writing to it; wait"]).await;
    }
    transaction.rollback().await.unwrap();
    connection
        .execute_unprepared("PRAGMA locking_mode = EXCLUSIVE; UPDATE event_log SET identity = identity")
        .await
        .unwrap();
    let sandbox = Sandbox::over(&database);
    fails(&sandbox, "database", &["another process has locked the file", &holder]).await;
    connection.close().await.unwrap();
    assert_eq!(sandbox.run("doctor").await.code, Some(0));
}

#[tokio::test]
async fn a_locked_table_is_named_with_its_transaction_and_the_clock_is_well() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let connection = database.connect().await;
    for lock in [
        "LOCK TABLE event_log IN EXCLUSIVE MODE",
        "UPDATE event_log SET identity = identity",
    ] {
        let transaction = connection.begin().await.unwrap();
        let named = format!("SET LOCAL application_name = 'nightly report'; {lock}");
        transaction.execute_unprepared(&named).await.unwrap();
        let words = [
            "the table event_log is locked: process ",
            "application \"nightly report\", idle in transaction) holds a transaction open for ",
        ];
        is_locked(&sandbox, &words).await;
        transaction.rollback().await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_clock_is_reported_as_such() {
    if !is_postgres() {
        // SQLite uses the clock of this machine.
        return;
    }
    for offset in ["1 hour", "-1 hour"] {
        let database = TestDatabase::create().await;
        set_clock(
            &database,
            &format!("pg_catalog.clock_timestamp() + interval '{offset}'"),
        )
        .await;
        let sandbox = Sandbox::over(&database);
        fails(
            &sandbox,
            "clock",
            &["clock and the database's are 3", "synchronise both (NTP)"],
        )
        .await;
        let output = sandbox.run("doctor").await;
        assert_eq!(finding(&output, "writing").0, "ok", "{output:?}");
    }
    // A slow answer is no wrong clock, wherever in that time the clock was read.
    for time in [
        "pg_catalog.clock_timestamp() FROM pg_sleep(6)",
        "time FROM (SELECT pg_catalog.clock_timestamp() AS time) AS early, LATERAL pg_sleep(6 + 0 * extract(year FROM time))",
    ] {
        let database = TestDatabase::create().await;
        set_clock(&database, time).await;
        let output = Sandbox::over(&database).run("doctor").await;
        assert_eq!(finding(&output, "clock").0, "ok", "{output:?}");
    }
}

/// Replaces the clock of the database for new connections.
async fn set_clock(database: &TestDatabase, time: &str) {
    let name = database.url().rsplit_once('/').unwrap().1;
    let function = format!(
        "CREATE SCHEMA skew; CREATE FUNCTION skew.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE \
         AS $$ SELECT {time} $$; ALTER DATABASE {name} SET search_path = public, skew, pg_catalog"
    );
    database.execute(&function).await;
}

#[tokio::test]
async fn an_event_from_the_future_is_reported_as_a_wrong_clock() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let create = "mutation { taskCreate(input: { title: \"T\" }) { task { id } } }";
    server.graphql(&token, create, serde_json::json!({})).await.data();
    let output = sandbox.run("doctor").await;
    assert_eq!(finding(&output, "clock").0, "ok", "{output:?}");
    database
        .execute("UPDATE task_events SET occurred_at = '2099-01-01T00:00:00+00:00'")
        .await;
    let output = sandbox.run("doctor").await;
    let (verdict, text) = finding(&output, "clock");
    assert_eq!((output.code, verdict), (Some(0), "warn"), "{output:?}");
    assert!(
        text.starts_with("the newest event was written at 2099-01-01 00:00:00 UTC, "),
        "{text}"
    );
}
