//! Background tasks of users, over REST.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::database::TestDatabase;
use crate::support::process::{Sandbox, until};

const PATH: &str = "/api/v1/async/background-task";

#[tokio::test]
async fn a_background_task_is_queued_and_done_and_only_its_owner_can_read_it() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "10080")]).await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let queued = ann
        .rest(Method::POST, PATH, json!({ "message": "Weekly report" }))
        .await;
    let id = queued.at("/task_id").as_i64().unwrap();
    assert_eq!(
        (queued.status.as_u16(), &queued.body),
        (
            202,
            &json!({ "task_id": id, "status": "queued", "message": "Background task triggered", "task_name": null })
        )
    );
    let location = format!("{PATH}/{id}");
    assert_eq!(queued.header("location"), location);
    let answer = ann.rest(Method::GET, &location, Value::Null).await;
    assert_eq!(
        answer.body,
        json!({ "task_id": id, "status": "queued", "created_at": "2026-01-15T12:00:00Z", "finished_at": null })
    );
    app.database
        .execute("UPDATE jobs SET locked_until = '2026-01-15 12:00:30+00:00', locked_by = 'x' WHERE kind = 'background_task'")
        .await;
    assert_eq!(
        ann.rest(Method::GET, &location, Value::Null).await.at("/status"),
        "running"
    );
    app.advance(TimeDelta::minutes(1));
    app.run_until_idle().await;
    let answer = ann.rest(Method::GET, &location, Value::Null).await;
    assert_eq!(
        (answer.at("/status"), answer.at("/finished_at")),
        (&json!("done"), &json!("2026-01-15T12:01:00Z"))
    );
    for other in [&bob, &boss] {
        assert_eq!(
            other.rest(Method::GET, &location, Value::Null).await.problem(),
            (404, "NOT_FOUND", "")
        );
    }
    // Users cannot read other jobs.
    let chore = app.jobs("forget_jobs").await[0].id;
    let answer = ann.rest(Method::GET, &format!("{PATH}/{chore}"), Value::Null).await;
    assert_eq!(answer.status, 404, "{}", answer.text);
    app.advance(TimeDelta::days(4));
    app.run_until_idle().await;
    assert_eq!(ann.rest(Method::GET, &location, Value::Null).await.status, 404);
}

#[tokio::test]
async fn the_message_is_optional_and_up_to_255_characters() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for body in [
        Value::Null,
        json!({}),
        json!({ "message": null }),
        json!({ "message": "ä".repeat(255) }),
    ] {
        let answer = ann.rest(Method::POST, PATH, body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
    }
    for (body, status, field) in [
        (json!({ "message": "a".repeat(256) }), 422, "message"),
        (json!({ "message": "a\u{0}b" }), 422, "message"),
        (json!({ "message": 5 }), 422, "message"),
        (json!({ "massage": "a" }), 422, "massage"),
        (json!(["a"]), 422, "body"),
    ] {
        let answer = ann.rest(Method::POST, PATH, body).await;
        assert_eq!(answer.problem(), (status, "INVALID", field), "{}", answer.text);
    }
    let text = ann.request(Method::POST, PATH).header("content-type", "text/plain");
    assert_eq!(ann.send(text.body("a".into()).unwrap()).await.status, 415);
    assert_eq!(app.jobs("background_task").await.len(), 4);
}

#[tokio::test]
async fn the_strict_limit_applies_to_requesting_a_task_and_not_to_reading_it() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_STRICT_PER_MINUTE", "2")]).await;
    let ann = app.member().await;
    let queued = ann.rest(Method::POST, PATH, Value::Null).await;
    assert_eq!(queued.header("x-ratelimit-limit"), "2");
    let external = ann.rest(Method::GET, "/async/external", Value::Null).await;
    assert_eq!(external.problem(), (503, "EXTERNAL_NOT_CONFIGURED", ""));
    assert_eq!(ann.rest(Method::POST, PATH, Value::Null).await.status, 429);
    let location = queued.header("location").to_owned();
    assert_eq!(ann.rest(Method::GET, &location, Value::Null).await.status, 200);
}

#[tokio::test]
async fn the_running_server_does_it_and_logs_that() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let ann = server.registers("ann@example.com", "Password123").await;
    for title in ["One", "Two"] {
        server
            .rest(&ann, Method::POST, "/tasks", json!({ "title": title }))
            .await;
    }
    let order = json!({ "message": "two\nlines" });
    let queued = server.rest(&ann, Method::POST, PATH, order).await;
    let path = queued.header("location").to_owned();
    until("the task to be done", async || {
        let answer = server.rest(&ann, Method::GET, &path, Value::Null).await;
        (answer.at("/status") == "done").then_some(())
    })
    .await;
    let log = server.stop().await;
    let line = log
        .lines()
        .find(|line| line.contains("a background task is done"))
        .unwrap();
    assert!(
        line.contains("total=2 completed=0 overdue=0") && line.contains(r#""two\nlines""#),
        "{line}"
    );
}
