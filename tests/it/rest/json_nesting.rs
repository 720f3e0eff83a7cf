//! Deeply nested JSON: refused by every REST route that reads JSON.

use axum::http::Method;
use serde_json::json;

use super::{create_task_at, expect_refusal, get};
use crate::support::TestApp;

#[tokio::test]
async fn a_deeply_nested_body_is_refused_by_every_route_that_reads_json() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let task = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let before = app.footprint().await;
    for (person, method, path) in [
        (&nobody, Method::POST, "/auth/register"),
        (&nobody, Method::POST, "/auth/login"),
        (&nobody, Method::POST, "/auth/refresh"),
        (&ann, Method::POST, "/tasks"),
        (&ann, Method::PATCH, "/tasks/bulk"),
        (&ann, Method::POST, "/tasks/bulk-status"),
        (&ann, Method::PUT, &task),
        (&ann, Method::PATCH, &task),
        (&ann, Method::POST, &format!("{task}/assign")),
        (&ann, Method::POST, &format!("{task}/transition")),
        (&ann, Method::POST, &format!("{task}/tags")),
        (&ann, Method::POST, "/async/background-task"),
        (&ann, Method::PATCH, &format!("/users/{}", ann.id)),
    ] {
        for (body, depth) in [
            ("[".repeat(100_000), 100_000),
            (r#"{"title":"#.repeat(100_000), 100_000),
            (format!("{}1{}", r#"{"tags":["#.repeat(100), "]}".repeat(100)), 200),
            (
                format!(r#"{{"title": "T", "more": {}{}}}"#, "[".repeat(64), "]".repeat(64)),
                65,
            ),
        ] {
            for key in ["", "key"] {
                let request = person
                    .request(method.clone(), path)
                    .header("content-type", "application/json");
                let request = if key.is_empty() {
                    request
                } else {
                    request.header("idempotency-key", key)
                };
                let answer = person.send(request.body(body.clone().into()).unwrap()).await;
                let message = format!("nested {depth} levels deep; up to 64 are allowed");
                expect_refusal(&answer, (400, "BAD_REQUEST", ""), &message);
            }
        }
    }
    assert_eq!(app.footprint().await, before);
    assert_eq!(get(&ann, &task).await.at("/title"), "Kept");
}
