//! Paths of the routes, and errors for unknown paths and methods.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_task, create_task_at, expect_refusal, expect_status, get};
use crate::support::TestApp;

#[tokio::test]
async fn every_route_answers_under_both_prefixes_with_and_without_a_trailing_slash() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (method, route) in taskwire::rest::route_names() {
        let segments = route.split('/');
        let segments = segments.map(|segment| if segment.starts_with('{') { "1" } else { segment });
        let path = segments.collect::<Vec<_>>().join("/");
        let mut problems = Vec::new();
        for path in [
            format!("/api/v1{path}"),
            format!("/api/v1{path}/"),
            path.clone(),
            format!("{path}/"),
        ] {
            let answer = nobody.rest(method.clone(), &path, json!({})).await;
            let (status, code, _) = answer.problem();
            assert!([401, 415, 422].contains(&status), "{method} {path}: {}", answer.text);
            problems.push((status, code.to_owned(), answer.detail().to_owned()));
        }
        assert!(
            problems.iter().all(|one| *one == problems[0]),
            "{method} {route} answers {problems:?}"
        );
    }
}

#[tokio::test]
async fn a_task_is_the_same_at_each_of_its_paths() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = create_task(&ann, json!({ "title": "T" })).await;
    let id = &task["id"];
    for path in [
        format!("/api/v1/tasks/{id}"),
        format!("/api/v1/tasks/{id}/"),
        format!("/tasks/{id}"),
        format!("/tasks/{id}/"),
    ] {
        assert_eq!(expect_status(get(&ann, &path).await, 200).body, task);
    }
    for path in ["/api/v1/tasks", "/api/v1/tasks/", "/tasks", "/tasks/"] {
        let answer = ann.rest(Method::POST, path, json!({ "title": path })).await;
        let answer = expect_status(answer, 201);
        let canonical = format!("/api/v1/tasks/{}", answer.at("/id"));
        assert_eq!(answer.header("location"), canonical);
        let answer = expect_status(get(&ann, &format!("{path}?sort_by=id&limit=1")).await, 200);
        assert_eq!(answer.at("/items/0/title"), path);
    }
}

#[tokio::test]
async fn an_unknown_path_has_an_error_envelope() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (path, shown) in [
        ("/api/v1", "/api/v1"),
        ("/api/v2/tasks", "/api/v2/tasks"),
        ("/api/tasks", "/api/tasks"),
        ("/task", "/task"),
        ("/tasks/1/unknown", "/tasks/1/unknown"),
        ("/api/v1//tasks?limit=1", "/api/v1//tasks"),
        ("/Tasks", "/Tasks"),
    ] {
        for person in [&ann, &app.anonymous()] {
            for method in [Method::GET, Method::POST, Method::DELETE] {
                let answer = person.rest(method, path, Value::Null).await;
                let message = format!("There is nothing at {shown}; REST is under /api/v1");
                expect_refusal(&answer, (404, "NOT_FOUND", ""), &message);
            }
        }
    }
}

#[tokio::test]
async fn an_error_for_a_wrong_method_lists_the_allowed_ones() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let before = app.footprint().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/api/v1/tasks", "GET HEAD POST"),
        (Method::PATCH, "/tasks/", "GET HEAD POST"),
        (Method::POST, task.as_str(), "DELETE GET HEAD PATCH PUT"),
        (Method::GET, "/api/v1/tasks/1/assign", "POST"),
        (Method::GET, "/api/v1/tasks/1/force", "DELETE"),
        (Method::GET, "/api/v1/tasks/1/tags/t", "DELETE"),
        (Method::PUT, "/api/v1/tasks/statistics", "GET HEAD"),
        (Method::GET, "/api/v1/auth/login", "POST"),
        (Method::POST, "/api/v1/users", "GET HEAD"),
        (Method::PUT, "/api/v1/users/1", "DELETE GET HEAD PATCH"),
        (Method::TRACE, "/api/v1/auth/me", "GET HEAD"),
    ] {
        let answer = ann.rest(method.clone(), path, Value::Null).await;
        let message = format!("{method} does not work on {path}; the Allow header lists what does");
        expect_refusal(&answer, (405, "METHOD_NOT_ALLOWED", ""), &message);
        let mut methods: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
        methods.sort_unstable();
        assert_eq!(methods.join(" "), allowed, "{method} {path}");
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn head_has_the_response_of_get_without_the_body() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = create_task_at(&ann, json!({ "title": "T" })).await;
    for path in [task.as_str(), "/api/v1/tasks", "/api/v1/users/1"] {
        let full = expect_status(get(&ann, path).await, 200);
        let head = expect_status(ann.rest(Method::HEAD, path, Value::Null).await, 200);
        assert_eq!(head.text, "");
        assert_eq!(head.header("content-type"), full.header("content-type"));
        assert_eq!(head.header("content-length"), full.text.len().to_string());
    }
}

#[tokio::test]
async fn a_request_keeps_the_id_of_its_header() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for path in ["/api/v1/tasks", "/api/v1/tasks/999999", "/nowhere"] {
        let request = ann
            .request(Method::GET, path)
            .header("x-request-id", "from-the-client-1");
        let answer = ann.send(request.body(String::new().into()).unwrap()).await;
        assert_eq!(answer.header("x-request-id"), "from-the-client-1", "{path}");
        if !answer.status.is_success() {
            assert_eq!(answer.at("/error/request_id"), "from-the-client-1");
        }
    }
}
