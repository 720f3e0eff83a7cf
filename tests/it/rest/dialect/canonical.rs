//! The canonical dialect, from which all others are translated, stays the same for its clients.

use axum::http::Method;
use serde_json::{Value, json};

use super::{expect_only, send, upload};
use crate::support::{PASSWORD, TestApp};

const TASK: &str = "id:int title:text description:text? status:text priority:text due_date:time? due_on:day? \
    completed:bool completed_at:time? owner_id:int user_id:int assignee_id:int? owner:object assignee:object? tags:list \
    client_key:text? version:int created_at:time updated_at:time";
const USER: &str = "id:int username:text? full_name:text? email:text email_verified:bool time_zone:text role:text \
    is_active:bool created_at:time updated_at:time";
const TOKENS: &str = "access_token:text refresh_token:text token_type:text expires_in:int expires_at:time user:object";
const LIST: &str = "items:list total:int page:int? per_page:int pages:int skip:int? limit:int next_cursor:text? \
    pagination:object";
const STATISTICS: &str = "total:int completed:int completion_rate:number overdue:int by_status:object \
    by_priority:object tags:list by_tag:object incomplete:int total_tasks:int completed_tasks:int pending_tasks:int \
    in_progress_tasks:int high_priority_tasks:int urgent_tasks:int";
const FILE: &str = "id:int task_id:int? owner_id:int filename:text content_type:text size:int sha256:text \
    created_at:time url:text original_filename:text file_size:int uploaded_at:time file_path:text";
const BULK: &str = "total:int successful:int failed:int results:list";

/// One request: method, path, body, the status of its response, and the members of its body.
type Case = (Method, String, Value, u16, &'static str);

#[tokio::test]
async fn every_response_has_its_members_and_no_others() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let new = json!({ "title": "T", "tags": ["a"] });
    let created = send(&ann, Method::POST, "/api/v1/tasks", new.clone(), 201).await;
    expect_only(&created.body, TASK);
    expect_only(created.at("/owner"), "id:int username:text full_name:text? email:text");
    let task = format!("/api/v1/tasks/{}", created.at("/id"));
    let ids = json!([created.at("/id")]);
    let login = json!({ "username": ann.name, "password": PASSWORD });
    let whole = json!({ "title": "T", "description": null, "status": "todo", "priority": "low", "due_date": null,
        "assignee_id": null, "tags": ["a"] });
    let cases: Vec<Case> = vec![
        (Method::POST, "/api/v1/auth/login".to_owned(), login, 200, TOKENS),
        (Method::GET, "/api/v1/auth/me".to_owned(), Value::Null, 200, USER),
        (Method::GET, "/api/v1/users/me".to_owned(), Value::Null, 200, USER),
        (Method::GET, "/api/v1/tasks".to_owned(), Value::Null, 200, LIST),
        (Method::GET, task.clone(), Value::Null, 200, TASK),
        (Method::PUT, task.clone(), whole, 200, TASK),
        (Method::PATCH, task.clone(), json!({ "priority": "high" }), 200, TASK),
        (
            Method::POST,
            format!("{task}/assign"),
            json!({ "assignee_id": null }),
            200,
            TASK,
        ),
        (
            Method::POST,
            format!("{task}/transition"),
            json!({ "target_status": "in_progress" }),
            200,
            TASK,
        ),
        (Method::POST, format!("{task}/tags"), json!(["b"]), 200, TASK),
        (Method::DELETE, format!("{task}/tags/b"), Value::Null, 204, ""),
        (
            Method::GET,
            format!("{task}/files"),
            Value::Null,
            200,
            "items:list total:int",
        ),
        (
            Method::GET,
            "/api/v1/tasks/stats".to_owned(),
            Value::Null,
            200,
            STATISTICS,
        ),
        (
            Method::PATCH,
            "/api/v1/tasks/bulk".to_owned(),
            json!({ "task_ids": ids, "update": { "priority": "low" } }),
            200,
            BULK,
        ),
        (
            Method::POST,
            "/api/v1/tasks/bulk-status".to_owned(),
            json!({ "task_ids": ids, "target_status": "done" }),
            200,
            BULK,
        ),
        (Method::GET, "/api/v1/users".to_owned(), Value::Null, 200, LIST),
        (Method::GET, "/api/v1/files".to_owned(), Value::Null, 200, "files:list"),
        (
            Method::POST,
            "/api/v1/async/background-task".to_owned(),
            Value::Null,
            202,
            "task_id:int status:text message:text task_name:text?",
        ),
        (Method::DELETE, task.clone(), Value::Null, 204, ""),
        (Method::POST, format!("{task}/restore"), Value::Null, 200, TASK),
    ];
    for (method, path, body, status, members) in cases {
        let answer = send(&ann, method, &path, body, status).await;
        if !members.is_empty() {
            expect_only(&answer.body, members);
        }
    }
    let file = upload_plain(&ann, &format!("{task}/files")).await;
    expect_only(&file, FILE);
    let own = upload_plain(&ann, "/api/v1/upload").await;
    expect_only(&own, &format!("{FILE} download_url:text message:text"));
    let more = upload(&ann, "/api/v1/upload", "n.txt", b"hi").await;
    assert_eq!(more.status, 422, "other parts of a form are refused");
}

