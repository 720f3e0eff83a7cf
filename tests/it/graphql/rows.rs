//! Rows written directly as JSON equal rows resolved by the library. One asynchronous field selects the latter.

use serde_json::{Value, json};

use crate::noun::{self, Ids};
use crate::support::TestApp;
use crate::support::person::Person;

/// Replaces the names of types in a query by their fields.
fn expanded(query: &str) -> String {
    let mut types = noun::ALL.iter().filter_map(|noun| noun.rows);
    match types.find(|rows| query.contains(rows.name)) {
        Some(rows) => expanded(&query.replace(rows.name, rows.fields)),
        None => query.to_owned(),
    }
}

/// Removes the asynchronous fields.
fn without_waits(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("waits");
            fields
                .values_mut()
                .for_each(|field| *field = without_waits(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_waits(item.take())),
        _ => {}
    }
    value
}

async fn fills(app: &TestApp) -> (Person<'_>, Person<'_>) {
    let (ann, bob) = (app.member().await, app.member().await);
    let whole = ann
        .creates_task(json!({
            "title": "\"Quoted\" \\ ä\u{1F600}\n", "description": "Line\u{2028}x", "priority": "URGENT",
            "dueDate": "2026-01-02T03:04:05.678Z", "tags": ["a", "b"], "assigneeId": bob.global_id(), "clientKey": "k",
        }))
        .await;
    ann.creates_task(json!({ "title": "Bare" })).await;
    bob.creates_task(json!({ "title": "Day", "dueOn": "2026-01-02", "assigneeId": ann.global_id() }))
        .await;
    ann.keeps(Some(whole), "note.txt", b"Hello").await;
    ann.changes_task("taskUpdate", whole, ", input: {status: DONE, description: null}")
        .await;
    (ann, bob)
}

#[tokio::test]
async fn rows_written_as_json_equal_rows_resolved_by_the_library() {
    let app = TestApp::start().await;
    let (ann, bob) = fills(&app).await;
    let admin = app.admin().await;
    Ids::create(noun::ALL, &ann, &bob).await;
    let queries = noun::ALL
        .iter()
        .filter_map(|noun| noun.rows)
        .flat_map(|rows| rows.queries);
    for (query, waits) in queries {
        let selection = expanded(query);
        for person in [&ann, &bob, &admin] {
            let at_once = person
                .graphql(&format!("{{ {} }}", selection.replace('@', "")), json!({}))
                .await;
            let resolved = person
                .graphql(&format!("{{ {} }}", selection.replace('@', waits)), json!({}))
                .await;
            assert_eq!(
                at_once.data(),
                &without_waits(resolved.data().clone()),
                "{query} of {}",
                person.name
            );
        }
    }
}
