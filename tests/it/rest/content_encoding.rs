//! Bodies with a content coding, such as gzip, are refused.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_task_at, expect_refusal, expect_status, get, whole};
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const JSON: &str = "application/json";

async fn send(
    person: &Person<'_>,
    method: &Method,
    path: &str,
    (kind, encoding): (&str, &str),
    body: Vec<u8>,
) -> Answer {
    let request = person
        .request(method.clone(), path)
        .header("content-type", kind)
        .header("content-encoding", encoding);
    person.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn an_encoded_body_is_refused_by_every_route_that_reads_one() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let task = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let number: i64 = task.rsplit('/').next().unwrap().parse().unwrap();
    let form = Form::default().file("file", "a.txt", b"text").end();
    let login = format!("username={}&password={PASSWORD}", ann.name);
    let account = format!("/api/v1/users/{}", ann.id);
    let json = |value: Value| value.to_string().into_bytes();
    let before = app.footprint().await;
    for (person, method, path, kind, body) in [
        (
            &nobody,
            Method::POST,
            "/auth/register",
            JSON,
            json(json!({ "email": "a@example.com", "password": PASSWORD })),
        ),
        (
            &nobody,
            Method::POST,
            "/auth/login",
            JSON,
            json(json!({ "username": ann.name, "password": PASSWORD })),
        ),
        (
            &nobody,
            Method::POST,
            "/auth/login/access-token",
            "application/x-www-form-urlencoded",
            login.into_bytes(),
        ),
        (
            &nobody,
            Method::POST,
            "/auth/refresh",
            JSON,
            json(json!({ "refresh_token": ann.refresh_token })),
        ),
        (&ann, Method::POST, "/tasks", JSON, json(json!({ "title": "T" }))),
        (&ann, Method::POST, "/tasks", JSON, b"not json".to_vec()),
        (
            &ann,
            Method::PATCH,
            "/tasks/bulk",
            JSON,
            json(json!({ "task_ids": [number], "update": { "title": "U" } })),
        ),
        (
            &ann,
            Method::POST,
            "/tasks/bulk-status",
            JSON,
            json(json!({ "task_ids": [number], "target_status": "done" })),
        ),
        (&ann, Method::PUT, &task, JSON, json(whole(json!({ "title": "U" })))),
        (&ann, Method::PATCH, &task, JSON, json(json!({ "title": "U" }))),
        (
            &ann,
            Method::POST,
            &format!("{task}/assign"),
            JSON,
            json(json!({ "assignee_id": ann.id })),
        ),
        (
            &ann,
            Method::POST,
            &format!("{task}/transition"),
            JSON,
            json(json!({ "target_status": "done" })),
        ),
        (&ann, Method::POST, &format!("{task}/tags"), JSON, json(json!(["red"]))),
        (&ann, Method::POST, &format!("{task}/files"), CONTENT_TYPE, form.clone()),
        (&ann, Method::POST, "/upload", CONTENT_TYPE, form.clone()),
        (
            &ann,
            Method::POST,
            "/async/background-task",
            JSON,
            json(json!({ "message": "M" })),
        ),
        (&ann, Method::PATCH, &account, JSON, json(json!({ "full_name": "Ann" }))),
    ] {
        for encoding in ["gzip", "br", "identity, GZIP"] {
            let answer = send(person, &method, path, (kind, encoding), body.clone()).await;
            expect_refusal(
                &answer,
                (415, "UNSUPPORTED_MEDIA_TYPE", ""),
                &format!(
                    "The body has the content encoding '{encoding}'; send it uncompressed, without Content-Encoding"
                ),
            );
            assert_eq!(answer.header("accept-encoding"), "identity", "{method} {path}");
        }
    }
    assert_eq!(app.footprint().await, before);
    app.expect_stored_files(0).await;
    // Without a token the answer is 401.
    let answer = send(&nobody, &Method::POST, "/tasks", (JSON, "gzip"), b"{}".to_vec()).await;
    assert_eq!(answer.problem(), (401, "UNAUTHENTICATED", ""));
}

#[tokio::test]
async fn a_refused_body_claims_no_idempotency_key_and_identity_is_allowed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = json!({ "title": "T" }).to_string();
    for (encoding, status) in [("gzip", 415), ("identity", 201), ("", 201), ("Identity", 201)] {
        let request = ann
            .request(Method::POST, "/api/v1/tasks")
            .header("content-type", JSON)
            .header("content-encoding", encoding)
            .header("idempotency-key", format!("key-{status}"));
        let answer = ann.send(request.body(body.clone().into()).unwrap()).await;
        expect_status(answer, status);
    }
    let request = ann
        .request(Method::POST, "/api/v1/tasks")
        .header("content-type", JSON)
        .header("idempotency-key", "key-415");
    let answer = ann.send(request.body(body.into()).unwrap()).await;
    assert_eq!(answer.header("idempotency-replayed"), "");
    expect_status(answer, 201);
    // A 415 for another reason does not name the encoding.
    let request = ann
        .request(Method::POST, "/api/v1/tasks")
        .header("content-type", "text/plain");
    let answer = ann.send(request.body("T".into()).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.header("accept-encoding")), (415, ""));
    // Routes without a body ignore the encoding.
    let request = ann
        .request(Method::GET, "/api/v1/tasks")
        .header("content-encoding", "gzip");
    expect_status(ann.send(request.body("".into()).unwrap()).await, 200);
    expect_status(get(&ann, "/api/v1/tasks").await, 200);
}
