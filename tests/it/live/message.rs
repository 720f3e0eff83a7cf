//! JSON of messages in both subprotocols: members that count as absent, and messages that are refused.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::support::TestApp;
use crate::support::socket::{LEGACY, Served, Socket, TRANSPORT, credentials};

const PROTOCOLS: [(&str, &str); 2] = [(TRANSPORT, "subscribe"), (LEGACY, "start")];

/// An acknowledged socket.
async fn introduced(served: &Served, protocol: &str, payload: Value) -> Socket {
    let mut socket = served.socket(protocol).await;
    socket.init(payload).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    if protocol == LEGACY {
        assert_eq!(socket.receive().await, json!({ "type": "ka" }));
    }
    socket
}

/// The close code and reason after a message.
async fn closed_on(mut socket: Socket, message: &str) -> (u16, String) {
    socket.try_send(Message::text(message)).await;
    socket.closed().await
}

#[tokio::test]
async fn an_empty_operation_name_and_members_that_are_null_count_as_absent() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    for (protocol, start) in PROTOCOLS {
        let mut socket = introduced(&served, protocol, credentials(&ann)).await;
        for (member, value) in [
            ("operationName", json!("")),
            ("operationName", Value::Null),
            ("variables", Value::Null),
            ("extensions", Value::Null),
        ] {
            let payload = json!({ "query": "query A { __typename }", member: value });
            socket
                .send_json(json!({ "type": start, "id": "1", "payload": payload }))
                .await;
            let answer = socket.receive().await;
            assert_eq!(
                answer["payload"],
                json!({ "data": { "__typename": "Query" } }),
                "{member}: {value}"
            );
            assert_eq!(socket.receive().await["type"], "complete");
        }
        let watch = "subscription A { taskEvents(after: \"x\") { type } }";
        let payload = json!({ "query": watch, "operationName": "" });
        socket
            .send_json(json!({ "type": start, "id": "1", "payload": payload }))
            .await;
        let refusal = socket.receive().await.to_string();
        assert!(refusal.contains("after is not the cursor"), "{refusal}");
    }
}

#[tokio::test]
async fn text_after_the_json_and_duplicate_members_are_refused() {
    let app = TestApp::start().await;
    let served = app.listen().await;
    for (protocol, start) in PROTOCOLS {
        let good = json!({ "type": start, "id": "1", "payload": { "query": "{ __typename }" } }).to_string();
        for (message, reason) in [
            (format!("{good} x"), "trailing characters"),
            (format!("{good}{good}"), "trailing characters"),
            (format!("{good},"), "trailing characters"),
            (
                good.replacen("\"id\"", "\"id\": \"2\", \"id\"", 1),
                "duplicate field `id`",
            ),
            (
                good.replacen("\"query\"", "\"query\": \"{ viewer { id } }\", \"query\"", 1),
                "duplicate field `query`",
            ),
            (
                good.replacen("\"payload\"", "\"payload\": {}, \"payload\"", 1),
                "duplicate field `payload`",
            ),
        ] {
            let socket = introduced(&served, protocol, json!({})).await;
            let (code, found) = closed_on(socket, &message).await;
            assert_eq!(code, 4400, "{message}: {found}");
            assert!(found.contains(reason), "{message}: {found}");
        }
    }
}

#[tokio::test]
async fn a_deeply_nested_message_closes_with_4400() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let nested = |depth: usize| {
        [
            "[".repeat(depth),
            r#"{"a":"#.repeat(depth),
            format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
            format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)),
        ]
    };
    for (protocol, start) in PROTOCOLS {
        for depth in [100, 10_000] {
            for json in nested(depth) {
                for (message, depth) in [
                    (json.clone(), depth),
                    (
                        format!(r#"{{"type": "{start}", "id": "1", "payload": {json}}}"#),
                        depth + 1,
                    ),
                    (
                        format!(
                            r#"{{"type": "{start}", "id": "1", "payload": {{"query": "{{ __typename }}", "variables": {json}}}}}"#
                        ),
                        depth + 2,
                    ),
                    (format!(r#"{{"type": "{start}", "id": {json}}}"#), depth + 1),
                    (format!(r#"{{"type": "ping", "payload": {json}}}"#), depth + 1),
                    (format!(r#"{{"type": {json}}}"#), depth + 1),
                    (format!(r#"{{"type": "ping", "more": {json}}}"#), depth + 1),
                ] {
                    let socket = introduced(&served, protocol, credentials(&ann)).await;
                    let reason = format!("The message is nested {depth} levels deep; up to 64 are allowed");
                    assert_eq!(closed_on(socket, &message).await, (4400, reason));
                }
                let socket = served.socket(protocol).await;
                let message = format!(r#"{{"type": "connection_init", "payload": {{"token": {json}}}}}"#);
                assert_eq!(closed_on(socket, &message).await.0, 4400);
            }
        }
    }
    let mut socket = introduced(&served, TRANSPORT, credentials(&ann)).await;
    assert_eq!(socket.answer("{ __typename }").await, json!({ "__typename": "Query" }));
    // JSON inside of a token is not part of the message.
    for json in nested(2_000) {
        use base64::Engine as _;

        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
        let mut socket = served.socket(TRANSPORT).await;
        socket.init(json!({ "token": format!("{text}.{text}.{text}") })).await;
        assert_eq!(
            socket.closed().await,
            (4403, "The access token is not valid".to_owned())
        );
    }
}

#[tokio::test]
async fn an_invalid_date_is_reported_as_over_http() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    for (protocol, start) in PROTOCOLS {
        let mut socket = introduced(&served, protocol, credentials(&ann)).await;
        for (query, expected) in [
            (
                "mutation { taskCreate(input: {title: \"T\", dueDate: \"2026-13-01\"}) { userErrors { code field } } }",
                r#""userErrors":[{"code":"INVALID","field":["input","dueDate"]}]"#,
            ),
            (
                "{ tasks(filter: {dueDate: {gte: \"2026-13-01\"}}) { totalCount } }",
                "filter.dueDate.gte: '2026-13-01' is not a date and time; use RFC 3339, such as 2026-12-01T12:00:00Z, or a date, such as 2026-12-01",
            ),
        ] {
            socket
                .send_json(json!({ "type": start, "id": "1", "payload": { "query": query } }))
                .await;
            let answer = socket.receive().await.to_string();
            assert!(answer.contains(expected), "{answer}");
            assert_eq!(socket.receive().await["type"], "complete");
        }
    }
}
