//! `workflow`: `page` and `per_page`, assignment, transitions, bulk changes of status.

use axum::http::Method;
use serde_json::{Value, json};

use super::{PASSWORD, UNKNOWN, create_tasks, enter, expect_members, expect_only, send, send_malformed, serve, titles};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

const USER: &str = "id:int email:text full_name:text? is_active:bool created_at:time";
const TASK: &str = "id:int title:text description:text? status:text priority:text owner_id:int assignee_id:int? \
    created_at:time updated_at:time owner:object assignee:object?";
const RESULT: &str = "task_id:int success:bool error:text? previous_status:text? new_status:text?";

async fn client<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let email = format!("{name}@example.com");
    let account = json!({ "email": email, "password": PASSWORD, "full_name": "", "more": {} });
    enter(app, "/api/v1", account, json!({ "email": email, "password": PASSWORD })).await
}

async fn id_of(person: &Person<'_>) -> Value {
    send(person, Method::GET, "/api/v1/auth/me", Value::Null, 200)
        .await
        .at("/id")
        .clone()
}

#[track_caller]
fn expect_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.at("/error/code")),
        (status, &json!(code)),
        "{}",
        answer.text
    );
    expect_members(&answer.body, "error:object request_id:text");
    expect_members(answer.at("/error"), "message:text");
    assert_eq!(answer.at("/request_id"), answer.header("x-request-id"));
}

#[track_caller]
fn expect_invalid(answer: &Answer, kind: &str, field: &str) {
    expect_error(answer, 422, "VALIDATION_ERROR");
    let item = answer.at("/error/details/errors/0");
    expect_members(item, "field:text message:text type:text");
    assert_eq!((&item["field"], &item["type"]), (&json!(field), &json!(kind)), "{item}");
}

#[tokio::test]
async fn accounts_and_sessions_follow_the_contract() {
    let app = serve("workflow").await;
    let nobody = app.anonymous();
    let account = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/register", account.clone(), 201).await;
    expect_only(&answer.body, "access_token:text refresh_token:text token_type:text");
    let refresh = json!({ "refresh_token": answer.at("/refresh_token"), "more": 1 });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/refresh", refresh, 200).await;
    expect_members(&answer.body, "access_token:text refresh_token:text token_type:text");
    let ann = nobody.with_token(&app, answer.at("/access_token").as_str().unwrap());
    expect_members(
        &send(&ann, Method::GET, "/api/v1/auth/me", Value::Null, 200).await.body,
        USER,
    );
    let answer = nobody.rest(Method::POST, "/api/v1/auth/register", account).await;
    expect_error(&answer, 409, "CONFLICT");
    assert_eq!(answer.at("/error/details"), &json!({ "email": "ann@example.com" }));
    let wrong = json!({ "email": "ann@example.com", "password": "Wrong1234" });
    expect_error(
        &nobody.rest(Method::POST, "/api/v1/auth/login", wrong).await,
        401,
        "UNAUTHORIZED",
    );
    expect_error(
        &nobody.rest(Method::GET, "/api/v1/auth/me", Value::Null).await,
        401,
        "UNAUTHORIZED",
    );
    let short = json!({ "email": "b@example.com", "password": "a1" });
    expect_invalid(
        &nobody.rest(Method::POST, "/api/v1/auth/register", short).await,
        "string_too_short",
        "body.password",
    );
}

