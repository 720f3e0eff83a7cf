//! Ends of connections: silence, slow clients, shutdown.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use taskwire::domain::actor::Actor;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::stalled::{locked, until_blocked};
use super::{event, watch};
use crate::support::TestApp;
use crate::support::person::global_id;
use crate::support::socket::{LEGACY, PATIENCE, TRANSPORT};

#[tokio::test]
async fn a_client_that_only_answers_pings_stays() {
    let app = TestApp::start_with(&[("WEBSOCKET_PING_INTERVAL_SECONDS", "1")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "1", &start).await;
    for _ in 0..4 {
        assert!(matches!(socket.next().await, Message::Ping(_)));
    }
    ann.creates_task(json!({ "title": "T" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "T");
}

#[tokio::test]
async fn a_client_that_answers_nothing_is_disconnected() {
    let app = TestApp::start_with(&[
        ("WEBSOCKET_PING_INTERVAL_SECONDS", "1"),
        ("WEBSOCKET_INIT_TIMEOUT_SECONDS", "60"),
    ])
    .await;
    let served = app.listen().await;
    // Raw bytes, because the WebSocket library would answer pings by itself.
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: {TRANSPORT}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut received))
        .await
        .unwrap()
        .unwrap();
    let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let reason = "Nothing was heard for too long";
    let length = u8::try_from(reason.len() + 2).unwrap();
    // One ping, then close code 1013.
    let expected = [&[0x89, 0, 0x88, length, 3, 0xF5], reason.as_bytes()].concat();
    assert_eq!(received[head..], expected);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected_and_delays_nobody() {
    const TASKS: usize = 100;
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let description = "d".repeat(5_000);
    let input = json!({ "title": "T", "description": description });
    let mut ids = Vec::new();
    for _ in 0..TASKS {
        ids.push(global_id("Task", ann.creates_task(input.clone()).await));
    }
    // The same text under many aliases, so that it exceeds the network buffers.
    let names: Vec<String> = (0..20).map(|number| format!("d{number}: description")).collect();
    let names = names.join(" ");
    let heavy = format!("subscription($after: String) {{ taskEvents(after: $after) {{ type task {{ {names} }} }} }}");
    let mut slow = served.socket_of(&ann).await;
    slow.subscribe("1", &heavy, json!({ "after": start })).await;
    let mut quick = served.socket_of(&ann).await;
    watch(&mut quick, "1", &start).await;
    assert_eq!(slow.data("1").await["taskEvents"]["type"], "CREATED");
    for _ in 0..TASKS {
        assert_eq!(event(&mut quick, "1").await.0, "CREATED");
    }
    // From here on the slow client does not read. Each event has 100 KB.
    let update =
        "mutation($ids: [ID!]!, $input: TaskUpdateInput!) { tasksBulkUpdate(ids: $ids, input: $input) { successful } }";
    for round in 0..8 {
        let answer = ann
            .graphql(
                update,
                json!({ "ids": ids, "input": { "title": format!("Round {round}") } }),
            )
            .await;
        assert_eq!(answer.data()["tasksBulkUpdate"]["successful"], json!(TASKS));
        for _ in 0..TASKS {
            let expected = ("UPDATED".to_owned(), json!(format!("Round {round}")));
            assert_eq!(event(&mut quick, "1").await, expected);
        }
    }
    let (events, ending) = slow.drained().await;
    assert!(events < 8 * TASKS, "{events}");
    assert!(ending.is_none_or(|code| code == 1013), "{ending:?}");
}

#[tokio::test]
async fn a_shutdown_closes_every_connection_at_once() {
    let app = TestApp::start_with(&[("SHUTDOWN_TIMEOUT_SECONDS", "3600")]).await;
    let ann = app.member().await;
    let mut served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut watching = served.socket_of(&ann).await;
    watch(&mut watching, "1", &start).await;
    let nobody = served.introduced(json!({})).await;
    let silent = served.socket(TRANSPORT).await;
    let mut older = served.socket(LEGACY).await;
    older.init(json!({ "token": ann.access_token })).await;
    assert_eq!(older.receive().await["type"], "connection_ack");
    served.stop();
    for mut socket in [watching, nobody, silent, older] {
        assert_eq!(
            socket.closed().await,
            (1001, "The server is about to stop: connect again".to_owned())
        );
    }
    served.stopped().await;
}

#[tokio::test]
async fn a_mutation_that_is_running_at_the_shutdown_is_answered_before_the_connection_closes() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut served = app.listen().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let (mut socket, mut idle) = (served.socket_of(&ann).await, served.socket_of(&ann).await);
    let connection = app.database.connect().await;
    let lock = locked(&connection, task).await;
    let change = "mutation($id: ID!) { taskUpdate(id: $id, input: {title: \"New\"}) { task { title } } }";
    socket
        .subscribe("change", change, json!({ "id": global_id("Task", task) }))
        .await;
    until_blocked(&app).await;
    served.stop();
    // The change is still running when connections close.
    assert_eq!(idle.closed().await.0, 1001);
    lock.rollback().await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(socket.data("change").await["taskUpdate"]["task"]["title"], "New");
    assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "change" }));
    assert_eq!(socket.closed().await.0, 1001);
    served.stopped().await;
}

