//! Requests without options in all dialects: rows and order of a list, fields of a new task.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_tasks, send_in, titles};
use crate::support::TestApp;

#[tokio::test]
async fn a_list_has_a_default_and_a_maximum_of_rows() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let tasks: Vec<Value> = (0..101).map(|n| json!({ "title": format!("T{n:03}") })).collect();
    create_tasks(&app, &ann, "/tasks", &tasks).await;
    for (dialect, rows, parameter, default) in [
        ("skip-limit", "/tasks", "limit", 10),
        ("accounts", "/tasks", "limit", 100),
        ("due-dates", "/tasks", "limit", 10),
        ("due-dates-bare", "", "limit", 100),
        ("tags-files", "", "limit", 100),
        ("tags-files-paged", "/tasks", "limit", 100),
        ("workflow", "/items", "per_page", 20),
    ] {
        for (query, count) in [(String::new(), default), (format!("?{parameter}=100"), 100)] {
            let path = format!("/tasks{query}");
            let list = send_in(dialect, &ann, Method::GET, &path, Value::Null, 200).await;
            assert_eq!(list.at(rows).as_array().unwrap().len(), count, "{dialect}: {path}");
        }
        let status = if dialect == "accounts" { 200 } else { 422 };
        let path = format!("/tasks?{parameter}=101");
        send_in(dialect, &ann, Method::GET, &path, Value::Null, status).await;
    }
}

#[tokio::test]
async fn a_list_has_the_order_of_the_old_api() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let tasks = ["A", "B", "C"].map(|title| json!({ "title": title }));
    create_tasks(&app, &ann, "/tasks", &tasks).await;
    for (dialect, rows, query, order) in [
        ("skip-limit", "/tasks", "", "C,B,A"),
        ("skip-limit", "/tasks", "sort_by=created_at", "C,B,A"),
        ("skip-limit", "/tasks", "sort_by=-created_at", "A,B,C"),
        ("accounts", "/tasks", "", "A,B,C"),
        ("due-dates", "/tasks", "", "C,B,A"),
        ("due-dates-bare", "", "", "C,B,A"),
        ("tags-files", "", "", "A,B,C"),
        ("tags-files", "", "sort_by=id", "A,B,C"),
        ("tags-files", "", "sort_by=id&sort_order=desc", "C,B,A"),
        ("tags-files", "", "sort_order=desc", "A,B,C"),
        ("tags-files", "", "sort_by=created_at", "A,B,C"),
        ("tags-files-paged", "/tasks", "", "A,B,C"),
        ("workflow", "/items", "", "C,B,A"),
    ] {
        let path = format!("/tasks?{query}");
        let list = send_in(dialect, &ann, Method::GET, &path, Value::Null, 200).await;
        assert_eq!(titles(list.at(rows)), order, "{dialect}: {path}");
    }
}

#[tokio::test]
async fn a_new_task_has_the_defaults_of_the_old_api() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (dialect, expected) in [
        ("skip-limit", json!({ "status": "todo", "description": null })),
        ("accounts", json!({ "description": "" })),
        (
            "due-dates",
            json!({ "status": "pending", "priority": "medium", "description": null, "due_date": null }),
        ),
        (
            "tags-files",
            json!({ "completed": false, "priority": "medium", "tags": [], "description": null, "due_date": null }),
        ),
        (
            "workflow",
            json!({ "status": "todo", "priority": "medium", "assignee_id": null, "description": null }),
        ),
    ] {
        let task = send_in(dialect, &ann, Method::POST, "/tasks", json!({ "title": "T" }), 201).await;
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&task.body[name], value, "{dialect}: {name}");
        }
    }
}

#[tokio::test]
async fn a_due_date_without_a_zone_is_in_utc() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for due in [
        "2026-01-31T10:00:00Z",
        "2026-01-31T10:00:00",
        "2026-01-31T10:00:00.000000",
        "2026-01-31T11:00:00+01:00",
    ] {
        let new = json!({ "title": "T", "due_date": due });
        let task = send_in("due-dates", &ann, Method::POST, "/tasks/", new, 201).await;
        assert_eq!(task.at("/due_date"), "2026-01-31T10:00:00Z", "{due}");
    }
}