#[tokio::test]
async fn task_lists_follow_the_contract() {
    let app = serve("workflow").await;
    let ann = client(&app, "ann").await;
    let id = id_of(&ann).await;
    let tasks: Vec<Value> = (0..22)
        .map(|n| json!({ "title": format!("T{n:02}"), "priority": "high" }))
        .collect();
    create_tasks(&app, &ann, "/api/v1/tasks", &tasks).await;
    let list = send(
        &ann,
        Method::GET,
        &format!("/api/v1/tasks?{UNKNOWN}&skip=x"),
        Value::Null,
        200,
    )
    .await;
    expect_members(&list.body, "items:list pagination:object");
    expect_members(list.at("/items/0"), TASK);
    assert_eq!(
        list.at("/pagination"),
        &json!({ "page": 1, "per_page": 20, "total_items": 22, "total_pages": 2, "has_next": true, "has_prev": false })
    );
    let list = send(&ann, Method::GET, "/api/v1/tasks?page=2&per_page=20", Value::Null, 200).await;
    assert_eq!(titles(list.at("/items")), "T01,T00");
    assert_eq!(
        (list.at("/pagination/has_next"), list.at("/pagination/has_prev")),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        list.at("/items/0/owner"),
        &json!({ "id": id, "username": null, "full_name": null, "email": "ann@example.com" })
    );
    for (query, total) in [
        ("status=todo", 22),
        ("priority=low", 0),
        (&*format!("owner_id={id}"), 22),
        (&*format!("assignee_id={id}"), 0),
        ("search=T2", 2),
    ] {
        let list = send(&ann, Method::GET, &format!("/api/v1/tasks?{query}"), Value::Null, 200).await;
        assert_eq!(list.at("/pagination/total_items"), total, "{query}");
    }
    expect_invalid(
        &ann.rest(Method::GET, "/api/v1/tasks?per_page=101", Value::Null).await,
        "less_than_equal",
        "query.per_page",
    );
    expect_invalid(
        &ann.rest(Method::GET, "/api/v1/tasks?page=x", Value::Null).await,
        "int_parsing",
        "query.page",
    );
}

#[tokio::test]
async fn single_tasks_follow_the_contract() {
    let app = serve("workflow").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let bobs = id_of(&bob).await;
    let new = json!({ "title": "x", "assignee_id": bobs.to_string(), "owner_id": 99 });
    let task = send(&ann, Method::POST, "/api/v1/tasks", new, 201).await.body;
    expect_members(&task, TASK);
    assert_eq!(
        (&task["assignee_id"], &task["priority"], &task["status"]),
        (&bobs, &json!("medium"), &json!("todo"))
    );
    expect_members(&task["assignee"], "id:int full_name:text?");
    assert!(task["assignee"].get("email").is_none(), "another user's address");
    let path = format!("/api/v1/tasks/{}", task["id"]);
    assert_eq!(
        send(&bob, Method::GET, &path, Value::Null, 200).await.at("/id"),
        &task["id"]
    );
    let mut whole = task.clone();
    whole["title"] = json!("y");
    let changed = send(&ann, Method::PATCH, &path, whole, 200).await;
    assert_eq!(changed.at("/title"), "y");
    let nothing = json!({ "title": null, "description": null, "priority": null });
    for body in [json!({}), nothing] {
        assert_eq!(send(&ann, Method::PATCH, &path, body, 200).await.body, changed.body);
    }
    let answer = ann
        .rest(
            Method::POST,
            "/api/v1/tasks",
            json!({ "title": "x", "assignee_id": 999 }),
        )
        .await;
    expect_error(&answer, 404, "NOT_FOUND");
    assert_eq!(
        answer.at("/error/details"),
        &json!({ "resource": "User", "identifier": 999 })
    );
    expect_invalid(
        &ann.rest(Method::POST, "/api/v1/tasks", json!({ "title": "" })).await,
        "string_too_short",
        "body.title",
    );
    expect_invalid(&send_malformed(&ann, "/api/v1/tasks").await, "json_invalid", "body.10");
    send(&ann, Method::DELETE, &path, Value::Null, 204).await;
    let answer = ann.rest(Method::GET, &path, Value::Null).await;
    expect_error(&answer, 404, "NOT_FOUND");
    assert_eq!(answer.at("/error/details/resource"), "Task");
    let task = send(&ann, Method::POST, "/api/v1/tasks", json!({ "title": "z" }), 201)
        .await
        .body;
    send(
        &ann,
        Method::DELETE,
        &format!("/api/v1/tasks/{}/force", task["id"]),
        Value::Null,
        204,
    )
    .await;
}