#[tokio::test]
async fn a_restored_backup_closes_live_connections() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    app.database.execute("UPDATE event_log SET identity = 'another'").await;
    assert_eq!(socket.closed().await.0, 1012);
}

/// A failover to a replica without the newest commits. `change` is SQL that changes the newest event.
async fn loses_newest_event(change: &str) {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "1", &start).await;
    ann.creates_task(json!({ "title": "Kept" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "Kept");
    ann.creates_task(json!({ "title": "Lost" })).await;
    let lost = socket.data("1").await;
    let lost = lost["taskEvents"]["cursor"].as_str().unwrap();
    let newest = "(SELECT MAX(id) FROM task_events)";
    app.database.execute(&format!("{change} WHERE id = {newest}")).await;
    assert_eq!(socket.closed().await.0, 1012);
    let mut again = served.socket_of(&ann).await;
    watch(&mut again, "1", lost).await;
    assert_eq!(again.error_code("1").await, "RESYNC_REQUIRED");
}

#[tokio::test]
async fn a_log_that_lost_its_newest_event_closes_live_connections_and_refuses_its_cursor() {
    loses_newest_event("DELETE FROM task_events").await;
}

#[tokio::test]
async fn a_log_with_another_event_in_place_of_a_lost_one_closes_live_connections_and_refuses_its_cursor() {
    // On PostgreSQL the other event has the same transaction id.
    loses_newest_event("UPDATE task_events SET id = id + 100").await;
}

#[tokio::test]
async fn pruning_every_event_ends_no_connection() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "1", &start).await;
    ann.creates_task(json!({ "title": "Old" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "Old");
    let events = app.app.domain().events();
    // Those of the next day too.
    assert_eq!(events.prune(&Actor::System, TimeDelta::days(-1)).await.unwrap(), 1);
    ann.creates_task(json!({ "title": "New" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "New");
}

#[tokio::test]
async fn a_disconnected_client_frees_its_resources() {
    let app = TestApp::start_with(&[("LIVE_MAX_CONNECTIONS", "1")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    for _ in 0..3 {
        let mut socket = loop {
            let request = served.request(&[("sec-websocket-protocol", TRANSPORT)]);
            match timeout(PATIENCE, served.connect(request)).await.unwrap() {
                Ok(socket) => break socket,
                Err((status, _)) => assert_eq!(status, 503),
            }
            sleep(Duration::from_millis(10)).await;
        };
        socket.init(json!({ "token": ann.access_token })).await;
        assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
        socket
            .subscribe("1", "subscription { taskEvents { cursor } }", Value::Null)
            .await;
    }
}
