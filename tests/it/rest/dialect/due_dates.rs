//! `due-dates`: usernames, due dates, statistics, files by name; and `due-dates-bare`.

use axum::http::Method;
use serde_json::{Value, json};

use super::{
    PASSWORD, UNKNOWN, create_tasks, enter, expect_members, expect_violation, send, send_malformed, serve, titles,
    upload,
};
use crate::support::TestApp;
use crate::support::person::Person;

const USER: &str = "id:int username:text email:text full_name:text? is_active:bool created_at:time";
const TASK: &str = "id:int title:text description:text? priority:text status:text due_date:time?";
const ROW: &str = "id:int title:text description:text? priority:text status:text due_date:time? created_at:time \
    updated_at:time owner_id:int";

async fn client<'a>(app: &'a TestApp, name: &str) -> Person<'a> {
    let account = json!({ "username": name, "email": format!("{name}@example.com"), "password": PASSWORD,
        "full_name": null, "more": 1 });
    enter(app, "", account, json!({ "username": name, "password": PASSWORD })).await
}

#[tokio::test]
async fn accounts_and_sessions_follow_the_contract() {
    let app = serve("due-dates").await;
    let nobody = app.anonymous();
    let account =
        json!({ "username": "ann", "email": "ann@example.com", "password": "password123", "full_name": "Ann" });
    let answer = send(&nobody, Method::POST, "/auth/register", account.clone(), 201).await;
    expect_members(&answer.body, USER);
    assert!(answer.body.get("access_token").is_none());
    let mut same_name = account;
    same_name["email"] = json!("other@example.com");
    let answer = send(&nobody, Method::POST, "/auth/register", same_name, 400).await;
    expect_members(&answer.body, "detail:text");
    assert_eq!(answer.at("/detail"), "Username already registered");
    let login = json!({ "username": "ann", "password": "password123" });
    let answer = send(&nobody, Method::POST, "/auth/login", login, 200).await;
    expect_members(&answer.body, "access_token:text token_type:text");
    let form = nobody
        .request(Method::POST, "/auth/login/access-token")
        .header("content-type", "application/x-www-form-urlencoded");
    let form = form
        .body("username=ann&password=password123&unknown=1".to_owned().into())
        .unwrap();
    let answer = nobody.send(form).await;
    expect_members(&answer.body, "access_token:text token_type:text");
    let ann = nobody.with_token(&app, answer.at("/access_token").as_str().unwrap());
    expect_members(&send(&ann, Method::GET, "/auth/me", Value::Null, 200).await.body, USER);
    let wrong = json!({ "username": "ann", "password": "Wrong1234" });
    let answer = send(&nobody, Method::POST, "/auth/login", wrong, 401).await;
    expect_members(&answer.body, "detail:text");
    for person in [&nobody, &nobody.with_token(&app, "none")] {
        let answer = send(person, Method::GET, "/auth/me", Value::Null, 403).await;
        expect_members(&answer.body, "detail:text");
    }
    let answer = send(&nobody, Method::POST, "/auth/register", json!({}), 422).await;
    expect_violation(answer.at("/detail/0"), "missing", json!(["body", "email"]));
}

