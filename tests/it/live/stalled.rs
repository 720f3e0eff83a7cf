//! Clients that do not read, or that send without a pause.

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
use crate::support::person::{Person, global_id};
use crate::support::process::until;
use crate::support::socket::{TRANSPORT, credentials};
use crate::support::wire::Wire;

/// Ids of operations whose responses of 6 MB each exceed the network buffers.
const LARGE: [&str; 4] = ["a", "b", "c", "d"];
const TASKS: usize = 10;
/// Number of queries, most of which wait until the client reads.
const MANY: usize = 16;
/// Enough for the server to begin the operations that were sent.
const PAUSE: Duration = Duration::from_secs(1);
/// Less than the time after which the server disconnects the client.
const SOON: Duration = Duration::from_secs(15);

/// The first byte of a frame.
const TEXT: u8 = 0x81;
const PING: u8 = 0x89;

/// Opens a WebSocket.
async fn upgrade(wire: &mut Wire) {
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {TRANSPORT}\r\n\r\n"
    );
    wire.send(request).await;
    let head = wire.head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
}

/// A frame of a client. Its mask of zeros leaves the content as it is.
fn frame(begin: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut frame = vec![begin];
    if length <= 125 {
        frame.push(0x80 | u8::try_from(length).unwrap());
    } else {
        frame.push(0x80 | 0x7e);
        frame.extend(u16::try_from(length).unwrap().to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(content);
    frame
}

/// A query for long descriptions, each many times.
fn large() -> String {
    let names: Vec<String> = (0..29).map(|number| format!("d{number}: description")).collect();
    format!("{{ tasks(first: {TASKS}) {{ nodes {{ {} }} }} }}", names.join(" "))
}

/// A transaction for which a change of the task waits.
pub(super) async fn locked(connection: &DatabaseConnection, task: i64) -> DatabaseTransaction {
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

/// Waits until a change that was sent waits for the lock.
pub(super) async fn until_blocked(app: &TestApp) {
    if is_postgres() {
        app.database.until_waiting(1).await;
        return;
    }
    // The one connection for writes is idle otherwise.
    until("the change to wait for the lock", async || {
        (app.app.domain().pools().write.used > 0).then_some(())
    })
    .await;
}

/// Creates tasks with long descriptions. Returns the number of the last one.
async fn create_long_tasks(person: &Person<'_>) -> i64 {
    let mut task = 0;
    for _ in 0..TASKS {
        let long = json!({ "title": "T", "description": "\u{1F4DD}".repeat(5_000) });
        task = person.creates_task(long).await;
    }
    task
}

#[tokio::test]
async fn a_change_by_a_client_that_does_not_read_delays_nobody_and_is_answered_later() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let task = create_long_tasks(&ann).await;
    let mut socket = served.socket_of(&ann).await;
    let connection = app.database.connect().await;
    let lock = locked(&connection, task).await;
    let change = "mutation($id: ID!) { taskUpdate(id: $id, input: {title: \"Slow\"}) { userErrors { code } } }";
    socket
        .subscribe("change", change, json!({ "id": global_id("Task", task) }))
        .await;
    until_blocked(&app).await;
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

#[tokio::test]
async fn most_queries_of_a_client_that_does_not_read_begin_when_it_reads() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let task = create_long_tasks(&ann).await;
    let mut socket = served.socket_of(&ann).await;
    let title = format!("{{ task(id: \"{}\") {{ title }} ", global_id("Task", task));
    let query = large().replacen('{', &title, 1);
    for number in 0..MANY {
        socket.subscribe(&number.to_string(), &query, json!({})).await;
    }
    // Enough for all queries, if they do not wait.
    sleep(3 * PAUSE).await;
    ann.changes_task("taskUpdate", task, ", input: {title: \"New\"}").await;

    let (mut titles, mut complete) = (Vec::new(), BTreeSet::new());
    while complete.len() < MANY {
        let message = socket.receive().await;
        if message["type"] == "complete" {
            complete.insert(message["id"].as_str().unwrap().to_owned());
        } else {
            assert_eq!(message["payload"].get("errors"), None);
            titles.push(message["payload"]["data"]["task"]["title"].clone());
        }
    }
    assert_eq!(titles.len(), MANY);
    let begun = titles.iter().filter(|title| *title == "T").count();
    assert!(begun <= MANY / 2, "{begun} queries began before the client read");
}

#[tokio::test]
async fn pings_of_a_client_that_does_not_read_are_not_answered_in_memory() {
    /// Megabytes that exceed the network buffers.
    const MOST: usize = 128;

    let app = TestApp::start_with(&[("WEBSOCKET_INIT_TIMEOUT_SECONDS", "60")]).await;
    let served = app.listen().await;
    let mut client = Wire::open_narrow(&served.address.to_string()).await;
    upgrade(&mut client).await;
    let megabyte = frame(PING, &[b'x'; 125]).repeat(8_000);
    let mut sent = 0;
    // The server stops reading when its answers are not read.
    while timeout(2 * PAUSE, client.try_send(&megabyte)).await.is_ok() {
        sent += 1;
        assert!(sent < MOST, "the server took {sent} MB of pings");
    }
    let mut other = served.introduced(json!({})).await;
    assert_eq!(other.answer("{ __typename }").await, json!({ "__typename": "Query" }));
}

#[tokio::test]
async fn a_change_by_a_client_that_sends_without_a_pause_delays_nobody() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let connection = app.database.connect().await;
    let lock = locked(&connection, task).await;
    let mut client = Wire::open(&served.address.to_string()).await;
    upgrade(&mut client).await;
    let change = "mutation($id: ID!) { taskUpdate(id: $id, input: {title: \"Slow\"}) { userErrors { code } } }";
    let change = json!({ "query": change, "variables": { "id": global_id("Task", task) } });
    for message in [
        json!({ "type": "connection_init", "payload": credentials(&ann) }),
        json!({ "type": "subscribe", "id": "1", "payload": change }),
    ] {
        client.send(frame(TEXT, message.to_string().as_bytes())).await;
    }
    until_blocked(&app).await;
    let pong = json!({ "type": "pong", "payload": { "pad": "x".repeat(2_000) } }).to_string();
    let megabyte = frame(TEXT, pong.as_bytes()).repeat(500);
    let sending = tokio::spawn(async move { while client.try_send(&megabyte).await.is_ok() {} });
    // The network buffers are now full.
    sleep(PAUSE).await;
    lock.rollback().await.unwrap();
    connection.close().await.unwrap();
    let change = ann.changes_task("taskUpdate", task, ", input: {title: \"Quick\"}");
    timeout(SOON, change).await.expect("the change waits for no client");
    assert!(!sending.is_finished(), "the client was disconnected");
    sending.abort();
}
