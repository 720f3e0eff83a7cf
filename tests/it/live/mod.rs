//! Live delivery over WebSockets.

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
mod stalled;
mod websocket;
mod write_cursor;

use serde_json::{Value, json};

use crate::support::socket::Socket;

const EVENTS: &str = "subscription($after: String, $filter: TaskEventFilter) {
    taskEvents(after: $after, filter: $filter) { cursor type taskId snapshot { version title } task { title status version } } }";

/// Subscribes to all events after a cursor. With the cursor of an empty log, a test receives all its events, whenever
/// the subscription starts.
async fn watch(socket: &mut Socket, id: &str, after: &str) {
    socket.subscribe(id, EVENTS, json!({ "after": after })).await;
}

/// Type and resulting title of the next event.
async fn event(socket: &mut Socket, id: &str) -> (String, Value) {
    let data = socket.data(id).await;
    let event = &data["taskEvents"];
    (
        event["type"].as_str().unwrap().to_owned(),
        event["snapshot"]["title"].clone(),
    )
}
