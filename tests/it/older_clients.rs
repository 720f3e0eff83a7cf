//! Clients of five older task APIs, as documented there, against the real binary. Only the host differs.

use axum::http::Method;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::database::TestDatabase;
use crate::support::process::{Sandbox, Server, read};

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

/// A server with its database, which must outlive it.
struct Home {
    server: Server,
    _database: TestDatabase,
}

async fn serve() -> Home {
    let database = TestDatabase::create().await;
    Home {
        server: Sandbox::over(&database).serve().await,
        _database: database,
    }
}

#[track_caller]
fn expect(answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer
}

struct Client {
    home: Home,
    token: String,
}

impl Client {
    /// Signs up or in as the older API documents it, and keeps the token.
    async fn sign_in(home: Home, path: &str, account: Value, status: u16) -> (Self, Answer) {
        let answer = expect(home.server.rest("", POST, path, account).await, status);
        let token = answer.at("/access_token").as_str().unwrap().to_owned();
        (Self { home, token }, answer)
    }

    async fn sends(&self, method: Method, path: &str, body: Value, status: u16) -> Answer {
        expect(self.home.server.rest(&self.token, method, path, body).await, status)
    }

    async fn gets(&self, path: &str) -> Answer {
        self.sends(GET, path, Value::Null, 200).await
    }

    /// Creates a task and returns its id.
    async fn creates(&self, path: &str, task: Value) -> i64 {
        self.sends(POST, path, task, 201).await.at("/id").as_i64().unwrap()
    }

    async fn uploads(&self, path: &str, filename: &str, content: &'static [u8]) -> Answer {
        let form = Form::new().part("file", Part::bytes(content).file_name(filename.to_owned()));
        let request = self.home.server.request(&self.token, POST, path).multipart(form);
        read(request).await.unwrap()
    }
}

