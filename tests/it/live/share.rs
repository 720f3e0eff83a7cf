//! Who asks the same of an event shares one answer, as far as they see the same, and no further.

use serde_json::{Value, json};

use super::cursor;
use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::socket::{Served, Socket};

/// What every receiver of an event sees alike.
const ALIKE: &str = "subscription($after: String) { taskEvents(after: $after) { task { title } actor { username } } }";
/// What depends on who asks.
const OWN: &str = "subscription($after: String) { taskEvents(after: $after) { actor { email } } }";

/// A socket that watches for all that happens behind a cursor.
async fn watching(server: &Served, person: &Person<'_>, query: &str, after: &str) -> Socket {
    let mut socket = server.socket_of(person).await;
    socket.subscribe("1", query, json!({ "after": after })).await;
    socket
}

/// What is answered to the next event: the event, and the code of an error in it.
async fn answer(socket: &mut Socket) -> (Value, Value) {
    let message = socket.receive().await;
    assert_eq!(message["type"], "next", "{message}");
    let payload = &message["payload"];
    (
        payload["data"]["taskEvents"].clone(),
        payload["errors"][0]["extensions"]["code"].clone(),
    )
}

#[tokio::test]
async fn an_answer_is_shared_by_those_who_see_the_same_and_by_nobody_else() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let server = app.listen().await;
    let start = cursor(&ann).await;
    let people = [&ann, &bob, &boss];
    let (mut alike, mut own) = (Vec::new(), Vec::new());
    // Twice each: the second gets what was made for the first.
    for person in people.iter().chain(&people) {
        alike.push(watching(&server, person, ALIKE, &start).await);
        own.push(watching(&server, person, OWN, &start).await);
    }
    ann.creates_task(json!({ "title": "Shared", "assigneeId": bob.global_id() }))
        .await;

    for socket in &mut alike {
        let event = json!({ "task": { "title": "Shared" }, "actor": { "username": ann.name } });
        assert_eq!(answer(socket).await, (event, Value::Null));
    }
    let address = json!(format!("{}@example.com", ann.name));
    for (number, socket) in own.iter_mut().enumerate() {
        let (event, error) = answer(socket).await;
        // The address is for oneself and administrators.
        let expected = if number % people.len() == 1 {
            &Value::Null
        } else {
            &address
        };
        assert_eq!(
            (&event["actor"]["email"], error),
            (expected, Value::Null),
            "socket {number}"
        );
    }
}