#[tokio::test]
async fn assignment_and_transitions_follow_the_contract() {
    let app = serve("workflow").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let bobs = id_of(&bob).await;
    let task = send(&ann, Method::POST, "/api/v1/tasks", json!({ "title": "x" }), 201)
        .await
        .body;
    let path = format!("/api/v1/tasks/{}", task["id"]);
    for assignee in [bobs.clone(), Value::Null, json!(bobs.to_string())] {
        let answer = send(
            &ann,
            Method::POST,
            &format!("{path}/assign"),
            json!({ "assignee_id": assignee }),
            200,
        )
        .await;
        assert_eq!(answer.at("/assignee_id").is_null(), assignee.is_null());
    }
    let answer = ann
        .rest(Method::POST, &format!("{path}/assign"), json!({ "assignee_id": 999 }))
        .await;
    expect_error(&answer, 404, "NOT_FOUND");
    expect_invalid(
        &ann.rest(Method::POST, &format!("{path}/assign"), json!({})).await,
        "missing",
        "body.assignee_id",
    );
    let moved = send(
        &bob,
        Method::POST,
        &format!("{path}/transition"),
        json!({ "target_status": "done" }),
        200,
    )
    .await;
    assert_eq!(moved.at("/status"), "done");
    let answer = ann
        .rest(
            Method::POST,
            &format!("{path}/transition"),
            json!({ "target_status": "in_progress" }),
        )
        .await;
    expect_error(&answer, 400, "INVALID_TRANSITION");
    expect_members(answer.at("/error/details"), "current_state:text target_state:text");
    let answer = ann
        .rest(
            Method::POST,
            &format!("{path}/transition"),
            json!({ "target_status": "review" }),
        )
        .await;
    expect_invalid(&answer, "enum", "body.target_status");

    let other = send(&ann, Method::POST, "/api/v1/tasks", json!({ "title": "y" }), 201)
        .await
        .body["id"]
        .clone();
    let body = json!({ "task_ids": [task["id"], other.to_string(), 999], "target_status": "in_progress", "more": 1 });
    let answer = send(&ann, Method::POST, "/api/v1/tasks/bulk-status", body, 200).await;
    expect_members(&answer.body, "total:int successful:int failed:int results:list");
    for result in answer.at("/results").as_array().unwrap() {
        expect_members(result, RESULT);
    }
    assert!(
        answer
            .at("/results/0/error")
            .as_str()
            .unwrap()
            .starts_with("Invalid transition")
    );
    assert_eq!(answer.at("/results/1/new_status"), "in_progress");
    assert_eq!(answer.at("/results/2/error"), "Task 999 not found");
    let empty = json!({ "task_ids": [], "target_status": "done" });
    expect_invalid(
        &ann.rest(Method::POST, "/api/v1/tasks/bulk-status", empty).await,
        "too_short",
        "body.task_ids",
    );
}

#[tokio::test]
async fn health_and_metrics_follow_the_contract() {
    let app = serve("workflow").await;
    let nobody = app.anonymous();
    expect_members(
        &send(&nobody, Method::GET, "/ops/health", Value::Null, 200).await.body,
        "status:text version:text",
    );
    let metrics = send(&nobody, Method::GET, "/ops/metrics", Value::Null, 200).await;
    expect_members(&metrics.body, "total_requests:int status_codes:object");
    let answer = nobody.rest(Method::PUT, "/api/v1/auth/me", json!({})).await;
    expect_error(&answer, 405, "METHOD_NOT_ALLOWED");
    assert!(answer.header("allow").contains("GET"), "{}", answer.header("allow"));
    let ann = client(&app, "ann").await;
    let text = ann
        .request(Method::POST, "/api/v1/tasks")
        .header("content-type", "text/plain");
    expect_error(&ann.send(text.body("x".into()).unwrap()).await, 415, "HTTP_ERROR");
    let answer = ann.rest(Method::GET, "/api/v1/tasks/%ff", Value::Null).await;
    expect_error(&answer, 400, "BAD_REQUEST");
    let answer = ann.rest(Method::GET, "/api/v1/tasks/admin/all", Value::Null).await;
    expect_error(&answer, 403, "FORBIDDEN");
}
