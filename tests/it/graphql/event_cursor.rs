//! Where the event log stands.

use serde_json::json;

use crate::support::TestApp;
use crate::support::person::{Person, global_id};
use crate::support::process::until;

async fn cursor(person: &Person<'_>) -> String {
    let answer = person.graphql("{ eventCursor }", json!({})).await;
    answer.data()["eventCursor"].as_str().unwrap().to_owned()
}

/// The cursor once it has moved on. Transactions of others hold it back on `PostgreSQL`, also those of
/// other databases.
async fn cursor_behind(person: &Person<'_>, past: &str) -> String {
    until("the log moves on", async || {
        Some(cursor(person).await).filter(|now| now != past)
    })
    .await
}

#[tokio::test]
async fn the_cursor_is_that_of_the_last_event() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let empty = cursor(&ann).await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let created = cursor_behind(&ann, &empty).await;
    assert_eq!(cursor(&ann).await, created);
    let query = "query($id: ID!, $after: String) { taskHistory(id: $id, after: $after) { nodes { cursor } } }";
    let answer = ann.graphql(query, json!({ "id": global_id("Task", task) })).await;
    assert_eq!(answer.at("/data/taskHistory/nodes/0/cursor"), &json!(created));
    // The place in an empty log is before all events.
    let answer = ann
        .graphql(query, json!({ "id": global_id("Task", task), "after": empty }))
        .await;
    assert_eq!(answer.at("/data/taskHistory/nodes/0/cursor"), &json!(created));
    // Also for somebody who does not see the task: the cursor tells nothing of it.
    assert_eq!(cursor(&app.member().await).await, created);
}

#[tokio::test]
async fn the_cursor_is_read_before_the_lists_of_its_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let empty = cursor(&ann).await;
    ann.creates_task(json!({ "title": "T" })).await;
    let created = cursor_behind(&ann, &empty).await;
    let before = app.app.domain().statements();
    let query = "query($first: Int!) { tasks(first: $first) { nodes { id } } ... on Query { ...place } }
                 fragment place on Query { eventCursor }";
    let answer = ann.graphql(query, json!({ "first": 1 })).await;
    assert_eq!(
        app.app.domain().statements() - before,
        3,
        "who asks, the cursor, the page"
    );
    assert_eq!(answer.data()["eventCursor"], json!(created));
}