#[tokio::test]
async fn task_lists_follow_the_contract() {
    let app = serve("due-dates").await;
    let (ann, boss) = (client(&app, "ann").await, app.admin().await);
    let list = send(&ann, Method::GET, "/tasks/", Value::Null, 200).await;
    assert_eq!((list.at("/pages"), list.at("/page")), (&json!(0), &json!(1)));
    let tasks: Vec<Value> = (0..12)
        .map(|n| json!({ "title": format!("T{n:02}"), "priority": "high" }))
        .collect();
    let created = create_tasks(&app, &ann, "/tasks/", &tasks).await;
    let list = send(
        &ann,
        Method::GET,
        &format!("/tasks/?{UNKNOWN}&sort_by=none"),
        Value::Null,
        200,
    )
    .await;
    expect_members(&list.body, "tasks:list total:int page:int pages:int per_page:int");
    expect_members(list.at("/tasks/0"), ROW);
    assert_eq!(titles(list.at("/tasks")), "T11,T10,T09,T08,T07,T06,T05,T04,T03,T02");
    let list = send(&ann, Method::GET, "/tasks/?skip=10&limit=5", Value::Null, 200).await;
    let numbers = ["total", "page", "pages", "per_page"].map(|name| list.body[name].clone());
    assert_eq!(numbers, [12, 3, 3, 5].map(Value::from));
    let path = format!("/tasks/{}", created[0]["id"]);
    send(&ann, Method::PUT, &path, json!({ "status": "completed" }), 200).await;
    for (query, found) in [
        ("status=completed", "T00"),
        ("status=pending&limit=1", "T11"),
        ("priority=low", ""),
        ("search=t0&limit=2&skip=1", "T08,T07"),
    ] {
        let list = send(&ann, Method::GET, &format!("/tasks/?{query}"), Value::Null, 200).await;
        assert_eq!(titles(list.at("/tasks")), found, "{query}");
    }
    assert_eq!(
        send(&boss, Method::GET, "/tasks/", Value::Null, 200).await.at("/total"),
        0,
        "own tasks only"
    );
    let answer = send(&ann, Method::GET, "/tasks/?limit=101", Value::Null, 422).await;
    expect_violation(answer.at("/detail/0"), "less_than_equal", json!(["query", "limit"]));
    assert_eq!(answer.at("/detail/0/ctx"), &json!({ "le": 100 }));
}

#[tokio::test]
async fn the_bare_preset_lists_an_array() {
    let app = serve("due-dates-bare").await;
    let ann = client(&app, "ann").await;
    let tasks: Vec<Value> = (0..60).map(|n| json!({ "title": format!("T{n:02}") })).collect();
    create_tasks(&app, &ann, "/tasks/", &tasks).await;
    let list = send(&ann, Method::GET, "/tasks/?search=ignored", Value::Null, 200).await;
    assert_eq!(list.body.as_array().unwrap().len(), 60);
    expect_members(&list.body[0], ROW);
    let list = send(&ann, Method::GET, "/tasks/?skip=58", Value::Null, 200).await;
    assert_eq!(titles(&list.body), "T01,T00");
    assert_eq!(list.at("/0/status"), "pending");
}

#[tokio::test]
async fn single_tasks_follow_the_contract() {
    let app = serve("due-dates").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    let new =
        json!({ "title": "x", "description": "d", "priority": "urgent", "due_date": "2026-01-31T10:00:00Z", "id": 9 });
    let task = send(&ann, Method::POST, "/tasks/", new, 201).await.body;
    expect_members(&task, TASK);
    assert_eq!(
        (&task["status"], &task["due_date"], &task["priority"]),
        (&json!("pending"), &json!("2026-01-31T10:00:00Z"), &json!("urgent"))
    );
    let by_day = send(
        &ann,
        Method::POST,
        "/tasks/",
        json!({ "title": "y", "due_date": "2026-02-01" }),
        201,
    )
    .await;
    assert_eq!(
        (by_day.at("/due_date"), by_day.at("/priority")),
        (&json!("2026-02-01T00:00:00Z"), &json!("medium"))
    );
    let path = format!("/tasks/{}", task["id"]);
    assert_eq!(send(&ann, Method::GET, &path, Value::Null, 200).await.body, task);
    // Responses have whole objects, and every transition is allowed.
    for status in [
        "completed",
        "in_progress",
        "cancelled",
        "in_progress",
        "completed",
        "cancelled",
        "pending",
    ] {
        let mut whole = send(&ann, Method::GET, &path, Value::Null, 200).await.body;
        whole["status"] = json!(status);
        let answer = send(&ann, Method::PUT, &path, whole, 200).await;
        assert_eq!(
            (answer.at("/status"), answer.at("/title")),
            (&json!(status), &json!("x"))
        );
    }
    let answer = send(
        &ann,
        Method::PUT,
        &path,
        json!({ "due_date": null, "description": null }),
        200,
    )
    .await;
    assert_eq!(
        (answer.at("/due_date"), answer.at("/description")),
        (&Value::Null, &Value::Null)
    );
    send(&ann, Method::PUT, &path, json!({}), 200).await;
    for (method, body) in [
        (Method::GET, Value::Null),
        (Method::PUT, json!({})),
        (Method::DELETE, Value::Null),
    ] {
        let answer = send(&bob, method, &path, body, 404).await;
        expect_members(&answer.body, "detail:text");
    }
    let answer = send(&ann, Method::PUT, &path, json!({ "priority": "none" }), 422).await;
    expect_violation(answer.at("/detail/0"), "enum", json!(["body", "priority"]));
    assert_eq!(
        send_malformed(&ann, "/tasks/").await.at("/detail/0/type"),
        "json_invalid"
    );
    let answer = send(&ann, Method::DELETE, &path, Value::Null, 200).await;
    assert_eq!(answer.body, json!({ "message": "Task deleted successfully" }));
    send(&ann, Method::DELETE, &path, Value::Null, 404).await;
}

