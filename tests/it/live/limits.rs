//! Limits of connections: message size, operations, number and origin.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::legacy::older;
use super::{EVENTS, event, watch};
use crate::support::TestApp;
use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;
use crate::support::socket::{Socket, TRANSPORT, credentials};

#[tokio::test]
async fn a_message_that_is_too_large_closes_with_1009() {
    let app = TestApp::start_with(&[("WEBSOCKET_MAX_MESSAGE_BYTES", "2048")]).await;
    let served = app.listen().await;
    let padded = |length: usize| {
        let message = json!({ "type": "ping", "payload": { "pad": "" } }).to_string();
        let pad = "x".repeat(length - message.len());
        Message::text(message.replace(r#""pad":"""#, &format!(r#""pad":"{pad}""#)))
    };
    let mut socket = served.introduced(json!({})).await;
    socket.send(padded(2_048)).await;
    assert_eq!(socket.receive().await["type"], "pong");
    for length in [2_049, 60_000] {
        let mut socket = served.introduced(json!({})).await;
        socket.send(padded(length)).await;
        let closed = socket.closed().await;
        assert_eq!(closed, (1009, "The message is larger than 2048 bytes".to_owned()));
    }
    // A much larger message is not read to its end, so its sender may miss the close reason.
    let mut socket = served.introduced(json!({})).await;
    socket.try_send(padded(1_000_000)).await;
    let (_, ending) = socket.drained().await;
    assert!(ending.is_none_or(|code| code == 1009), "{ending:?}");
}

#[tokio::test]
async fn an_operation_above_the_limit_is_refused_and_the_others_continue() {
    let app = TestApp::start_with(&[("WEBSOCKET_MAX_OPERATIONS", "2")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    for id in ["a", "b", "c"] {
        watch(&mut socket, id, &start).await;
    }
    assert_eq!(socket.error_code("c").await, "LIMIT_EXCEEDED");
    socket.completes("a").await;
    watch(&mut socket, "c", &start).await;
    socket.completes("b").await;
    ann.creates_task(json!({ "title": "T" })).await;
    assert_eq!(event(&mut socket, "c").await.1, "T");
}

/// Four documents of this length are within the limit of a connection, and five are not.
const LONG: usize = 60_000;

/// A document that differs for each id.
fn long_document(id: &str) -> String {
    format!("# {id}{}\n{EVENTS}", "x".repeat(LONG))
}

/// Checks the error that refuses an operation, and returns its id. Operations start in any order.
fn refused_for_its_size(message: &Value, error: &Value) -> String {
    assert_eq!(message["type"], "error", "{message}");
    assert_eq!(error["extensions"]["code"], "LIMIT_EXCEEDED", "{message}");
    assert!(error["message"].as_str().unwrap().contains("262144 bytes"), "{message}");
    message["id"].as_str().unwrap().to_owned()
}

/// Waits until each of these subscriptions has received an event.
async fn each_receives_an_event(socket: &mut Socket, mut running: BTreeSet<&str>) {
    while !running.is_empty() {
        let message = socket.receive().await;
        assert_eq!(message["type"], "next", "{message}");
        let id = message["id"].as_str().unwrap();
        assert!(running.remove(id), "{message}");
    }
}

#[tokio::test]
async fn long_operations_are_refused_until_another_one_ends() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let variables = json!({ "after": ann.event_cursor().await });
    let mut socket = served.socket_of(&ann).await;
    let mut running = BTreeSet::from(["a", "b", "c", "d", "e"]);
    for id in &running {
        socket.subscribe(id, &long_document(id), variables.clone()).await;
    }
    let message = socket.receive().await;
    let refused = refused_for_its_size(&message, &message["payload"][0]);
    assert!(running.remove(refused.as_str()), "{refused}");
    let ended = running.pop_first().unwrap();
    socket.completes(ended).await;
    socket.subscribe("f", &long_document("f"), variables).await;
    running.insert("f");
    ann.creates_task(json!({ "title": "T" })).await;
    each_receives_an_event(&mut socket, running).await;
}

#[tokio::test]
async fn a_connection_with_more_operations_may_have_more_text() {
    let app = TestApp::start_with(&[("WEBSOCKET_MAX_OPERATIONS", "200")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let variables = json!({ "after": ann.event_cursor().await });
    let mut socket = served.socket_of(&ann).await;
    // Too long for a connection with 100 operations.
    let running = BTreeSet::from(["a", "b", "c", "d", "e"]);
    for id in &running {
        socket.subscribe(id, &long_document(id), variables.clone()).await;
    }
    ann.creates_task(json!({ "title": "T" })).await;
    each_receives_an_event(&mut socket, running).await;
}

#[tokio::test]
async fn variables_and_persisted_documents_count_in_the_size_of_operations() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    for id in ["a", "b", "c", "d", "e"] {
        socket
            .subscribe(id, EVENTS, json!({ "unused": "x".repeat(LONG) }))
            .await;
    }
    let message = socket.receive().await;
    refused_for_its_size(&message, &message["payload"][0]);

    let mut older = older(&served, &ann).await;
    let document = format!(
        "# {}\nquery Known {{ __typename }} subscription Watch {{ taskEvents {{ cursor }} }}",
        "x".repeat(LONG)
    );
    let hash = hex::encode(Sha256::digest(&document));
    let payload = json!({ "query": document, "operationName": "Known" });
    older
        .send_json(json!({ "type": "start", "id": "known", "payload": payload }))
        .await;
    assert_eq!(older.receive().await["type"], "data");
    assert_eq!(older.receive().await["type"], "complete");
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": hash } });
    let payload = json!({ "operationName": "Watch", "extensions": extensions });
    for id in ["a", "b", "c", "d", "e"] {
        older
            .send_json(json!({ "type": "start", "id": id, "payload": payload }))
            .await;
    }
    let message = older.receive().await;
    refused_for_its_size(&message, &message["payload"]);
}

#[tokio::test]
async fn a_server_refuses_connections_above_its_limit_before_they_open() {
    let app = TestApp::start_with(&[("LIVE_MAX_CONNECTIONS", "2")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let (_one, _two) = (served.socket_of(&ann).await, served.socket_of(&bob).await);
    let request = served.request(&[("sec-websocket-protocol", TRANSPORT)]);
    let (status, body) = served.connect(request).await.err().unwrap();
    assert_eq!(status, 503);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["errors"][0]["extensions"]["code"], "UNAVAILABLE");
}

#[tokio::test]
async fn each_user_has_a_connection_limit() {
    let app = TestApp::start_with(&[("LIVE_MAX_CONNECTIONS_PER_USER", "2")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let (mut one, _two) = (served.socket_of(&ann).await, served.socket_of(&ann).await);
    let mut third = served.socket(TRANSPORT).await;
    third.init(credentials(&ann)).await;
    assert_eq!(third.closed().await, (1013, "Too many connections".to_owned()));
    served.socket_of(&bob).await;
    for _ in 0..3 {
        served.introduced(json!({})).await;
    }
    one.answer("{ __typename }").await;
}

#[tokio::test]
async fn an_operation_over_a_socket_costs_points() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("GRAPHQL_POINTS_PER_MINUTE", "10")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    let cost = "{ rateLimit { cost } }";
    let cost = socket.answer(cost).await["rateLimit"]["cost"].as_u64().unwrap();
    for _ in 1..10 / cost {
        socket.answer("{ rateLimit { cost } }").await;
    }
    for query in [
        "{ rateLimit { cost } }",
        "subscription { taskEvents { cursor task { title } } }",
    ] {
        socket.subscribe("1", query, json!({})).await;
        assert_eq!(socket.error_code("1").await, "RATE_LIMITED");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_connects_only_if_the_settings_allow_it() {
    let app = TestApp::start_with(&[("CORS_ORIGINS", "https://app.example.com")]).await;
    let served = app.listen().await;
    let own = format!("http://{}", served.address);
    for (origin, is_welcome) in [
        (own.as_str(), true),
        ("https://app.example.com", true),
        ("https://evil.example.com", false),
        ("http://127.0.0.1:1", false),
        ("null", false),
    ] {
        let headers = [("sec-websocket-protocol", TRANSPORT), ("origin", origin)];
        let connected = served.connect(served.request(&headers)).await;
        match connected {
            Ok(_) => assert!(is_welcome, "{origin}"),
            Err((status, body)) => {
                assert!(!is_welcome, "{origin}");
                assert_eq!(status, 403, "{body}");
                assert!(body.contains(r#""code":"FORBIDDEN""#), "{body}");
            }
        }
    }
    let open = TestApp::start_with(&[("CORS_ORIGINS", "*")]).await;
    let served = open.listen().await;
    let headers = [
        ("sec-websocket-protocol", TRANSPORT),
        ("origin", "https://evil.example.com"),
    ];
    assert!(served.connect(served.request(&headers)).await.is_ok());
}

#[tokio::test]
async fn events_without_points_are_delayed_and_not_lost() {
    const TASKS: usize = 40;
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("GRAPHQL_POINTS_PER_MINUTE", "60")]).await;
    let ann = app.member().await;
    let server = app.listen().await;
    let mut socket = server.socket_of(&ann).await;
    // With a cursor, because the start of a subscription is not acknowledged.
    let watch = "subscription($after: String) { taskEvents(after: $after) { task { title } } }";
    let variables = json!({ "after": ann.event_cursor().await });
    socket.subscribe("1", watch, variables).await;
    for number in 0..TASKS {
        let task = json!({ "title": format!("Task {number}") });
        assert_eq!(ann.rest(Method::POST, "/tasks", task).await.status, 201);
    }
    let mut titles = Vec::new();
    drain(&mut socket, &mut titles).await;
    assert!(titles.len() < TASKS, "all events arrived without enough points");
    while titles.len() < TASKS {
        app.advance(TimeDelta::seconds(60));
        // At least one event arrives; it may take long on a busy machine.
        titles.push(socket.data("1").await["taskEvents"]["task"]["title"].clone());
        drain(&mut socket, &mut titles).await;
    }
    let expected: Vec<Value> = (0..TASKS).map(|number| json!(format!("Task {number}"))).collect();
    assert_eq!(titles, expected);
}

/// Collects the titles of events until none arrives for 4 s.
async fn drain(socket: &mut Socket, titles: &mut Vec<Value>) {
    while let Ok(data) = timeout(Duration::from_secs(4), socket.data("1")).await {
        titles.push(data["taskEvents"]["task"]["title"].clone());
    }
}

#[tokio::test]
async fn the_log_explains_a_development_proxy_that_replaces_the_host() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database)
        .with("CORS_ORIGINS", "https://app.example.com")
        .serve()
        .await;
    let request = server
        .request("", Method::GET, "/graphql")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("origin", "http://localhost:5173");
    assert_eq!(request.send().await.unwrap().status(), 403);
    server.until_logged("changeOrigin").await;
    let log = server.stop().await;
    let line = log.lines().find(|line| line.contains("changeOrigin")).unwrap();
    assert!(
        line.contains("http://localhost:5173") && line.contains("127.0.0.1:"),
        "{line}"
    );
}
