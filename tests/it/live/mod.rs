//! What clients hear of while they stay connected.

mod cluster;
mod delivery;
mod drain;
mod ending;
mod identity;
mod legacy;
mod limits;
mod message;
mod metrics;
mod notification;
mod present;
mod share;
mod websocket;
mod write_cursor;

use serde_json::{Value, json};

use crate::support::person::Person;
use crate::support::socket::Socket;

/// Every event that its watcher sees, from a cursor on.
const EVENTS: &str = "subscription($after: String, $filter: TaskEventFilter) {
    taskEvents(after: $after, filter: $filter) { cursor type taskId snapshot { version title } task { title status version } } }";

/// Where the log stands.
async fn cursor(person: &Person<'_>) -> String {
    let answer = person.graphql("{ eventCursor }", json!({})).await;
    answer.data()["eventCursor"].as_str().unwrap().to_owned()
}

/// Watches everything that happens behind a cursor. The start of an empty log makes a test's events all there
/// is to come, whenever the subscription begins.
async fn watch(socket: &mut Socket, id: &str, after: &str) {
    socket.subscribe(id, EVENTS, json!({ "after": after })).await;
}

/// The next event: its type and the title that it left.
async fn event(socket: &mut Socket, id: &str) -> (String, Value) {
    let data = socket.data(id).await;
    let event = &data["taskEvents"];
    (
        event["type"].as_str().unwrap().to_owned(),
        event["snapshot"]["title"].clone(),
    )
}