#[tokio::test]
async fn statistics_and_monitoring_follow_the_contract() {
    let app = serve("due-dates").await;
    let ann = client(&app, "ann").await;
    let tasks = [
        json!({ "title": "A", "priority": "high", "status": "completed" }),
        json!({ "title": "B", "priority": "urgent", "status": "in_progress" }),
        json!({ "title": "C" }),
    ];
    create_tasks(&app, &ann, "/tasks/", &tasks).await;
    let answer = send(&ann, Method::GET, "/tasks/statistics", Value::Null, 200).await;
    let names = [
        "total_tasks",
        "completed_tasks",
        "pending_tasks",
        "in_progress_tasks",
        "high_priority_tasks",
        "urgent_tasks",
    ];
    assert_eq!(
        names.map(|name| answer.body[name].as_i64().unwrap()),
        [3, 1, 1, 1, 1, 1]
    );
    let nobody = app.anonymous();
    let health = send(&nobody, Method::GET, "/monitoring/health", Value::Null, 200).await;
    expect_members(
        &health.body,
        "status:text redis_connected:bool cache_enabled:bool time:number services:object",
    );
    expect_members(health.at("/services"), "cache:text redis:text database:text");
    let metrics = send(&nobody, Method::GET, "/monitoring/metrics", Value::Null, 200).await;
    expect_members(&metrics.body, "timestamp:number tasks:object");
    assert_eq!(
        metrics.at("/tasks"),
        &json!({ "total": 3, "completed": 1, "created_today": 3 })
    );
    expect_members(
        &send(&nobody, Method::GET, "/", Value::Null, 200).await.body,
        "message:text",
    );
}

#[tokio::test]
async fn files_by_name_follow_the_contract() {
    let app = serve("due-dates").await;
    let (ann, bob) = (client(&app, "ann").await, client(&app, "bob").await);
    for content in [b"one", b"two"] {
        let answer = upload(&ann, "/upload", "n.txt", content).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        expect_members(&answer.body, "filename:text file_path:text message:text file_size:int");
        assert_eq!(
            (answer.at("/filename"), answer.at("/file_size")),
            (&json!("n.txt"), &json!(3))
        );
    }
    let answer = send(&ann, Method::GET, "/download/n.txt", Value::Null, 200).await;
    assert_eq!(
        (
            answer.text.as_str(),
            answer.header("content-disposition").starts_with("attachment")
        ),
        ("two", true)
    );
    assert_eq!(
        send(&ann, Method::GET, "/files", Value::Null, 200).await.body,
        json!({ "files": ["n.txt"] })
    );
    send(&bob, Method::GET, "/download/n.txt", Value::Null, 404).await;
    let answer = send(&ann, Method::DELETE, "/delete/n.txt", Value::Null, 200).await;
    expect_members(&answer.body, "message:text");
    send(&ann, Method::GET, "/download/n.txt", Value::Null, 404).await;
    for (name, size) in [("n.exe", 3), ("big.txt", 5 * 1024 * 1024 + 1)] {
        let answer = upload(&ann, "/upload", name, &vec![b'x'; size]).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.text);
        expect_members(&answer.body, "detail:text");
    }
    let empty = ann
        .request(Method::POST, "/upload")
        .header("content-type", crate::support::form::CONTENT_TYPE);
    let form = crate::support::form::Form::default().text("note", "x").end();
    let answer = ann.send(empty.body(form.into()).unwrap()).await;
    assert_eq!(answer.status, 422);
    expect_violation(answer.at("/detail/0"), "missing", json!(["body", "file"]));
}