async fn upload_plain(person: &crate::support::person::Person<'_>, path: &str) -> Value {
    let answer = person.posts_file(path, "n.txt", b"hi").await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

#[tokio::test]
async fn errors_keep_their_envelope() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    for (person, method, path, body, status, code) in [
        (
            &nobody,
            Method::GET,
            "/api/v1/tasks",
            Value::Null,
            401,
            "UNAUTHENTICATED",
        ),
        (&ann, Method::GET, "/api/v1/tasks/999", Value::Null, 404, "NOT_FOUND"),
        (&ann, Method::POST, "/api/v1/tasks", json!({}), 422, "INVALID"),
        (
            &ann,
            Method::POST,
            "/api/v1/tasks",
            json!({ "title": "T", "colour": 1 }),
            422,
            "INVALID",
        ),
        (
            &ann,
            Method::GET,
            "/api/v1/tasks?colour=red",
            Value::Null,
            400,
            "UNKNOWN_PARAMETER",
        ),
        (
            &ann,
            Method::GET,
            "/api/v1/tasks/admin/all",
            Value::Null,
            403,
            "FORBIDDEN",
        ),
        (&ann, Method::GET, "/files/files/1", Value::Null, 404, "NOT_FOUND"),
        (
            &ann,
            Method::POST,
            "/api/v1/tasks/bulk-status",
            json!({ "task_ids": [], "target_status": "done" }),
            422,
            "INVALID",
        ),
        (
            &nobody,
            Method::GET,
            "/async/external",
            Value::Null,
            401,
            "UNAUTHENTICATED",
        ),
        (
            &nobody,
            Method::POST,
            "/async/background-task",
            Value::Null,
            401,
            "UNAUTHENTICATED",
        ),
    ] {
        let answer = send(person, method, path, body, status).await;
        assert_eq!(answer.problem().1, code, "{path}");
        expect_only(&answer.body, "error:object detail:text request_id:text");
        assert!(!answer.header("x-process-time").is_empty());
    }
}

#[tokio::test]
async fn background_tasks_take_a_name_or_a_message() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = "/api/v1/async/background-task?task_name=nightly";
    let answer = send(&ann, Method::POST, path, Value::Null, 202).await;
    assert_eq!(
        (answer.at("/status"), answer.at("/task_name")),
        (&json!("queued"), &json!("nightly"))
    );
    let answer = send(&ann, Method::POST, path, json!({ "message": "M" }), 202).await;
    assert_eq!(answer.at("/task_name"), &json!("nightly"));
}

#[tokio::test]
async fn the_root_is_a_page_for_browsers_and_json_for_programs() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (accept, kind) in [
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
    ] {
        let request = nobody.request(Method::GET, "/").header("accept", accept);
        let answer = nobody.send(request.body(Vec::new().into()).unwrap()).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, kind));
        assert!(answer.header("vary").to_lowercase().contains("accept"));
    }
}

#[tokio::test]
async fn an_address_is_visible_to_its_owner_and_to_administrators() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let new = json!({ "title": "T", "assignee_id": bob.id });
    let task = send(&ann, Method::POST, "/tasks", new, 201).await.body;
    let path = format!("/tasks/{}", task["id"]);
    let addresses = async |person: &crate::support::person::Person<'_>| {
        let task = send(person, Method::GET, &path, Value::Null, 200).await.body;
        let list = send(person, Method::GET, "/tasks", Value::Null, 200).await;
        assert_eq!(list.at("/items/0"), &task);
        json!([task["owner"]["email"], task["assignee"]["email"]])
    };
    let (anns, bobs) = (format!("{}@example.com", ann.name), format!("{}@example.com", bob.name));
    assert_eq!(addresses(&ann).await, json!([anns, null]));
    assert_eq!(addresses(&bob).await, json!([null, bobs]));
    assert_eq!(addresses(&boss).await, json!([anns, bobs]));
    assert_eq!(
        (task["owner"]["email"].clone(), task["assignee"].get("email")),
        (json!(anns), None)
    );
}
