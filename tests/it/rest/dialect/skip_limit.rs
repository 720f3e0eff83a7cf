//! `skip-limit`: roles, `skip` and `limit`, an error envelope.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    PASSWORD, UNKNOWN, create_tasks, enter, expect_members, expect_only, expect_violation, send, send_malformed, serve,
    titles,
};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

const USER: &str = "id:int email:text username:text role:text created_at:time";
const TASK: &str = "id:int user_id:int title:text description:text? status:text created_at:time updated_at:time";

async fn client<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let account = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD, "more": 1 });
    let login = json!({ "username": name, "password": PASSWORD, "remember": true });
    enter(app, "/api/v1", account, login).await
}

#[track_caller]
fn expect_error(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    expect_members(&answer.body["error"], "code:text message:text request_id:text");
    assert_eq!(answer.at("/error/code"), code, "{}", answer.text);
}

async fn queue(person: &Person<'_>, status: u16) -> Answer {
    let path = "/async/background-task?task_name=nightly";
    send(person, Method::POST, path, Value::Null, status).await
}

#[tokio::test]
async fn accounts_and_sessions_follow_the_contract() {
    let app = serve("skip-limit").await;
    let nobody = app.anonymous();
    let account = json!({ "email": "ann@example.com", "username": "ann", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/register", account, 201).await;
    expect_only(&answer.body, "access_token:text token_type:text user:object");
    expect_members(answer.at("/user"), USER);
    for (email, name, field) in [
        ("ann@example.com", "other", "email"),
        ("b@example.com", "ann", "username"),
    ] {
        let taken = json!({ "email": email, "username": name, "password": PASSWORD });
        let answer = nobody.rest(Method::POST, "/api/v1/auth/register", taken).await;
        expect_error(&answer, 400, "BAD_REQUEST");
        let message = format!("User with this {field} already exists");
        assert_eq!(
            (answer.at("/detail"), answer.at("/error/message")),
            (&json!(message), &json!(message))
        );
    }
    let login = json!({ "username": "ann", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/login", login, 200).await;
    expect_members(&answer.body, "access_token:text token_type:text user:object");
    let wrong = json!({ "username": "ann", "password": "Wrong1234" });
    let answer = nobody.rest(Method::POST, "/api/v1/auth/login", wrong).await;
    expect_error(&answer, 401, "UNAUTHORIZED");
    let answer = nobody
        .rest(Method::POST, "/api/v1/auth/register", json!({ "email": "x" }))
        .await;
    expect_error(&answer, 422, "VALIDATION_ERROR");
    expect_violation(answer.at("/detail/0"), "missing", json!(["body", "username"]));
}

#[tokio::test]
async fn task_lists_follow_the_contract() {
    let app = serve("skip-limit").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    create_tasks(&app, &bob, "/api/v1/tasks", &[json!({ "title": "Bob's" })]).await;
    let tasks: Vec<Value> = (0..12).map(|n| json!({ "title": format!("T{n:02}") })).collect();
    let created = create_tasks(&app, &ann, "/api/v1/tasks", &tasks).await;
    let list = send(
        &ann,
        Method::GET,
        &format!("/api/v1/tasks?{UNKNOWN}&priority=none&page=x"),
        Value::Null,
        200,
    )
    .await;
    expect_members(&list.body, "tasks:list total:int skip:int limit:int");
    assert_eq!(
        (list.at("/total"), list.at("/skip"), list.at("/limit")),
        (&json!(12), &json!(0), &json!(10))
    );
    expect_members(list.at("/tasks/0"), TASK);
    assert!(list.body.get("items").is_none());
    assert_eq!(titles(list.at("/tasks")), "T11,T10,T09,T08,T07,T06,T05,T04,T03,T02");
    let get = async |query: &str| {
        let answer = send(&ann, Method::GET, &format!("/api/v1/tasks?{query}"), Value::Null, 200).await;
        titles(answer.at("/tasks"))
    };
    assert_eq!(get("skip=10").await, "T01,T00");
    assert_eq!(get("limit=2&sort_by=-created_at").await, "T00,T01");
    assert_eq!(get("limit=2&sort_by=title").await, "T11,T10");
    for field in [
        "id",
        "user_id",
        "title",
        "description",
        "status",
        "created_at",
        "updated_at",
    ] {
        for sign in ["", "-"] {
            assert_eq!(
                get(&format!("limit=100&sort_by={sign}{field}")).await.len(),
                12 * 4 - 1,
                "{field}"
            );
        }
    }
    let path = format!("/api/v1/tasks/{}", created[3]["id"]);
    send(&ann, Method::PATCH, &path, json!({ "status": "done" }), 200).await;
    assert_eq!(get("status=done").await, "T03");
    for (query, kind) in [
        ("limit=101", "less_than_equal"),
        ("limit=0", "greater_than_equal"),
        ("skip=x", "int_parsing"),
        ("status=open", "enum"),
        ("status=", "enum"),
    ] {
        let answer = ann
            .rest(Method::GET, &format!("/api/v1/tasks?{query}"), Value::Null)
            .await;
        expect_error(&answer, 422, "VALIDATION_ERROR");
        let name = query.split('=').next().unwrap();
        expect_violation(answer.at("/detail/0"), kind, json!(["query", name]));
    }
    expect_error(
        &app.anonymous().rest(Method::GET, "/api/v1/tasks", Value::Null).await,
        401,
        "UNAUTHORIZED",
    );
}

#[tokio::test]
async fn administrators_list_their_own_tasks_and_all_of_them_elsewhere() {
    let app = serve("skip-limit").await;
    let (boss, ann) = (app.admin().await, app.member().await);
    create_tasks(
        &app,
        &ann,
        "/api/v1/tasks",
        &[json!({ "title": "A" }), json!({ "title": "B" })],
    )
    .await;
    create_tasks(&app, &boss, "/api/v1/tasks", &[json!({ "title": "C" })]).await;
    let own = send(&boss, Method::GET, "/api/v1/tasks", Value::Null, 200).await;
    assert_eq!(
        (titles(own.at("/tasks")), own.at("/total")),
        ("C".to_owned(), &json!(1))
    );
    let all = send(&boss, Method::GET, "/api/v1/tasks/admin/all?limit=1", Value::Null, 200).await;
    assert_eq!(titles(&all.body), "A,B,C", "the oldest first, and no paging");
    expect_members(&all.body[0], TASK);
    let answer = ann.rest(Method::GET, "/api/v1/tasks/admin/all", Value::Null).await;
    expect_error(&answer, 403, "FORBIDDEN");
}

#[tokio::test]
async fn single_tasks_follow_the_contract() {
    let app = serve("skip-limit").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let new = json!({ "title": "x", "description": null, "status": "in_progress", "priority": "nonsense", "id": 7 });
    let task = send(&ann, Method::POST, "/api/v1/tasks", new, 201).await.body;
    expect_members(&task, TASK);
    assert_eq!(
        (&task["status"], &task["priority"]),
        (&json!("in_progress"), &json!("medium"))
    );
    let path = format!("/api/v1/tasks/{}", task["id"]);
    assert_eq!(send(&ann, Method::GET, &path, Value::Null, 200).await.body, task);
    for method in [Method::PUT, Method::PATCH] {
        let mut whole = send(&ann, Method::GET, &path, Value::Null, 200).await.body;
        whole["title"] = json!(format!("by {method}"));
        whole["status"] = json!("done");
        let answer = send(&ann, method.clone(), &path, whole, 200).await;
        assert_eq!(
            (answer.at("/status"), answer.at("/title")),
            (&json!("done"), &json!(format!("by {method}")))
        );
        // Null and absent mean unchanged, and every transition is allowed.
        let nothing = json!({ "title": null, "description": null, "status": null });
        for body in [json!({}), nothing] {
            let unchanged = send(&ann, method.clone(), &path, body, 200).await;
            assert_eq!(unchanged.body, answer.body);
        }
        let back = send(&ann, method.clone(), &path, json!({ "status": "in_progress" }), 200).await;
        assert_eq!(back.at("/status"), "in_progress");
        let other = bob.rest(method.clone(), &path, json!({ "title": "mine" })).await;
        expect_error(&other, 404, "NOT_FOUND");
        let answer = ann.rest(method, &path, json!({ "title": "" })).await;
        expect_error(&answer, 422, "VALIDATION_ERROR");
        expect_violation(answer.at("/detail/0"), "string_too_short", json!(["body", "title"]));
    }
    for (new, kind) in [
        (json!({}), "missing"),
        (json!({ "title": "x".repeat(300) }), "string_too_long"),
    ] {
        let answer = ann.rest(Method::POST, "/api/v1/tasks", new).await;
        expect_violation(answer.at("/detail/0"), kind, json!(["body", "title"]));
    }
    let answer = send_malformed(&ann, "/api/v1/tasks").await;
    expect_error(&answer, 422, "VALIDATION_ERROR");
    assert_eq!(answer.at("/detail/0/type"), "json_invalid");
    assert_eq!(send(&ann, Method::DELETE, &path, Value::Null, 204).await.text, "");
    expect_error(&ann.rest(Method::GET, &path, Value::Null).await, 404, "NOT_FOUND");
}

#[tokio::test]
async fn a_status_two_transitions_away_is_one_change_with_two_events() {
    let app = serve("skip-limit").await;
    let ann = client(&app, "ann").await;
    let task = send(
        &ann,
        Method::POST,
        "/api/v1/tasks",
        json!({ "title": "x", "status": "done" }),
        201,
    )
    .await
    .body;
    let path = format!("/api/v1/tasks/{}", task["id"]);
    let moved = send(&ann, Method::PUT, &path, json!({ "status": "in_progress" }), 200).await;
    assert_eq!(
        (moved.at("/version"), moved.at("/completed_at")),
        (&json!(3), &Value::Null)
    );
    let before = app.footprint().await;
    let refused = ann
        .rest(Method::PUT, &path, json!({ "status": "done", "title": "" }))
        .await;
    assert_eq!(refused.status, 422);
    assert_eq!(app.footprint().await, before, "all or nothing");
}

#[tokio::test]
async fn other_routes_follow_the_contract() {
    let app = TestApp::start_with(&[
        ("REST_DIALECT", "skip-limit"),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_STRICT_PER_MINUTE", "4"),
    ])
    .await;
    let nobody = app.anonymous();
    for path in ["/health", "/health/detailed"] {
        let answer = send(&nobody, Method::GET, path, Value::Null, 200).await;
        expect_members(&answer.body, "status:text timestamp:text");
        assert!(answer.at("/timestamp").as_str().unwrap().parse::<f64>().is_ok());
        if path == "/health/detailed" {
            expect_members(answer.at("/dependencies"), "redis:object database:object");
            assert_eq!(answer.at("/dependencies/database/status"), "healthy");
        }
    }
    let answer = send(&nobody, Method::GET, "/", Value::Null, 200).await;
    expect_members(&answer.body, "message:text version:text docs:text health:text");
    assert!(answer.header("x-process-time").parse::<f64>().is_ok());
    assert!(!answer.header("x-request-id").is_empty());

    let answer = queue(&nobody, 200).await;
    assert_eq!(answer.at("/message"), "Background task triggered");
    assert_eq!(answer.at("/task_name"), "nightly");
    let answer = send(&nobody, Method::GET, "/async/external", Value::Null, 200).await;
    expect_members(&answer.body, "error:text message:text");
    for _ in 0..2 {
        queue(&nobody, 200).await;
    }
    let answer = queue(&nobody, 429).await;
    expect_error(&answer, 429, "RATE_LIMIT_EXCEEDED");
    expect_members(&answer.body["error"], "retry_after:int");
    assert!(!answer.header("retry-after").is_empty());
    let answer = nobody.rest(Method::POST, "/async/background-task", Value::Null).await;
    expect_error(&answer, 422, "VALIDATION_ERROR");
    expect_violation(answer.at("/detail/0"), "missing", json!(["query", "task_name"]));
    let answer = nobody.rest(Method::GET, "/nowhere", Value::Null).await;
    expect_error(&answer, 404, "NOT_FOUND");
}

#[tokio::test]
async fn anonymous_background_work_has_a_limit() {
    let app = serve("skip-limit").await;
    let nobody = app.anonymous();
    for _ in 0..100 {
        queue(&nobody, 200).await;
    }
    assert_eq!(queue(&nobody, 503).await.header("retry-after"), "60");
}
