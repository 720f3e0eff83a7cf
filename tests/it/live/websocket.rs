//! The subprotocol `graphql-transport-ws`, as specified by its `PROTOCOL.md`.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::{event, watch};
use crate::support::TestApp;
use crate::support::socket::{Served, Socket, TRANSPORT};

/// The close code and reason after a message.
async fn closed_on(mut socket: Socket, message: Message) -> (u16, String) {
    socket.send(message).await;
    socket.closed().await
}

async fn refusal(served: &Served, message: &str) -> String {
    let socket = served.introduced(json!({})).await;
    let (code, reason) = closed_on(socket, Message::text(message)).await;
    assert_eq!(code, 4400, "{message}: {reason}");
    reason
}

#[tokio::test]
async fn an_invalid_message_closes_with_4400_and_the_reason() {
    let app = TestApp::start().await;
    let served = app.listen().await;
    for (message, reason) in [
        ("", "A message is a JSON object"),
        ("[]", "A message is a JSON object"),
        (
            "{",
            "The message is not JSON: EOF while parsing an object at line 1 column 1",
        ),
        ("{}", "The message has no type"),
        (r#"{"type": 5}"#, "type must be a string"),
        (
            r#"{"type": "start", "id": "1"}"#,
            "Unexpected message of type start received",
        ),
        (
            r#"{"type": "next", "id": "1"}"#,
            "Unexpected message of type next received",
        ),
        (r#"{"type": "ping", "payload": 5}"#, "ping: payload must be an object"),
        (
            r#"{"type": "subscribe"}"#,
            "subscribe: id must be a string that is not empty",
        ),
        (
            r#"{"type": "subscribe", "id": ""}"#,
            "subscribe: id must be a string that is not empty",
        ),
        (
            r#"{"type": "subscribe", "id": 1}"#,
            "subscribe: id must be a string that is not empty",
        ),
        (
            r#"{"type": "subscribe", "id": "1"}"#,
            "subscribe: payload must be an object",
        ),
        (
            r#"{"type": "subscribe", "id": "1", "payload": []}"#,
            "subscribe: payload must be an object",
        ),
        (
            r#"{"type": "subscribe", "id": "1", "payload": {}}"#,
            "subscribe: payload.query must be a string",
        ),
        (
            r#"{"type": "subscribe", "id": "1", "payload": {"query": 5}}"#,
            "subscribe: payload: invalid type: integer `5`, expected a string at line 1 column 11",
        ),
        (
            r#"{"type": "complete"}"#,
            "complete: id must be a string that is not empty",
        ),
    ] {
        assert_eq!(refusal(&served, message).await, reason, "{message}");
    }
    let long = json!({ "type": "é".repeat(100) }).to_string();
    assert!(
        refusal(&served, &long)
            .await
            .starts_with("Unexpected message of type éé")
    );
    let socket = served.introduced(json!({})).await;
    let (code, _) = closed_on(socket, Message::binary(b"{}".as_slice())).await;
    assert_eq!(code, 4400);
}

#[tokio::test]
async fn messages_out_of_order_close_with_their_code() {
    let app = TestApp::start_with(&[("WEBSOCKET_INIT_TIMEOUT_SECONDS", "1")]).await;
    let served = app.listen().await;

    let mut silent = served.socket(TRANSPORT).await;
    let mut hasty = served.socket(TRANSPORT).await;
    hasty.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(hasty.closed().await, (4401, "Unauthorized".to_owned()));

    let mut twice = served.introduced(json!({})).await;
    twice.init(json!({})).await;
    assert_eq!(
        twice.closed().await,
        (4429, "Too many initialisation requests".to_owned())
    );

    let ann = app.member().await;
    let mut same = served.socket_of(&ann).await;
    let start = ann.event_cursor().await;
    watch(&mut same, "a", &start).await;
    watch(&mut same, "a", &start).await;
    assert_eq!(
        same.closed().await,
        (4409, "Subscriber for a already exists".to_owned())
    );

    assert_eq!(
        silent.closed().await,
        (4408, "Connection initialisation timeout".to_owned())
    );
}

#[tokio::test]
async fn an_unknown_subprotocol_closes_with_4406() {
    let app = TestApp::start().await;
    let served = app.listen().await;
    let mut socket = served.connect(served.request(&[])).await.unwrap();
    assert_eq!(socket.closed().await, (4406, "Subprotocol not acceptable".to_owned()));
    // The newer subprotocol is selected, in whatever order the client offers them.
    let both = served.request(&[("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")]);
    let mut socket = served.connect(both).await.unwrap();
    socket.init(Value::Null).await;
    socket.send_json(json!({ "type": "ping" })).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    assert_eq!(socket.receive().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn a_ping_is_answered_with_its_payload_at_any_time() {
    let app = TestApp::start().await;
    let served = app.listen().await;
    let mut socket = served.socket(TRANSPORT).await;
    for payload in [json!({ "a": [1, "ü"] }), Value::Null] {
        socket.send_json(json!({ "type": "ping", "payload": payload })).await;
        let pong = socket.receive().await;
        assert_eq!((&pong["type"], &pong["payload"]), (&json!("pong"), &payload));
        socket.send_json(json!({ "type": "pong", "payload": payload })).await;
    }
    socket.send(Message::Ping(b"frame".as_slice().into())).await;
    assert_eq!(socket.next().await, Message::Pong(b"frame".as_slice().into()));
    socket.init(json!({})).await;
    assert_eq!(socket.receive().await["type"], "connection_ack");
}

#[tokio::test]
async fn queries_and_mutations_are_answered_once_and_completed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    assert_eq!(
        socket.answer("{ viewer { username } }").await,
        json!({ "viewer": { "username": ann.name } })
    );
    let mutation = r#"mutation { taskCreate(input: {title: "T"}) { task { title } userErrors { code } } }"#;
    assert_eq!(
        socket.answer(mutation).await,
        json!({ "taskCreate": { "task": { "title": "T" }, "userErrors": [] } })
    );
    // The id can be reused after completion, and fields are in the order of the document.
    socket
        .send_json(json!({ "type": "subscribe", "id": "answer", "payload": {
        "query": "query A { a: __typename } query B { z: __typename b: __typename }", "operationName": "B" } }))
        .await;
    let Message::Text(text) = socket.next().await else {
        panic!("an answer is text")
    };
    assert_eq!(
        text.as_str(),
        r#"{"type":"next","id":"answer","payload":{"data":{"z":"Query","b":"Query"}}}"#
    );
    // An error of a field is part of the result.
    assert_eq!(socket.receive().await["type"], "complete");
    socket
        .subscribe("f", r#"{ user(id: "no such id") { id } }"#, json!({}))
        .await;
    let answer = socket.receive().await;
    assert_eq!(answer["type"], "next");
    assert_eq!(answer["payload"]["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
    assert_eq!(answer["payload"]["data"], json!({ "user": null }));
}

#[tokio::test]
async fn an_operation_that_cannot_run_ends_with_an_error_message_and_the_connection_stays() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    for (query, code) in [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ viewr }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { taskEvents(after: \"x\") { cursor } }", "BAD_USER_INPUT"),
        (
            "subscription { taskStatusChanged(taskId: \"x\") { cursor } }",
            "BAD_USER_INPUT",
        ),
        ("query($id: ID!) { node(id: $id) { id } }", "BAD_USER_INPUT"),
    ] {
        socket.subscribe("1", query, json!({})).await;
        assert_eq!(socket.error_code("1").await, code, "{query}");
    }
    let persisted = json!({ "persistedQuery": { "version": 1, "sha256Hash": "0".repeat(64) } });
    socket
        .send_json(json!({ "type": "subscribe", "id": "1", "payload": { "extensions": persisted } }))
        .await;
    assert_eq!(socket.error_code("1").await, "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(socket.answer("{ __typename }").await, json!({ "__typename": "Query" }));
}

#[tokio::test]
async fn after_complete_no_message_has_that_id() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "a", &start).await;
    watch(&mut socket, "b", &start).await;
    ann.creates_task(json!({ "title": "One" })).await;
    let mut heard = [socket.receive().await, socket.receive().await].map(|message| message["id"].clone());
    heard.sort_by_key(ToString::to_string);
    assert_eq!(heard, ["a", "b"]);
    socket.completes("a").await;
    ann.creates_task(json!({ "title": "Two" })).await;
    ann.creates_task(json!({ "title": "Three" })).await;
    for title in ["Two", "Three"] {
        assert_eq!(event(&mut socket, "b").await, ("CREATED".to_owned(), json!(title)));
    }
    // An unknown id is ignored.
    socket.send_json(json!({ "type": "complete", "id": "zzz" })).await;
    watch(&mut socket, "a", &start).await;
    assert_eq!(event(&mut socket, "a").await.1, "One");
}
