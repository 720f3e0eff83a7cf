//! `Idempotency-Key`: a repeated write is executed once.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use taskwire::domain::idempotency::Claim;
use taskwire::domain::task::TaskDraft;

use super::{create_task, create_task_at, expect_refusal, expect_status, get, patch, whole};
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const REPLAYED: &str = "idempotency-replayed";

/// Sends a write with a key and these headers; null means no body.
async fn send(
    person: &Person<'_>,
    key: &str,
    method: Method,
    path: &str,
    body: &Value,
    also: &[(&str, &str)],
) -> Answer {
    let mut request = person.request(method, path).header("idempotency-key", key);
    for (name, value) in also {
        request = request.header(*name, *value);
    }
    let request = if body.is_null() {
        request.body(Body::empty())
    } else {
        let request = request.header(header::CONTENT_TYPE, "application/json");
        request.body(body.to_string().into())
    };
    person.send(request.unwrap()).await
}

async fn create(person: &Person<'_>, key: &str, title: &str) -> Answer {
    let task = json!({ "title": title });
    send(person, key, Method::POST, "/api/v1/tasks", &task, &[]).await
}

async fn count(app: &TestApp, table: &str) -> i64 {
    app.database
        .number(&format!("SELECT COUNT(*) AS number FROM {table}"))
        .await
}

#[tokio::test]
async fn a_repeated_write_gets_the_first_response_and_is_not_executed_again() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let first = expect_status(create(&ann, "k-1", "Once").await, 201);
    assert_eq!(first.header(REPLAYED), "");
    app.advance(TimeDelta::minutes(20));
    let second = expect_status(create(&ann, "k-1", "Once").await, 201);
    assert_eq!(second.header(REPLAYED), "true");
    assert_eq!(second.text, first.text);
    for name in ["location", "etag", "content-type"] {
        assert!(!first.header(name).is_empty(), "{name}");
        assert_eq!(second.header(name), first.header(name), "{name}");
    }
    assert_ne!(second.header("x-request-id"), first.header("x-request-id"));
    assert_eq!(count(&app, "tasks").await, 1);

    // Another key is another request, and so is the same key of another user.
    for (person, key) in [(&ann, "k-2"), (&bob, "k-1")] {
        let answer = expect_status(create(person, key, "Once").await, 201);
        assert_eq!(answer.header(REPLAYED), "");
    }
    assert_eq!(count(&app, "tasks").await, 3);
}

#[tokio::test]
async fn every_kind_of_write_is_executed_once() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = create_task(&ann, json!({ "title": "T", "tags": ["a"] })).await;
    let (id, path) = (&task["id"], format!("/api/v1/tasks/{}", task["id"]));
    let at = |end: &str| format!("{path}{end}");
    let writes = [
        (Method::PATCH, path.clone(), json!({ "title": "U" }), 200),
        (Method::PUT, path.clone(), whole(json!({ "title": "V" })), 200),
        (Method::POST, at("/tags"), json!(["b"]), 200),
        (Method::DELETE, at("/tags/b"), Value::Null, 204),
        (Method::POST, at("/assign"), json!({ "assignee_id": bob.id }), 200),
        (Method::POST, at("/transition"), json!({ "target_status": "done" }), 200),
        (
            Method::PATCH,
            "/api/v1/tasks/bulk".to_owned(),
            json!({ "task_ids": [id], "priority": "low" }),
            200,
        ),
        (
            Method::POST,
            "/api/v1/tasks/bulk-status".to_owned(),
            json!({ "task_ids": [id], "target_status": "todo" }),
            200,
        ),
        (Method::DELETE, path.clone(), Value::Null, 204),
        (Method::POST, at("/restore"), Value::Null, 200),
        (Method::DELETE, at("/force"), Value::Null, 204),
        (
            Method::PATCH,
            format!("/api/v1/users/{}", ann.id),
            json!({ "full_name": "Ann" }),
            200,
        ),
    ];
    for (number, (method, path, body, status)) in writes.into_iter().enumerate() {
        let key = format!("k{number}");
        let first = expect_status(send(&ann, &key, method.clone(), &path, &body, &[]).await, status);
        let footprint = app.footprint().await;
        let second = expect_status(send(&ann, &key, method.clone(), &path, &body, &[]).await, status);
        assert_eq!(
            (second.header(REPLAYED), &second.text, second.header("etag")),
            ("true", &first.text, first.header("etag")),
            "{method} {path}"
        );
        assert_eq!(app.footprint().await, footprint, "{method} {path}");
    }
}

#[tokio::test]
async fn equivalent_paths_share_a_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    expect_status(create(&ann, "k", "T").await, 201);
    let task = json!({ "title": "T" });
    for path in ["/tasks", "/tasks/", "/api/v1/tasks/"] {
        let again = expect_status(send(&ann, "k", Method::POST, path, &task, &[]).await, 201);
        assert_eq!(again.header(REPLAYED), "true", "{path}");
    }
    assert_eq!(count(&app, "tasks").await, 1);
}

