//! Permissions in all dialects: tasks of other users do not exist, and administrators see everything.

use axum::http::Method;
use serde_json::{Value, json};

use super::{APIS, create_tasks, expect_members, send_in};
use crate::support::TestApp;
use crate::support::person::Person;

async fn create_task(app: &TestApp, person: &Person<'_>) -> Value {
    create_tasks(app, person, "/tasks", &[json!({ "title": "T" })]).await[0]["id"].clone()
}

#[tokio::test]
async fn a_task_of_another_user_does_not_exist() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let path = format!("/tasks/{}", create_task(&app, &ann).await);
    for dialect in APIS {
        for (method, below, body) in [
            (Method::GET, "", Value::Null),
            (Method::PATCH, "", json!({ "title": "x" })),
            (Method::DELETE, "", Value::Null),
            (Method::DELETE, "/force", Value::Null),
            (Method::POST, "/assign", json!({ "assignee_id": null })),
            (Method::POST, "/transition", json!({ "target_status": "done" })),
            (Method::POST, "/tags", json!(["a"])),
            (Method::DELETE, "/tags/a", Value::Null),
            (Method::GET, "/files", Value::Null),
        ] {
            let path = format!("{path}{below}");
            let answer = send_in(dialect, &bob, method, &path, body, 404).await;
            expect_members(&answer.body, "detail:text");
        }
        let task = send_in(dialect, &boss, Method::GET, &path, Value::Null, 200).await;
        assert_eq!(task.at("/title"), "T", "{dialect}");
    }
}

#[tokio::test]
async fn an_administrator_changes_and_deletes_tasks_of_others_in_accounts() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let path = format!("/tasks/{}", create_task(&app, &ann).await);
    let change = json!({ "title": "Changed" });
    let changed = send_in("accounts", &boss, Method::PUT, &path, change, 200).await;
    assert_eq!(changed.at("/title"), "Changed");
    send_in("accounts", &boss, Method::DELETE, &path, Value::Null, 204).await;
    send_in("accounts", &ann, Method::GET, &path, Value::Null, 404).await;
}

#[tokio::test]
async fn what_a_user_may_not_do_is_a_403() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (dialect, pointer, error) in [
        ("skip-limit", "/error/code", "FORBIDDEN"),
        ("accounts", "/error/code", "FORBIDDEN"),
        ("due-dates", "/error/code", "FORBIDDEN"),
        ("tags-files", "/error", "Unauthorized Access"),
        ("tags-files-paged", "/error", "Unauthorized Access"),
        ("workflow", "/error/code", "FORBIDDEN"),
    ] {
        let answer = send_in(dialect, &ann, Method::GET, "/tasks/admin/all", Value::Null, 403).await;
        assert_eq!(answer.at(pointer), error, "{dialect}");
        expect_members(&answer.body, "detail:text");
        if pointer == "/error" {
            expect_members(&answer.body, "message:text");
        }
    }
}

#[tokio::test]
async fn an_assignee_of_workflow_may_not_assign_to_others() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let path = format!("/tasks/{}/assign", create_task(&app, &ann).await);
    let to = |user: &Person<'_>| json!({ "assignee_id": user.id });
    send_in("workflow", &ann, Method::POST, &path, to(&bob), 200).await;
    let answer = send_in("workflow", &bob, Method::POST, &path, to(&ann), 403).await;
    assert_eq!(answer.at("/error/code"), "FORBIDDEN");
}

#[tokio::test]
async fn a_bulk_change_of_workflow_counts_each_task_once_and_hides_those_of_others() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let (own, other) = (create_task(&app, &ann).await, create_task(&app, &bob).await);
    let body = json!({ "task_ids": [own, own, other], "target_status": "in_progress" });
    let answer = send_in("workflow", &ann, Method::POST, "/tasks/bulk-status", body, 200).await;
    let counts = ["total", "successful", "failed"].map(|name| answer.body[name].clone());
    assert_eq!(counts, [2, 1, 1].map(Value::from));
    assert_eq!(answer.at("/results/1/error"), &json!(format!("Task {other} not found")));
}

#[tokio::test]
async fn statistics_count_the_tasks_that_the_user_sees() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let assigned = json!({ "title": "T", "assignee_id": bob.id });
    create_tasks(&app, &ann, "/tasks", &[assigned]).await;
    for (dialect, path, name) in [
        ("due-dates", "/tasks/statistics", "total_tasks"),
        ("tags-files", "/tasks/stats", "total"),
    ] {
        for person in [&ann, &bob, &boss] {
            let counts = send_in(dialect, person, Method::GET, path, Value::Null, 200).await;
            assert_eq!(counts.body[name], 1, "{dialect}");
        }
    }
    let list = send_in("due-dates", &bob, Method::GET, "/tasks/", Value::Null, 200).await;
    assert_eq!(list.at("/total"), 0, "the list has own tasks only");
}
