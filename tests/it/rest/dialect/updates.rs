//! Partial updates in all dialects: each field, and null.

use axum::http::Method;
use serde_json::{Value, json};

use super::{APIS, create_tasks, send_in};
use crate::support::TestApp;

/// A changed field: name, sent value, value in the response.
type Change = (&'static str, Value, Value);

fn changes(dialect: &str) -> (Method, Vec<Change>) {
    let same = |name, value: Value| (name, value.clone(), value);
    match dialect {
        "skip-limit" => (
            Method::PUT,
            vec![
                same("title", json!("N")),
                same("description", json!("E")),
                ("description", Value::Null, json!("E")),
                same("status", json!("done")),
            ],
        ),
        "accounts" => (
            Method::PUT,
            vec![same("title", json!("N")), same("description", Value::Null)],
        ),
        "due-dates" => (
            Method::PUT,
            vec![
                same("title", json!("N")),
                same("description", Value::Null),
                same("priority", json!("urgent")),
                same("status", json!("cancelled")),
                ("due_date", json!("2026-03-01"), json!("2026-03-01T00:00:00Z")),
                same("due_date", Value::Null),
            ],
        ),
        "tags-files" => (
            Method::PATCH,
            vec![
                same("title", json!("N")),
                same("description", Value::Null),
                same("priority", json!("low")),
                same("due_date", json!("2026-03-01")),
                ("tags", json!(["B", "a", "b"]), json!(["a", "b"])),
                ("completed", json!("yes"), json!(true)),
            ],
        ),
        "workflow" => (
            Method::PATCH,
            vec![
                same("title", json!("N")),
                same("description", json!("E")),
                ("description", Value::Null, json!("E")),
                same("priority", json!("urgent")),
            ],
        ),
        other => panic!("{other} is no dialect of this test"),
    }
}

#[tokio::test]
async fn an_update_changes_only_the_field_that_it_has() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let new = json!({ "title": "T", "description": "D", "priority": "high", "tags": ["x"] });
    for dialect in APIS {
        let created = create_tasks(&app, &ann, "/tasks", std::slice::from_ref(&new)).await;
        let path = format!("/tasks/{}", created[0]["id"]);
        let mut expected = send_in(dialect, &ann, Method::GET, &path, Value::Null, 200).await.body;
        let (method, changes) = changes(dialect);
        for (name, sent, shown) in changes {
            expected[name] = shown;
            let changed = send_in(dialect, &ann, method.clone(), &path, json!({ name: sent }), 200).await;
            for field in [name, "title", "description", "priority", "due_date", "tags"] {
                assert_eq!(
                    changed.body[field], expected[field],
                    "{dialect}: {field} after {sent} in {name}"
                );
            }
        }
    }
}