#[tokio::test]
async fn a_key_of_another_request_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = create_task_at(&ann, json!({ "title": "T" })).await;
    let change = json!({ "title": "One" });
    expect_status(send(&ann, "k", Method::PATCH, &task, &change, &[]).await, 200);
    let other = create_task_at(&ann, json!({ "title": "Other" })).await;
    let before = app.footprint().await;
    let same = (Method::PATCH, task.as_str(), &change);
    for (method, path, body, headers) in [
        (same.0.clone(), same.1, &json!({ "title": "Two" }), &[][..]),
        (Method::PUT, same.1, same.2, &[]),
        (same.0.clone(), other.as_str(), same.2, &[]),
        (same.0.clone(), &format!("{task}?x=1"), same.2, &[]),
        (same.0.clone(), same.1, same.2, &[("if-match", "\"1\"")]),
    ] {
        let answer = send(&ann, "k", method, path, body, headers).await;
        let refusal = (400, "BAD_USER_INPUT", "Idempotency-Key");
        expect_refusal(&answer, refusal, "Idempotency-Key 'k' came with another request before");
    }
    // REST and GraphQL do not share responses.
    let document = json!({ "query": "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }" });
    let by_graphql = send(&ann, "k", Method::POST, "/graphql", &document, &[]).await;
    assert_eq!(by_graphql.error_code(), "BAD_USER_INPUT");
    for key in ["", "a b", &"x".repeat(256)] {
        let answer = send(&ann, key, same.0.clone(), same.1, same.2, &[]).await;
        expect_refusal(
            &answer,
            (400, "BAD_USER_INPUT", "Idempotency-Key"),
            "1 to 255 visible ASCII",
        );
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn of_concurrent_requests_one_is_executed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answers = join_all((0..8).map(|_| create(&ann, "k", "Once"))).await;
    assert_eq!(count(&app, "tasks").await, 1);
    let mut done = 0;
    for answer in &answers {
        if answer.status == 201 {
            done += usize::from(answer.header(REPLAYED).is_empty());
        } else {
            assert_eq!(answer.problem(), (503, "UNAVAILABLE", ""), "{}", answer.text);
            assert_eq!(answer.header("retry-after"), "1");
        }
    }
    assert_eq!(done, 1, "{answers:?}");
}

#[tokio::test]
async fn a_key_expires_after_a_day() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "4000")]).await;
    let ann = app.member().await;
    expect_status(create(&ann, "k", "T").await, 201);
    app.advance(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(create(&ann, "k", "T").await.header(REPLAYED), "true");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(create(&ann, "k", "T").await.header(REPLAYED), "");
    assert_eq!(count(&app, "tasks").await, 2);
}

#[tokio::test]
async fn a_write_without_effect_may_be_sent_again() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = create_task(&ann, json!({ "title": "T" })).await;
    let path = format!("/api/v1/tasks/{}", task["id"]);
    let (wrong, right) = (json!({ "title": "" }), json!({ "title": "U" }));
    for _ in 0..2 {
        let answer = send(&ann, "k", Method::PATCH, &path, &wrong, &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header(REPLAYED)), (422, ""));
    }
    let stale = send(&ann, "k", Method::PATCH, &path, &right, &[("if-match", "\"7\"")]).await;
    assert_eq!((stale.status.as_u16(), stale.header(REPLAYED)), (412, ""));
    assert_eq!(count(&app, "idempotency_keys").await, 0);
    expect_status(send(&ann, "k", Method::PATCH, &path, &right, &[]).await, 200);
}

/// The attempt is counted, but that is not the write of the request.
#[tokio::test]
async fn a_write_with_a_wrong_password_may_be_sent_again_with_the_right_one() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = format!("/api/v1/users/{}", ann.id);
    let change = |password: &str| json!({ "email": "ann@example.org", "current_password": password });
    for _ in 0..2 {
        let answer = send(&ann, "k", Method::PATCH, &path, &change("Wrong-1234"), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.header(REPLAYED)), (401, ""));
    }
    assert_eq!(count(&app, "idempotency_keys").await, 0);
    // Of the account, and of the account from this address.
    let counted = "SELECT COUNT(*) AS number FROM login_attempts WHERE failures = 2";
    assert_eq!(app.database.number(counted).await, 2);
    expect_status(send(&ann, "k", Method::PATCH, &path, &change(PASSWORD), &[]).await, 200);
}

/// Simulates a crash before the response was stored.
async fn forget_answer(app: &TestApp) {
    app.database
        .execute("UPDATE idempotency_keys SET response = NULL")
        .await;
}

#[tokio::test]
async fn a_write_interrupted_after_its_commit_is_not_executed_twice() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for title in ["Plain", "Tagged"] {
        let task = json!({ "title": title, "tags": if title == "Tagged" { vec!["a"] } else { vec![] } });
        let sent = || send(&ann, title, Method::POST, "/api/v1/tasks", &task, &[]);
        let created = expect_status(sent().await, 201);
        forget_answer(&app).await;
        let before = count(&app, "tasks").await;
        assert_eq!(sent().await.problem(), (503, "UNAVAILABLE", ""));
        app.advance(TimeDelta::minutes(1));
        let refused = sent().await;
        let message = format!("was done, and its response was lost: read task {}", created.at("/id"));
        expect_refusal(&refused, (409, "IDEMPOTENT_RESPONSE_LOST", ""), &message);
        assert_eq!(refused.at("/error/details/task_id"), created.at("/id"));
        assert_eq!(count(&app, "tasks").await, before);
    }
}

