//! Cursors of lists: each one that the server returns can be used, and no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::TestApp;

const LIST: &str = "query($after: String, $order: [TaskOrder!]) {
    tasks(first: 1, after: $after, orderBy: $order) { nodes { databaseId } pageInfo { endCursor } } }";

#[tokio::test]
async fn a_cursor_with_a_time_that_no_row_can_have_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({ "title": "T" })).await;
    // Before and after the years of both databases, in microseconds.
    for time in [-300_000_000_000_000_000_i64, 300_000_000_000_000_000] {
        let after = URL_SAFE_NO_PAD.encode(json!(["created-", [time], 1]).to_string());
        let answer = ann.graphql(LIST, json!({ "after": after })).await;
        assert_eq!(answer.error_code(), "BAD_USER_INPUT", "{}", answer.text);
        assert!(
            answer.error_message().starts_with("after is not a cursor"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_cursor_of_the_longest_titles_can_be_used_in_any_order() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut created = Vec::new();
    for _ in 0..2 {
        created.push(ann.creates_task(json!({ "title": "🦀".repeat(255) })).await);
    }
    for keys in 1..=5 {
        let order: Vec<Value> = vec![json!({ "field": "TITLE" }); keys];
        let mut after = Value::Null;
        for id in &created {
            let answer = ann.graphql(LIST, json!({ "after": after, "order": order })).await;
            let page = &answer.data()["tasks"];
            assert_eq!(page["nodes"], json!([{ "databaseId": id }]), "{keys} sort keys");
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}
