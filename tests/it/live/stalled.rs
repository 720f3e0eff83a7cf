//! A client that does not read.

use std::collections::BTreeSet;
use std::time::Duration;

use sea_orm::{
    ConnectionTrait as _, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions,
    TransactionTrait as _,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::person::global_id;

/// Ids of operations whose responses of 6 MB each exceed the network buffers.
const LARGE: [&str; 4] = ["a", "b", "c", "d"];
const TASKS: usize = 10;
/// Enough for the server to begin the operations that were sent.
const PAUSE: Duration = Duration::from_secs(1);
/// Less than the time after which the server disconnects the client.
const SOON: Duration = Duration::from_secs(15);

/// A query for long descriptions, each many times.
fn large() -> String {
    let names: Vec<String> = (0..29).map(|number| format!("d{number}: description")).collect();
    format!("{{ tasks(first: {TASKS}) {{ nodes {{ {} }} }} }}", names.join(" "))
}

/// A transaction for which a change of the task waits.
async fn locked(connection: &DatabaseConnection, task: i64) -> DatabaseTransaction {
    if is_postgres() {
        let transaction = connection.begin().await.unwrap();
        let lock = format!("SELECT id FROM tasks WHERE id = {task} FOR UPDATE");
        transaction.execute_unprepared(&lock).await.unwrap();
        return transaction;
    }
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    connection.begin_with_options(options).await.unwrap()
}

#[tokio::test]
async fn a_change_by_a_client_that_does_not_read_delays_nobody_and_is_answered_later() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut task = 0;
    for _ in 0..TASKS {
        let long = json!({ "title": "T", "description": "\u{1F4DD}".repeat(5_000) });
        task = ann.creates_task(long).await;
    }
    let mut socket = served.socket_of(&ann).await;
    let connection = app.database.connect().await;
    let lock = locked(&connection, task).await;
    let change = "mutation($id: ID!) { taskUpdate(id: $id, input: {title: \"Slow\"}) { userErrors { code } } }";
    socket
        .subscribe("change", change, json!({ "id": global_id("Task", task) }))
        .await;
    // The change now waits for the lock.
    sleep(PAUSE).await;
    for id in LARGE {
        socket.subscribe(id, &large(), json!({})).await;
    }
    // The server now waits until the client reads.
    sleep(2 * PAUSE).await;
    lock.rollback().await.unwrap();
    connection.close().await.unwrap();
    let change = ann.changes_task("taskUpdate", task, ", input: {title: \"Quick\"}");
    timeout(SOON, change).await.expect("the change waits for no client");

    let (mut answered, mut complete) = (BTreeSet::new(), BTreeSet::new());
    while complete.len() <= LARGE.len() {
        let message = socket.receive().await;
        let id = message["id"].as_str().unwrap().to_owned();
        if message["type"] == "complete" {
            assert!(answered.contains(&id) && complete.insert(id.clone()), "{id}");
        } else {
            assert_eq!(message["payload"].get("errors"), None, "{id}");
            assert!(answered.insert(id.clone()), "{id}");
        }
    }
}
