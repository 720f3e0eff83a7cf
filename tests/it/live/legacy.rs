//! The older subprotocol `graphql-ws`, as specified by `PROTOCOL.md` of `subscriptions-transport-ws`.

use serde_json::{Value, json};

use super::EVENTS;
use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::socket::{LEGACY, Served, Socket};

pub async fn older(served: &Served, person: &Person<'_>) -> Socket {
    let mut socket = served.socket(LEGACY).await;
    socket.init(json!({ "authToken": person.access_token })).await;
    assert_eq!(socket.receive().await, json!({ "type": "connection_ack" }));
    assert_eq!(socket.receive().await, json!({ "type": "ka" }));
    socket
}

pub async fn start(socket: &mut Socket, id: &str, query: &str, variables: Value) {
    let payload = json!({ "query": query, "variables": variables, "operationName": null });
    socket
        .send_json(json!({ "type": "start", "id": id, "payload": payload }))
        .await;
}

async fn title(socket: &mut Socket, id: &str) -> Value {
    let message = socket.receive().await;
    assert_eq!(
        (&message["type"], &message["id"]),
        (&json!("data"), &json!(id)),
        "{message}"
    );
    message["payload"]["data"]["taskEvents"]["task"]["title"].clone()
}

#[tokio::test]
async fn operations_are_answered_with_the_older_message_types() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = older(&served, &ann).await;
    start(&mut socket, "1", "{ viewer { username } }", json!({})).await;
    let data = json!({ "viewer": { "username": ann.name } });
    assert_eq!(
        socket.receive().await,
        json!({ "type": "data", "id": "1", "payload": { "data": data } })
    );
    assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "1" }));
    start(&mut socket, "1", "{ viewr }", json!({})).await;
    let error = socket.receive().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("1")));
    assert_eq!(error["payload"]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn a_subscription_is_answered_until_it_is_stopped_or_its_id_taken() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let from = ann.event_cursor().await;
    let mut socket = older(&served, &ann).await;
    start(&mut socket, "1", EVENTS, json!({ "after": from })).await;
    ann.creates_task(json!({ "title": "One" })).await;
    assert_eq!(title(&mut socket, "1").await, "One");
    // A second operation with the same id replaces the first.
    start(&mut socket, "1", EVENTS, json!({ "after": from })).await;
    assert_eq!(title(&mut socket, "1").await, "One");
    socket.send_json(json!({ "type": "stop", "id": "1" })).await;
    start(&mut socket, "2", EVENTS, json!({ "after": from })).await;
    ann.creates_task(json!({ "title": "Two" })).await;
    for expected in ["One", "Two"] {
        assert_eq!(title(&mut socket, "2").await, expected);
    }
    socket.send_json(json!({ "type": "connection_terminate" })).await;
    assert_eq!(socket.closed().await.0, 1000);
}

#[tokio::test]
async fn the_server_sends_keep_alive_messages() {
    let app = TestApp::start_with(&[("WEBSOCKET_PING_INTERVAL_SECONDS", "1")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = older(&served, &ann).await;
    for _ in 0..2 {
        assert_eq!(socket.receive().await, json!({ "type": "ka" }));
    }
}

#[tokio::test]
async fn violations_of_the_protocol_close_the_connection() {
    let app = TestApp::start_with(&[("WEBSOCKET_INIT_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut silent = served.socket(LEGACY).await;
    let mut hasty = served.socket(LEGACY).await;
    start(&mut hasty, "1", "{ __typename }", json!({})).await;
    assert_eq!(hasty.closed().await.0, 4401);
    let mut twice = older(&served, &ann).await;
    twice.init(json!({})).await;
    assert_eq!(twice.closed().await.0, 4429);
    let mut newer = older(&served, &ann).await;
    newer.send_json(json!({ "type": "subscribe", "id": "1" })).await;
    assert_eq!(
        newer.closed().await,
        (4400, "Unexpected message of type subscribe received".to_owned())
    );
    assert_eq!(silent.closed().await.0, 4408);
}

#[tokio::test]
async fn a_numeric_id_equals_its_text() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let from = ann.event_cursor().await;
    let mut socket = older(&served, &ann).await;
    let begin = async |socket: &mut Socket, id: Value, query: &str| {
        let payload = json!({ "query": query, "operationName": "", "variables": { "after": from } });
        socket
            .send_json(json!({ "type": "start", "id": id, "payload": payload }))
            .await;
    };
    for id in [
        json!(0),
        json!(1),
        json!(-7),
        json!(9_007_199_254_740_993_i64),
        json!(1.5),
    ] {
        begin(&mut socket, id.clone(), "{ __typename }").await;
        let answer = socket.receive().await;
        let text = id.to_string();
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("data"), &json!(text)),
            "{answer}"
        );
        assert_eq!(socket.receive().await, json!({ "type": "complete", "id": text }));
    }
    // A number and its text are the same id.
    for (started, stopped) in [(json!(2), json!("2")), (json!("3"), json!(3)), (json!(4), json!(4))] {
        begin(&mut socket, started, EVENTS).await;
        socket.send_json(json!({ "type": "stop", "id": stopped })).await;
    }
    // The server handles messages in order, so the earlier ones were handled.
    begin(&mut socket, json!("last"), "{ __typename }").await;
    assert_eq!(socket.receive().await["type"], "data");
    assert_eq!(socket.receive().await["type"], "complete");
    begin(&mut socket, json!(5), EVENTS).await;
    ann.creates_task(json!({ "title": "One" })).await;
    assert_eq!(title(&mut socket, "5").await, "One");
    for id in [json!(null), json!(true), json!([1]), json!({ "id": 1 }), json!("")] {
        let mut socket = older(&served, &ann).await;
        begin(&mut socket, id.clone(), "{ __typename }").await;
        let reason = "start: id must be a string that is not empty, or a number".to_owned();
        assert_eq!(socket.closed().await, (4400, reason), "{id}");
    }
}