fn titles(list: &Answer) -> Vec<&str> {
    let items = list.at("/items").as_array().unwrap();
    items.iter().map(|task| task["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_client_that_pages_by_skip_and_limit_works() {
    let account = json!({ "email": "ann@example.com", "username": "ann", "password": "SecurePass123" });
    let (client, answer) = Client::sign_in(serve().await, "/api/v1/auth/register", account, 201).await;
    assert_eq!(answer.at("/token_type"), "bearer");
    assert!(answer.at("/user/id").is_i64());
    assert_eq!(answer.at("/user/role"), "user");

    for title in ["First", "Second"] {
        client.creates("/api/v1/tasks", json!({ "title": title })).await;
    }
    let path = "/api/v1/tasks?skip=0&limit=10&status=todo&sort_by=created_at";
    let list = client.gets(path).await;
    assert_eq!(titles(&list), ["Second", "First"]);
    assert_eq!(
        (list.at("/skip"), list.at("/limit"), list.at("/total")),
        (&json!(0), &json!(10), &json!(2))
    );

    let done = client
        .sends(PATCH, "/api/v1/tasks/1", json!({ "status": "done" }), 200)
        .await;
    assert_eq!(
        (done.at("/status"), done.at("/completed")),
        (&json!("done"), &json!(true))
    );
    assert_eq!(titles(&client.gets(path).await), ["Second"]);
}

#[tokio::test]
async fn a_client_that_signs_in_by_email_works() {
    let account = json!({ "email": "ann@example.com", "password": "secure123", "full_name": "Ann Example" });
    let (client, answer) = Client::sign_in(serve().await, "/api/v1/auth/register", account, 201).await;
    assert_eq!(
        (answer.at("/email"), answer.at("/full_name")),
        (&json!("ann@example.com"), &json!("Ann Example"))
    );

    let login = json!({ "email": "ann@example.com", "password": "secure123" });
    let (client, answer) = Client::sign_in(client.home, "/api/v1/auth/login", login, 200).await;
    assert!(answer.at("/refresh_token").is_string());
    assert_eq!(answer.at("/user/full_name"), "Ann Example");
    assert_eq!(client.gets("/api/v1/auth/me").await.at("/email"), "ann@example.com");
}

#[tokio::test]
async fn a_client_without_a_prefix_works() {
    let account = json!({ "username": "ann", "email": "ann@example.com", "password": "password123" });
    let (client, _) = Client::sign_in(serve().await, "/auth/register", account, 201).await;
    let login = json!({ "username": "ann", "password": "password123" });
    let (client, _) = Client::sign_in(client.home, "/auth/login", login, 200).await;

    let form = client.home.server.request("", POST, "/auth/login/access-token");
    let form = form.form(&[("username", "ann"), ("password", "password123")]);
    let token = expect(read(form).await.unwrap(), 200);
    assert_eq!(token.at("/token_type"), "bearer");
    let client = Client {
        token: token.at("/access_token").as_str().unwrap().to_owned(),
        ..client
    };

    for path in ["/tasks/", "/tasks"] {
        let task = json!({ "title": "Explain xy", "priority": "high" });
        assert_eq!(client.sends(POST, path, task, 201).await.at("/priority"), "high");
    }
    client.creates("/tasks/", json!({ "title": "Rest" })).await;
    let list = client.gets("/tasks/?status=pending&priority=high&search=xy").await;
    assert_eq!(titles(&list), ["Explain xy", "Explain xy"]);

    let file = expect(client.uploads("/upload", "notes.txt", b"to be kept").await, 201);
    assert_eq!(file.at("/filename"), "notes.txt");
    assert_eq!(client.gets("/download/notes.txt").await.text, "to be kept");
    client.sends(DELETE, "/delete/notes.txt", Value::Null, 204).await;
    client.sends(GET, "/download/notes.txt", Value::Null, 404).await;
}

#[tokio::test]
async fn a_client_that_uses_tags_works() {
    let account = json!({ "email": "ann@example.com", "password": "secure123" });
    let (client, _) = Client::sign_in(serve().await, "/auth/register", account, 201).await;
    let late = json!({ "title": "Late", "tags": ["work"], "due_date": "2020-01-31", "priority": "low" });
    let later = json!({ "title": "Later", "tags": ["Work"], "due_date": "2020-01-31", "priority": "urgent" });
    let (one, two) = (
        client.creates("/tasks", late).await,
        client.creates("/tasks", later).await,
    );
    client
        .creates("/tasks", json!({ "title": "Elsewhere", "tags": ["home"] }))
        .await;

    let path = "/tasks?tag=work&overdue=true&completed=false&sort_by=priority";
    assert_eq!(titles(&client.gets(path).await), ["Later", "Late"]);

    let tagged = client
        .sends(POST, "/tasks/1/tags", json!({ "tags": ["a", "b"] }), 200)
        .await;
    assert_eq!(tagged.at("/tags"), &json!(["a", "b", "work"]));
    client.sends(DELETE, "/tasks/1/tags/a", Value::Null, 204).await;
    assert_eq!(client.gets("/tasks/1").await.at("/tags"), &json!(["b", "work"]));

    let bulk = json!({ "task_ids": [one, two], "update": { "completed": true } });
    let bulk = client.sends(PATCH, "/tasks/bulk", bulk, 200).await;
    assert_eq!(
        (bulk.at("/successful"), bulk.at("/results/0/task/status")),
        (&json!(2), &json!("done"))
    );
    let counts = client.gets("/tasks/stats").await;
    assert_eq!((counts.at("/total"), counts.at("/completed")), (&json!(3), &json!(2)));

    let file = expect(client.uploads("/tasks/1/files", "notes.txt", b"to be kept").await, 201);
    assert_eq!(file.at("/task_id"), 1);
    assert_eq!(client.gets(file.at("/url").as_str().unwrap()).await.text, "to be kept");
}

#[tokio::test]
async fn a_client_of_the_workflow_works() {
    let account = json!({ "email": "ann@example.com", "password": "secure123" });
    let (client, _) = Client::sign_in(serve().await, "/api/v1/auth/register", account, 201).await;
    for title in ["A", "B", "C"] {
        client
            .creates("/api/v1/tasks", json!({ "title": title, "priority": "high" }))
            .await;
    }
    let list = client
        .gets("/api/v1/tasks?status=todo&priority=high&page=1&per_page=10")
        .await;
    assert_eq!(titles(&list), ["C", "B", "A"]);
    let numbers = ["/page", "/per_page", "/pages", "/total"].map(|name| list.at(name).as_i64().unwrap());
    assert_eq!(numbers, [1, 10, 1, 3]);

    let moved = json!({ "target_status": "in_progress" });
    let moved = client.sends(POST, "/api/v1/tasks/1/transition", moved, 200).await;
    assert_eq!(moved.at("/status"), "in_progress");
    client
        .sends(PATCH, "/api/v1/tasks/2", json!({ "status": "done" }), 200)
        .await;

    let many = json!({ "task_ids": [1, 2, 3], "target_status": "in_progress" });
    let many = client.sends(POST, "/api/v1/tasks/bulk-status", many, 200).await;
    let numbers = ["/total", "/successful", "/failed"].map(|name| many.at(name).as_i64().unwrap());
    assert_eq!(numbers, [3, 2, 1]);
    assert_eq!(
        many.at("/results/1"),
        &json!({ "task_id": 2, "success": false, "previous_status": "done", "new_status": null,
            "code": "INVALID_TRANSITION", "error": "Invalid transition from 'done' to 'in_progress'" })
    );

    let force = "/api/v1/tasks/1/force";
    expect(client.home.server.rest("", DELETE, force, Value::Null).await, 401);
    client.sends(DELETE, force, Value::Null, 204).await;
    client.sends(GET, "/api/v1/tasks/1", Value::Null, 404).await;
    let metrics = expect(client.home.server.rest("", GET, "/ops/metrics", Value::Null).await, 200);
    assert!(metrics.at("/total_requests").as_u64().unwrap() > 5);
    assert!(metrics.at("/status_codes/201").as_u64().unwrap() >= 4);
}
