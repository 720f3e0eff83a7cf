//! Selection of the dialect: by the setting, or by a header for one request.

use axum::http::Method;
use serde_json::{Value, json};
use taskwire::config::{Config, RestDialect};

use super::{create_tasks, send, serve};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

async fn list_in(person: &Person<'_>, dialect: &str) -> Answer {
    let request = person.request(Method::GET, "/tasks").header("x-rest-dialect", dialect);
    person.send(request.body(Vec::new().into()).unwrap()).await
}

#[tokio::test]
async fn the_header_selects_the_dialect_of_one_request() {
    for setting in ["taskwire", "skip-limit"] {
        let app = serve(setting).await;
        let ann = app.member().await;
        create_tasks(&app, &ann, "/tasks", &[json!({ "title": "T" })]).await;
        for (dialect, member) in [
            ("taskwire", Some("items")),
            ("skip-limit", Some("tasks")),
            ("accounts", Some("tasks")),
            ("due-dates", Some("tasks")),
            ("due-dates-bare", None),
            ("tags-files", None),
            ("tags-files-paged", Some("tasks")),
            ("workflow", Some("items")),
        ] {
            let answer = list_in(&ann, dialect).await;
            let rows = member.map_or(&answer.body, |member| &answer.body[member]);
            assert_eq!(rows[0]["title"], "T", "{dialect}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_dialect_that_does_not_exist_is_refused_with_those_that_do() {
    let app = TestApp::start().await;
    let names = "taskwire, skip-limit, accounts, due-dates, due-dates-bare, tags-files, tags-files-paged, workflow";
    for name in ["", "Taskwire", "fastapi", "\u{fc}"] {
        let answer = list_in(&app.anonymous(), name).await;
        assert_eq!(answer.problem(), (400, "BAD_REQUEST", ""), "{name}");
        assert!(answer.detail().contains(names), "{}", answer.text);
    }
    let vars = [("REST_DIALECT", "fastapi"), ("SECRET_KEY", crate::support::SECRET_KEY)];
    let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = Config::from_vars(&vars.into()).unwrap_err().to_string();
    assert!(
        error.starts_with("REST_DIALECT is \"fastapi\"; allowed: ") && error.contains("tags-files-paged"),
        "{error}"
    );
    assert_eq!(RestDialect::ALL.map(RestDialect::as_str).join(", "), names);
}

#[tokio::test]
async fn the_header_adds_no_route() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (method, path) in [
        (Method::GET, "/async/external"),
        (Method::POST, "/async/background-task?task_name=t"),
    ] {
        let request = nobody.request(method, path).header("x-rest-dialect", "skip-limit");
        let answer = nobody.send(request.body(Vec::new().into()).unwrap()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.at("/error/code")),
            (401, &json!("UNAUTHORIZED")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn browsers_may_send_the_header() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let request = nobody
        .request(Method::OPTIONS, "/api/v1/tasks")
        .header("origin", "https://app.example.com")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", "authorization,x-rest-dialect");
    let answer = nobody.send(request.body(Vec::new().into()).unwrap()).await;
    assert!(answer.header("access-control-allow-headers").contains("x-rest-dialect"));
}

#[tokio::test]
async fn graphql_has_no_dialects() {
    let app = serve("tags-files").await;
    let ann = app.member().await;
    create_tasks(&app, &ann, "/tasks", &[json!({ "title": "T", "completed": true })]).await;
    let answer = ann.graphql("{ tasks { nodes { title status } } }", json!({})).await;
    assert_eq!(
        answer.data()["tasks"]["nodes"],
        json!([{ "title": "T", "status": "DONE" }])
    );
}

#[tokio::test]
async fn the_openapi_document_is_that_of_the_dialect() {
    for dialect in RestDialect::ALL {
        let app = serve(dialect.as_str()).await;
        let document = send(&app.anonymous(), Method::GET, "/openapi.json", Value::Null, 200)
            .await
            .body;
        let operation = &document["paths"]["/api/v1/tasks"]["get"];
        let names = operation["parameters"].as_array().unwrap().iter();
        let names: Vec<&str> = names.filter_map(|parameter| parameter["name"].as_str()).collect();
        assert_eq!(names.contains(&"cursor"), dialect == RestDialect::Taskwire, "{names:?}");
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        let is_bare = matches!(dialect, RestDialect::TagsFiles | RestDialect::DueDatesBare);
        assert_eq!(schema["type"] == "array", is_bare, "{schema}");
    }
}

#[tokio::test]
async fn a_key_stored_in_one_dialect_is_replayed_in_another() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let create = async |dialect: &str| {
        let request = ann
            .request(Method::POST, "/tasks")
            .header("x-rest-dialect", dialect)
            .header("idempotency-key", "once")
            .header("content-type", "application/json");
        let body = json!({ "title": "T" }).to_string();
        ann.send(request.body(body.into()).unwrap()).await
    };
    let (first, second) = (create("taskwire").await, create("due-dates").await);
    assert_eq!(
        (first.at("/status"), second.at("/status")),
        (&json!("todo"), &json!("pending"))
    );
    assert_eq!(
        (first.at("/id"), second.header("idempotency-replayed")),
        (second.at("/id"), "true")
    );
}

#[tokio::test]
async fn unknown_parameters_are_ignored_on_every_route() {
    let others = RestDialect::ALL
        .into_iter()
        .filter(|dialect| *dialect != RestDialect::Taskwire);
    for dialect in others {
        let app = serve(dialect.as_str()).await;
        let ann = app.member().await;
        let task = send(&ann, Method::POST, "/tasks?_=1", json!({ "title": "T" }), 201).await;
        for path in [
            format!("/tasks/{}?_=1", task.at("/id")),
            "/tasks/stats?_=1".to_owned(),
            "/auth/me?_=1".to_owned(),
        ] {
            send(&ann, Method::GET, &path, Value::Null, 200).await;
        }
    }
}

#[tokio::test]
async fn internal_errors_have_the_code_of_the_dialect() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("below");
    for (dialect, code) in [
        ("skip-limit", "INTERNAL_SERVER_ERROR"),
        ("accounts", "INTERNAL"),
        ("workflow", "INTERNAL_ERROR"),
    ] {
        let settings = [("REST_DIALECT", dialect), ("UPLOAD_DIR", below.to_str().unwrap())];
        let app = TestApp::start_with(&settings).await;
        let answer = app.member().await.posts_file("/upload", "n.txt", b"hi").await;
        let given = (answer.status.as_u16(), answer.at("/error/code"));
        assert_eq!(given, (500, &json!(code)), "{}", answer.text);
    }
}
