//! `eventCursor`: the current position of the event log.

use serde_json::json;

use crate::support::TestApp;
use crate::support::person::{Person, global_id};
use crate::support::process::until;

/// Waits for a later cursor. On `PostgreSQL`, open transactions of any database delay it.
async fn cursor_after(person: &Person<'_>, past: &str) -> String {
    until("the log to advance", async || {
        Some(person.event_cursor().await).filter(|now| now != past)
    })
    .await
}

#[tokio::test]
async fn the_cursor_is_that_of_the_last_event() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let empty = ann.event_cursor().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let created = cursor_after(&ann, &empty).await;
    assert_eq!(ann.event_cursor().await, created);
    let query = "query($id: ID!, $after: String) { taskHistory(id: $id, after: $after) { nodes { cursor } } }";
    let answer = ann.graphql(query, json!({ "id": global_id("Task", task) })).await;
    assert_eq!(answer.at("/data/taskHistory/nodes/0/cursor"), &json!(created));
    // The cursor of an empty log is before all events.
    let answer = ann
        .graphql(query, json!({ "id": global_id("Task", task), "after": empty }))
        .await;
    assert_eq!(answer.at("/data/taskHistory/nodes/0/cursor"), &json!(created));
    // The cursor is the same for users who cannot see the task.
    assert_eq!(app.member().await.event_cursor().await, created);
}

#[tokio::test]
async fn the_cursor_is_read_before_the_lists_of_its_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let empty = ann.event_cursor().await;
    ann.creates_task(json!({ "title": "T" })).await;
    let created = cursor_after(&ann, &empty).await;
    let before = app.app.domain().statements();
    let query = "query($first: Int!) { tasks(first: $first) { nodes { id } } ... on Query { ...place } }
                 fragment place on Query { eventCursor }";
    let answer = ann.graphql(query, json!({ "first": 1 })).await;
    assert_eq!(
        app.app.domain().statements() - before,
        3,
        "the session, the cursor, the page"
    );
    assert_eq!(answer.data()["eventCursor"], json!(created));
}