#[tokio::test]
async fn a_write_interrupted_before_its_commit_is_executed_by_the_next_attempt() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    expect_status(create(&ann, "k", "T").await, 201);
    forget_answer(&app).await;
    // Simulates a crash before the commit.
    app.database
        .execute("UPDATE idempotency_keys SET is_written = FALSE; DELETE FROM tasks")
        .await;
    assert_eq!(create(&ann, "k", "T").await.problem(), (503, "UNAVAILABLE", ""));
    app.advance(TimeDelta::minutes(1));
    let answer = expect_status(create(&ann, "k", "T").await, 201);
    assert_eq!(answer.header(REPLAYED), "");
    assert_eq!(create(&ann, "k", "T").await.header(REPLAYED), "true");
    assert_eq!(count(&app, "tasks").await, 1);
}

#[tokio::test]
async fn an_attempt_whose_key_was_taken_over_cannot_commit() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let domain = app.app.domain();
    let token = ann.access_token.as_deref();
    let actor = domain.sessions().authenticate(token).await.unwrap().actor;
    let longest = Duration::from_secs(30);
    let claim = async || match domain.idempotency().claim(&actor, "k", "hash", longest).await.unwrap() {
        Claim::First(ticket) => ticket,
        Claim::Done(answer) => panic!("{answer}"),
    };
    let create = |title: &str| {
        let draft = TaskDraft {
            title: title.to_owned(),
            ..TaskDraft::default()
        };
        domain.tasks().create(&actor, draft)
    };
    let first = claim().await;
    app.advance(TimeDelta::minutes(1));
    let second = claim().await;
    first.run(create("Late")).await.unwrap_err();
    second.run(create("In time")).await.unwrap();
    let titles = app
        .database
        .number("SELECT COUNT(*) AS number FROM tasks WHERE title = 'In time'")
        .await;
    assert_eq!((titles, count(&app, "tasks").await), (1, 1));
}

#[tokio::test]
async fn reading_and_signing_in_ignore_a_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_task(&ann, json!({ "title": "T" })).await;
    let login = json!({ "username": ann.name, "password": PASSWORD });
    let new = |name: &str| json!({ "email": format!("{name}@example.org"), "password": PASSWORD });
    for (method, path, body) in [
        (Method::GET, "/api/v1/tasks", Value::Null),
        (Method::POST, "/api/v1/auth/login", login.clone()),
        (Method::POST, "/auth/login/", login),
        (Method::POST, "/api/v1/auth/register", new("one")),
        (Method::POST, "/auth/register", new("two")),
        (
            Method::POST,
            "/auth/refresh",
            json!({ "refresh_token": ann.refresh_token }),
        ),
    ] {
        let answer = send(&ann, "k", method, path, &body, &[]).await;
        assert!(answer.status.is_success(), "{}", answer.text);
        assert_eq!(answer.header(REPLAYED), "");
    }
    let nobody = send(
        &app.anonymous(),
        "k",
        Method::POST,
        "/tasks",
        &json!({ "title": "T" }),
        &[],
    )
    .await;
    assert_eq!(nobody.status, 401);
    assert_eq!(count(&app, "idempotency_keys").await, 0, "no token is stored");
}

#[tokio::test]
async fn a_body_that_is_too_large_claims_no_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let huge = json!({ "title": "x".repeat(3 * 1024 * 1024) });
    let answer = send(&ann, "k", Method::POST, "/tasks", &huge, &[]).await;
    assert_eq!(answer.problem(), (413, "PAYLOAD_TOO_LARGE", ""), "{}", answer.text);
    assert_eq!(count(&app, "idempotency_keys").await, 0);
}

#[tokio::test]
async fn an_upload_ignores_a_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let request = ann
        .request(Method::POST, "/api/v1/upload")
        .header("idempotency-key", "k")
        .header(header::CONTENT_TYPE, "multipart/form-data; boundary=b");
    let answer = ann.send(request.body("--b--\r\n".into()).unwrap()).await;
    assert_eq!(answer.problem(), (400, "BAD_REQUEST", ""));
    assert!(answer.detail().contains("Idempotency-Key"), "{}", answer.text);
    assert_eq!(count(&app, "idempotency_keys").await, 0);
}

#[tokio::test]
async fn a_replay_has_the_first_response_and_the_task_its_present_state() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let first = expect_status(create(&ann, "k", "First").await, 201);
    let path = first.header("location").to_owned();
    expect_status(patch(&ann, &path, json!({ "title": "Second" })).await, 200);
    assert_eq!(create(&ann, "k", "First").await.body["title"], "First");
    assert_eq!(get(&ann, &path).await.body["title"], "Second");
}
