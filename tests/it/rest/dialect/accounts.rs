//! `accounts`: e-mail accounts, two tokens, small tasks.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    PASSWORD, UNKNOWN, create_tasks, enter, expect_members, expect_violation, send, send_malformed, serve, titles,
};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

const USER: &str = "id:int email:text full_name:text role:text is_active:bool created_at:time updated_at:time";
const TASK: &str = "id:int title:text description:text? owner_id:int created_at:time updated_at:time";

async fn client<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let email = format!("{name}@example.com");
    let account = json!({ "email": email, "password": PASSWORD, "full_name": "" });
    enter(app, "/api/v1", account, json!({ "email": email, "password": PASSWORD })).await
}

#[track_caller]
fn expect_invalid(answer: &Answer, kind: &str, loc: Value) {
    assert_eq!(
        (answer.status.as_u16(), answer.at("/detail")),
        (422, &json!("Validation error")),
        "{}",
        answer.text
    );
    expect_violation(answer.at("/errors/0"), kind, loc);
}

#[tokio::test]
async fn accounts_and_sessions_follow_the_contract() {
    let app = serve("accounts").await;
    let nobody = app.anonymous();
    for (email, full_name, shown) in [
        ("ann@example.com", json!(""), ""),
        ("bob@example.com", Value::Null, ""),
        ("cat@example.com", json!("Cat"), "Cat"),
    ] {
        let account = json!({ "email": email, "password": PASSWORD, "full_name": full_name, "more": [] });
        let answer = send(&nobody, Method::POST, "/api/v1/auth/register", account, 201).await;
        expect_members(&answer.body, USER);
        assert_eq!(
            (answer.at("/full_name"), answer.body.get("access_token")),
            (&json!(shown), None)
        );
    }
    let taken = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/register", taken, 400).await;
    assert_eq!(answer.at("/detail"), "Email already registered");
    let login = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/login", login, 200).await;
    expect_members(
        &answer.body,
        "access_token:text refresh_token:text token_type:text user:object",
    );
    expect_members(answer.at("/user"), USER);
    let ann = nobody.with_token(&app, answer.at("/access_token").as_str().unwrap());
    let me = send(&ann, Method::GET, "/api/v1/auth/me", Value::Null, 200).await;
    expect_members(&me.body, USER);
    let wrong = json!({ "email": "ann@example.com", "password": "Wrong1234" });
    let answer = send(&nobody, Method::POST, "/api/v1/auth/login", wrong, 401).await;
    expect_members(&answer.body, "detail:text");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let answer = nobody
        .rest(Method::POST, "/api/v1/auth/register", json!({ "password": PASSWORD }))
        .await;
    expect_invalid(&answer, "missing", json!(["body", "email"]));
}

