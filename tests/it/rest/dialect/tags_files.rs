//! `tags-files`: `completed`, tags, bulk changes, files of tasks; and `tags-files-paged`.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    PASSWORD, UNKNOWN, create_tasks, enter, expect_members, expect_violation, send, send_malformed, serve, titles,
    upload,
};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

const USER: &str = "id:int username:text email:text created_at:time";
const TASK: &str = "id:int title:text description:text? completed:bool priority:text created_at:time due_date:day? \
    tags:list user_id:int";
const FILE: &str = "id:int task_id:int original_filename:text file_size:int content_type:text uploaded_at:time";

async fn client<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let account = json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD });
    enter(app, "", account, json!({ "username": name, "password": PASSWORD })).await
}

#[track_caller]
fn expect_text(answer: &Answer, status: u16, error: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.at("/error")),
        (status, &json!(error)),
        "{}",
        answer.text
    );
    expect_members(&answer.body, "message:text detail:text");
}

#[track_caller]
fn expect_invalid(answer: &Answer, kind: &str, loc: Value) {
    assert_eq!(answer.status, 422, "{}", answer.text);
    expect_members(&answer.body, "detail:text errors:list");
    expect_violation(answer.at("/errors/0"), kind, loc);
}

#[tokio::test]
async fn accounts_and_sessions_follow_the_contract() {
    let app = serve("tags-files").await;
    let nobody = app.anonymous();
    let account = json!({ "username": "ann", "email": "ann@example.com", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/auth/register", account.clone(), 201).await;
    expect_members(&answer.body, USER);
    assert!(answer.body.get("access_token").is_none());
    let answer = nobody.rest(Method::POST, "/auth/register", account).await;
    expect_text(&answer, 409, "Duplicate User");
    expect_members(&answer.body, "field:text");
    let wrong = json!({ "username": "ann", "password": "Wrong1234" });
    let answer = nobody.rest(Method::POST, "/auth/login", wrong).await;
    expect_text(&answer, 401, "Authentication Failed");
    let answer = nobody
        .rest(
            Method::POST,
            "/auth/register",
            json!({ "username": "bob", "email": "b@example.com" }),
        )
        .await;
    expect_invalid(&answer, "missing", json!(["body", "password"]));
    for person in [&nobody, &nobody.with_token(&app, "none")] {
        let answer = send(person, Method::GET, "/tasks", Value::Null, 401).await;
        expect_members(&answer.body, "detail:text");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    let answer = nobody.rest(Method::GET, "/", Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.at("/status")), (200, &json!("running")));
}

#[tokio::test]
async fn task_lists_follow_the_contract() {
    let app = serve("tags-files").await;
    let (ann, boss) = (client(&app, "ann").await, app.admin().await);
    let tasks = [
        json!({ "title": "B", "tags": ["x"], "priority": "low", "due_date": "2026-01-14" }),
        json!({ "title": "C", "tags": ["y"], "priority": "high", "due_date": "2026-01-15" }),
        json!({ "title": "A", "tags": ["x", "y"], "completed": true, "due_date": "2026-01-01" }),
    ];
    create_tasks(&app, &ann, "/tasks", &tasks).await;
    let list = send(
        &ann,
        Method::GET,
        &format!("/tasks?{UNKNOWN}&status=none"),
        Value::Null,
        200,
    )
    .await;
    assert_eq!(titles(&list.body), "B,C,A", "the oldest first");
    expect_members(&list.body[0], TASK);
    for (query, found) in [
        ("completed=true", "A"),
        ("completed=no", "B,C"),
        ("priority=high", "C"),
        ("tag=x", "B,A"),
        ("overdue=true", "B"),
        ("search=", "B,C,A"),
        ("search=nothing", ""),
        ("created_after=2026-01-15&created_before=2026-01-15", "B,C,A"),
        ("created_before=2026-01-14", ""),
        ("sort_by=title", "A,B,C"),
        ("sort_by=title&sort_order=desc", "C,B,A"),
        ("sort_by=completed", "B,C,A"),
        ("sort_by=due_date", "A,B,C"),
        ("sort_by=priority", "B,A,C"),
        ("sort_by=created_at&skip=1&limit=1", "C"),
    ] {
        let list = send(&ann, Method::GET, &format!("/tasks?{query}"), Value::Null, 200).await;
        assert_eq!(titles(&list.body), found, "{query}");
    }
    assert_eq!(
        send(&boss, Method::GET, "/tasks", Value::Null, 200).await.body,
        json!([]),
        "own tasks only"
    );
    expect_invalid(
        &ann.rest(Method::GET, "/tasks?limit=101", Value::Null).await,
        "less_than_equal",
        json!(["query", "limit"]),
    );
    expect_invalid(
        &ann.rest(Method::GET, "/tasks?completed=", Value::Null).await,
        "bool_parsing",
        json!(["query", "completed"]),
    );
    expect_invalid(
        &ann.rest(Method::GET, "/tasks?priority=", Value::Null).await,
        "enum",
        json!(["query", "priority"]),
    );
}

#[tokio::test]
async fn task_pages_follow_the_contract() {
    let app = serve("tags-files-paged").await;
    let ann = client(&app, "ann").await;
    let list = send(&ann, Method::GET, "/tasks", Value::Null, 200).await;
    assert_eq!((list.at("/pages"), list.at("/tasks")), (&json!(0), &json!([])));
    assert_eq!(list.at("/limit"), 100);
    send(&ann, Method::GET, "/files/files/1", Value::Null, 404).await;
    let tasks = [
        json!({ "title": "B", "tags": ["x"], "due_date": "2026-01-14" }),
        json!({ "title": "C", "tags": ["y"], "due_date": "2026-01-15" }),
        json!({ "title": "A", "tags": ["x", "y"], "due_date": "2026-01-16" }),
    ];
    create_tasks(&app, &ann, "/tasks", &tasks).await;
    let list = send(&ann, Method::GET, "/tasks?limit=2&skip=2", Value::Null, 200).await;
    expect_members(&list.body, "tasks:list total:int page:int pages:int");
    let numbers = ["total", "page", "pages"].map(|name| list.body[name].clone());
    assert_eq!(
        (titles(list.at("/tasks")), numbers),
        ("A".to_owned(), [3, 2, 2].map(Value::from))
    );
    for (query, found) in [
        ("tags=x,y", "A"),
        ("tags=x&tags=y", "A"),
        ("tags=x", "B,A"),
        ("due_after=2026-01-15", "C,A"),
        ("due_before=2026-01-15", "B,C"),
        ("due_after=2026-01-15&due_before=2026-01-15", "C"),
        ("overdue=true", "B"),
    ] {
        let list = send(&ann, Method::GET, &format!("/tasks?{query}"), Value::Null, 200).await;
        assert_eq!(titles(list.at("/tasks")), found, "{query}");
    }
    let me = send(&ann, Method::GET, "/users/me", Value::Null, 200).await;
    expect_members(&me.body, "username:text email:text created_at:time");
    let health = send(&app.anonymous(), Method::GET, "/health?_ts=1", Value::Null, 200).await;
    assert_eq!(health.at("/database"), "healthy");
}

#[tokio::test]
async fn single_tasks_follow_the_contract() {
    let app = serve("tags-files").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let new = json!({ "title": " x ", "tags": ["b", "", "A"], "due_date": "2026-01-31", "completed": "false", "status": "?" });
    let task = send(&ann, Method::POST, "/tasks", new, 201).await.body;
    expect_members(&task, TASK);
    assert_eq!(
        (&task["title"], &task["tags"], &task["due_date"], &task["completed"]),
        (&json!("x"), &json!(["a", "b"]), &json!("2026-01-31"), &json!(false))
    );
    for start in [
        "2026-01-15T00:00:00Z",
        "2026-01-15T00:00:00.000Z",
        "2026-01-15T00:00:00",
    ] {
        let today = json!({ "title": "today", "due_date": start });
        send(&ann, Method::POST, "/tasks", today, 201).await;
    }
    let overdue = send(&ann, Method::GET, "/tasks?overdue=true", Value::Null, 200).await;
    assert_eq!(overdue.body, json!([]), "what is due today is not overdue");
    let path = format!("/tasks/{}", task["id"]);
    assert_eq!(send(&ann, Method::GET, &path, Value::Null, 200).await.body, task);
    let mut whole = task.clone();
    whole["completed"] = json!(true);
    let ticked = send(&ann, Method::PATCH, &path, whole, 200).await;
    assert_eq!(
        (ticked.at("/completed"), ticked.at("/due_date")),
        (&json!(true), &json!("2026-01-31"))
    );
    for due in [json!(""), Value::Null] {
        send(&ann, Method::PATCH, &path, json!({ "due_date": "2026-03-01" }), 200).await;
        let answer = send(&ann, Method::PATCH, &path, json!({ "due_date": due }), 200).await;
        assert_eq!(answer.at("/due_date"), &Value::Null);
    }
    let answer = send(&ann, Method::PATCH, &path, json!({}), 400).await;
    expect_members(&answer.body, "detail:text");
    for method in [Method::GET, Method::PATCH, Method::DELETE] {
        let answer = bob.rest(method, &path, json!({ "title": "y" })).await;
        expect_text(&answer, 404, "Task Not Found");
        assert_eq!(answer.at("/task_id"), &task["id"]);
    }
    expect_invalid(
        &ann.rest(Method::POST, "/tasks", json!({})).await,
        "missing",
        json!(["body", "title"]),
    );
    expect_invalid(
        &ann.rest(Method::PATCH, &path, json!({ "tags": "x" })).await,
        "list_type",
        json!(["body", "tags"]),
    );
    assert_eq!(
        send_malformed(&ann, "/tasks").await.at("/errors/0/type"),
        "json_invalid"
    );

    let tagged = send(&ann, Method::POST, &format!("{path}/tags"), json!(["c", "c", ""]), 200).await;
    assert_eq!(tagged.at("/tags"), &json!(["a", "b", "c"]));
    let answer = send(&ann, Method::DELETE, &format!("{path}/tags/c"), Value::Null, 200).await;
    expect_members(&answer.body, TASK);
    assert_eq!(answer.at("/tags"), &json!(["a", "b"]));
    let answer = ann.rest(Method::DELETE, &format!("{path}/tags/c"), Value::Null).await;
    expect_text(&answer, 404, "Tag Not Found");
    assert_eq!((answer.at("/tag"), answer.at("/task_id")), (&json!("c"), &task["id"]));
    send(&ann, Method::DELETE, &path, Value::Null, 204).await;
}

#[tokio::test]
async fn bulk_changes_are_all_or_nothing() {
    let app = serve("tags-files").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let created = create_tasks(
        &app,
        &ann,
        "/tasks",
        &[json!({ "title": "A" }), json!({ "title": "B" })],
    )
    .await;
    let foreign = create_tasks(&app, &bob, "/tasks", &[json!({ "title": "C" })]).await[0]["id"].clone();
    let (a, b) = (created[0]["id"].clone(), created[1]["id"].clone());
    let body = json!({ "task_ids": [a, b.to_string(), a], "updates": { "completed": true, "more": 1 } });
    let answer = send(&ann, Method::PATCH, "/tasks/bulk", body, 200).await;
    assert_eq!(titles(&answer.body), "A,B", "each once");
    expect_members(&answer.body[0], TASK);
    assert_eq!(answer.at("/0/completed"), &json!(true));
    let before = app.footprint().await;
    let body = json!({ "task_ids": [a, foreign, 999], "updates": { "completed": false } });
    let answer = send(&ann, Method::PATCH, "/tasks/bulk", body, 404).await;
    let detail = answer.at("/detail").as_str().unwrap();
    assert!(detail.contains(&format!("{foreign}, 999")), "{detail}");
    send(
        &ann,
        Method::PATCH,
        "/tasks/bulk",
        json!({ "task_ids": [a], "updates": {} }),
        400,
    )
    .await;
    let answer = ann
        .rest(
            Method::PATCH,
            "/tasks/bulk",
            json!({ "task_ids": [], "updates": { "title": "x" } }),
        )
        .await;
    expect_invalid(&answer, "too_short", json!(["body", "task_ids"]));
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn statistics_follow_the_contract() {
    let app = serve("tags-files").await;
    let ann = client(&app, "ann").await;
    let tasks = [
        json!({ "title": "A", "tags": ["work"], "priority": "high", "due_date": "2026-01-14" }),
        json!({ "title": "B", "tags": ["work"], "completed": true, "due_date": "2026-01-14" }),
        json!({ "title": "C", "due_date": "2026-01-15" }),
    ];
    create_tasks(&app, &ann, "/tasks", &tasks).await;
    let answer = send(&ann, Method::GET, "/tasks/stats", Value::Null, 200).await;
    expect_members(
        &answer.body,
        "total:int completed:int incomplete:int by_priority:object by_tag:object overdue:int",
    );
    let counts = ["total", "completed", "incomplete", "overdue"].map(|name| answer.body[name].as_i64().unwrap());
    assert_eq!(counts, [3, 1, 2, 1], "what is due today is not overdue");
    assert_eq!(
        (answer.at("/by_priority"), answer.at("/by_tag")),
        (&json!({ "high": 1, "medium": 2 }), &json!({ "work": 2 }))
    );
}

#[tokio::test]
async fn files_of_tasks_follow_the_contract() {
    let app = serve("tags-files").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let task = create_tasks(&app, &ann, "/tasks", &[json!({ "title": "A" })]).await[0]["id"].clone();
    let path = format!("/tasks/{task}/files");
    let created = upload(&ann, &path, "n.txt", &vec![b'x'; 6 * 1024 * 1024]).await;
    assert_eq!(created.status, 201, "{}", created.text);
    expect_members(&created.body, FILE);
    let list = send(&ann, Method::GET, &path, Value::Null, 200).await;
    assert_eq!(list.body.as_array().unwrap().len(), 1);
    expect_members(
        &list.body[0],
        "id:int original_filename:text file_size:int content_type:text uploaded_at:time",
    );
    for file in [
        format!("/files/{}", created.at("/id")),
        format!("/files/files/{}", created.at("/id")),
    ] {
        assert_eq!(
            send(&ann, Method::GET, &file, Value::Null, 200).await.text.len(),
            6 * 1024 * 1024
        );
        send(&bob, Method::GET, &file, Value::Null, 404).await;
    }
    for (name, size) in [("n.exe", 3), ("big.txt", 10 * 1024 * 1024 + 1)] {
        let answer = upload(&ann, &path, name, &vec![b'x'; size]).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        expect_members(&answer.body, "detail:text");
    }
    expect_text(&bob.rest(Method::GET, &path, Value::Null).await, 404, "Task Not Found");
    send(
        &ann,
        Method::DELETE,
        &format!("/files/{}", created.at("/id")),
        Value::Null,
        204,
    )
    .await;
    assert_eq!(send(&ann, Method::GET, &path, Value::Null, 200).await.body, json!([]));
}

#[tokio::test]
async fn file_contents_are_never_translated() {
    const CONTENT: &[u8] = br#"{ "status": "done", "due_on": null, "full_name": null, "a": 1 }"#;
    for dialect in ["tags-files", "accounts", "due-dates"] {
        let app = serve(dialect).await;
        let ann = app.member().await;
        let created = upload(&ann, "/upload", "n.json", CONTENT).await;
        assert!(created.status.is_success(), "{}", created.text);
        let file = format!("/files/{}", created.at("/id"));
        for path in [file.as_str(), "/download/n.json"] {
            let answer = send(&ann, Method::GET, path, Value::Null, 200).await;
            assert_eq!(answer.text.as_bytes(), CONTENT, "{dialect}");
            let part = ann.request(Method::GET, path).header("range", "bytes=0-3");
            let part = ann.send(part.body(Vec::new().into()).unwrap()).await;
            assert_eq!((part.status.as_u16(), part.text.as_str()), (206, "{ \"s"));
        }
        let head = send(&ann, Method::HEAD, "/tasks", Value::Null, 200).await;
        assert_eq!(
            (head.text.as_str(), head.header("content-type")),
            ("", "application/json")
        );
    }
}

#[tokio::test]
async fn a_rate_limit_error_is_a_text() {
    let app = TestApp::start_with(&[
        ("REST_DIALECT", "tags-files-paged"),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_STRICT_PER_MINUTE", "1"),
    ])
    .await;
    let nobody = app.anonymous();
    let login = json!({ "username": "nobody", "password": PASSWORD });
    expect_text(
        &nobody.rest(Method::POST, "/auth/login", login.clone()).await,
        401,
        "Authentication Failed",
    );
    let answer = nobody.rest(Method::POST, "/auth/login", login).await;
    expect_text(&answer, 429, "Rate limit exceeded: 1 per 1 minute");
}
