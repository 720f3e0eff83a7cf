//! Versions of a task in the headers `ETag` and `If-Match`.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_task, create_task_at, expect_refusal, expect_status, get, patch, post, put, whole};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

#[track_caller]
fn etag(answer: &Answer) -> &str {
    let tag = answer.header("etag");
    assert!(
        tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
        "{tag:?} is no strong entity tag"
    );
    tag
}

/// Sends a write with `If-Match`.
async fn write_if(person: &Person<'_>, tag: &str, method: Method, path: &str, body: &Value) -> Answer {
    let request = person
        .request(method, path)
        .header("if-match", tag)
        .header("content-type", "application/json");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    person.send(request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn every_response_with_a_task_has_the_tag_of_its_version() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = expect_status(post(&ann, "/api/v1/tasks", json!({ "title": "T" })).await, 201);
    let path = format!("/api/v1/tasks/{}", created.at("/id"));
    let mut tags = vec![etag(&created).to_owned()];
    assert_eq!(etag(&get(&ann, &path).await), tags[0]);
    for write in [
        patch(&ann, &path, json!({ "title": "A" })).await,
        put(&ann, &path, whole(json!({ "title": "B" }))).await,
        post(&ann, &format!("{path}/assign"), json!({ "assignee_id": ann.id })).await,
        post(&ann, &format!("{path}/transition"), json!({ "target_status": "done" })).await,
        post(&ann, &format!("{path}/tags"), json!(["t"])).await,
    ] {
        let write = expect_status(write, 200);
        assert!(
            !tags.iter().any(|tag| tag == etag(&write)),
            "each version has another tag"
        );
        tags.push(etag(&write).to_owned());
    }
    assert_eq!(etag(&get(&ann, &path).await), tags[5]);
    // A write without changes keeps version and tag.
    assert_eq!(etag(&patch(&ann, &path, json!({ "title": "B" })).await), tags[5]);
}

#[tokio::test]
async fn a_conditional_write_needs_the_present_version() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "First" })).await;
    let stale = etag(&get(&ann, &path).await).to_owned();
    let rename = json!({ "title": "Second" });
    let second = expect_status(write_if(&ann, &stale, Method::PATCH, &path, &rename).await, 200);
    let before = app.footprint().await;
    let other = whole(json!({ "title": "Third" }));
    for (method, body) in [
        (Method::PATCH, &other),
        (Method::PUT, &other),
        (Method::DELETE, &Value::Null),
    ] {
        let answer = write_if(&ann, &stale, method, &path, body).await;
        assert_eq!(answer.problem().0, 412, "{}", answer.text);
        assert!(answer.detail().contains("version 2"), "{}", answer.text);
    }
    assert_eq!(app.footprint().await, before);

    let fresh = etag(&second).to_owned();
    let third = expect_status(write_if(&ann, &fresh, Method::PUT, &path, &other).await, 200);
    let either = format!("{fresh}, {}", etag(&third));
    expect_status(write_if(&ann, &either, Method::PATCH, &path, &rename).await, 200);
    expect_status(write_if(&ann, "*", Method::DELETE, &path, &Value::Null).await, 204);
}

#[tokio::test]
async fn a_malformed_or_duplicate_condition_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "First" })).await;
    let before = app.footprint().await;
    let rename = json!({ "title": "Second" });
    for tag in ["1", "\"1", "\"1\" \"2\"x", "*, 1"] {
        let answer = write_if(&ann, tag, Method::PATCH, &path, &rename).await;
        expect_refusal(
            &answer,
            (400, "BAD_REQUEST", ""),
            "send the ETag of the task as it came",
        );
    }
    let twice = json!({ "title": "Second", "expected_version": 1 });
    let answer = write_if(&ann, "\"1\"", Method::PATCH, &path, &twice).await;
    expect_refusal(&answer, (422, "INVALID", "expected_version"), "send only one of them");
    // A well-formed tag that this task never had does not match.
    for tag in ["\"abc\"", "W/\"1\""] {
        let answer = write_if(&ann, tag, Method::PATCH, &path, &rename).await;
        assert_eq!(answer.problem().0, 412, "{tag}: {}", answer.text);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_condition_on_an_invisible_task_reveals_nothing() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let created = create_task(&ann, json!({ "title": "T" })).await;
    let before = app.footprint().await;
    for id in [created["id"].clone(), json!(999_999)] {
        let path = format!("/api/v1/tasks/{id}");
        for tag in ["\"1\"", "\"7\"", "*"] {
            let answer = write_if(&bob, tag, Method::PATCH, &path, &json!({ "title": "Mine" })).await;
            assert_eq!(answer.problem(), (404, "NOT_FOUND", ""));
        }
    }
    assert_eq!(app.footprint().await, before);
}