#[tokio::test]
async fn tasks_follow_the_contract() {
    let app = serve("accounts").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let created = create_tasks(
        &app,
        &ann,
        "/api/v1/tasks",
        &[
            json!({ "title": "A" }),
            json!({ "title": "B", "description": null, "owner_id": 99 }),
            json!({ "title": "C", "description": "D", "status": "nonsense" }),
        ],
    )
    .await;
    expect_members(&created[0], TASK);
    let descriptions = [0, 1, 2].map(|n| created[n]["description"].clone());
    assert_eq!(descriptions, [json!(""), Value::Null, json!("D")]);
    let list = send(
        &ann,
        Method::GET,
        &format!("/api/v1/tasks?skip=0&limit=1000&{UNKNOWN}"),
        Value::Null,
        200,
    )
    .await;
    expect_members(&list.body, "tasks:list total:int");
    expect_members(list.at("/tasks/0"), TASK);
    assert_eq!(
        (titles(list.at("/tasks")), list.at("/total")),
        ("A,B,C".to_owned(), &json!(3)),
        "the oldest first"
    );
    let list = send(&ann, Method::GET, "/api/v1/tasks?status=done&skip=1", Value::Null, 200).await;
    assert_eq!(
        (titles(list.at("/tasks")), list.at("/limit")),
        ("B,C".to_owned(), &json!(100)),
        "it has no filters"
    );
    let answer = ann.rest(Method::GET, "/api/v1/tasks?limit=1001", Value::Null).await;
    expect_invalid(&answer, "less_than_equal", json!(["query", "limit"]));

    let path = format!("/api/v1/tasks/{}", created[2]["id"]);
    // Fields that this API does not know are kept.
    let rich = json!({ "status": "in_progress", "priority": "high", "tags": ["kept"], "due_date": "2026-02-01" });
    let canonical = ann
        .request(Method::PATCH, &path)
        .header("x-rest-dialect", "taskwire")
        .header("content-type", "application/json");
    assert_eq!(
        ann.send(canonical.body(rich.to_string().into()).unwrap()).await.status,
        200
    );
    let changed = send(
        &ann,
        Method::PUT,
        &path,
        json!({ "title": "New", "description": "D2" }),
        200,
    )
    .await;
    expect_members(&changed.body, TASK);
    let kept = ["status", "priority", "tags", "due_date"].map(|name| changed.body[name].clone());
    assert_eq!(
        kept,
        [
            json!("in_progress"),
            json!("high"),
            json!(["kept"]),
            json!("2026-02-01T00:00:00Z")
        ]
    );
    let same = send(&ann, Method::PUT, &path, json!({}), 200).await;
    assert_eq!(same.body, changed.body);
    let cleared = send(&ann, Method::PUT, &path, json!({ "description": null }), 200).await;
    assert_eq!(
        (cleared.at("/description"), cleared.at("/title")),
        (&Value::Null, &json!("New"))
    );

    for (method, body) in [
        (Method::GET, Value::Null),
        (Method::PUT, json!({ "title": "x" })),
        (Method::DELETE, Value::Null),
    ] {
        let answer = send(&bob, method, &path, body, 404).await;
        expect_members(&answer.body, "detail:text");
    }
    let answer = ann.rest(Method::POST, "/api/v1/tasks", json!({ "title": "" })).await;
    expect_invalid(&answer, "string_too_short", json!(["body", "title"]));
    let answer = ann.rest(Method::GET, "/api/v1/tasks/seven", Value::Null).await;
    expect_invalid(&answer, "int_parsing", json!(["path", "id"]));
    assert_eq!(
        send_malformed(&ann, "/api/v1/tasks").await.at("/errors/0/type"),
        "json_invalid"
    );
    send(&ann, Method::DELETE, &path, Value::Null, 204).await;
    send(&ann, Method::GET, &path, Value::Null, 404).await;
}

#[tokio::test]
async fn an_administrator_sees_all_tasks_up_to_a_thousand_rows() {
    let app = serve("accounts").await;
    let (boss, ann) = (app.admin().await, client(&app, "ann").await);
    create_tasks(&app, &ann, "/api/v1/tasks", &[json!({ "title": "A" })]).await;
    for _ in 0..2 {
        let tasks: Vec<Value> = (0..60).map(|n| json!({ "title": format!("T{n}") })).collect();
        create_tasks(&app, &boss, "/api/v1/tasks", &tasks).await;
    }
    let list = send(&boss, Method::GET, "/api/v1/tasks?limit=1000", Value::Null, 200).await;
    assert_eq!(list.at("/tasks").as_array().unwrap().len(), 121);
    let list = send(&boss, Method::GET, "/api/v1/tasks", Value::Null, 200).await;
    assert_eq!(
        (list.at("/tasks").as_array().unwrap().len(), list.at("/total")),
        (100, &json!(121))
    );
}

#[tokio::test]
async fn other_routes_follow_the_contract() {
    let app = serve("accounts").await;
    let nobody = app.anonymous();
    let answer = send(&nobody, Method::GET, "/health", Value::Null, 200).await;
    expect_members(&answer.body, "status:text version:text app_name:text");
    let answer = send(&nobody, Method::GET, "/", Value::Null, 200).await;
    expect_members(&answer.body, "message:text version:text docs:text redoc:text");
    let answer = send(&nobody, Method::GET, "/api/v1/tasks", Value::Null, 401).await;
    expect_members(&answer.body, "detail:text");
    send(&nobody, Method::GET, "/api/v1/openapi.json", Value::Null, 200).await;
}
