//! Malformed bodies: errors name the location and what was expected, and nothing is written.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_task_at, expect_refusal, expect_status, post};
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const JSON: &str = "application/json";

/// Sends a body with this content type; an empty `kind` means no header.
async fn send(person: &Person<'_>, method: Method, path: &str, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    let mut request = person.request(method, path);
    if !kind.is_empty() {
        request = request.header("content-type", kind);
    }
    person.send(request.body(body.into().into()).unwrap()).await
}

#[tokio::test]
async fn an_error_for_malformed_json_has_its_location() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let kept = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let before = app.footprint().await;
    for (body, place) in [
        (&b""[..], "line 1 column 0"),
        (b"{", "line 1 column 1"),
        (b"{\n\"title\": T}", "line 2 column 10"),
        (b"{'title': 'T'}", "line 1 column 2"),
        (b"{\"title\": \"T\",}", "line 1 column 15"),
        (b"{\"title\": \"T\"} {}", "line 1 column 16"),
        (b"{\"title\": \"\\ud800\"}", "line 1"),
        (b"{\"title\": \"\xff\"}", "line 1"),
        (b"title=T", "line 1"),
    ] {
        for (method, path) in [(Method::POST, "/api/v1/tasks"), (Method::PATCH, kept.as_str())] {
            let answer = send(&ann, method, path, JSON, body).await;
            expect_refusal(&answer, (400, "BAD_REQUEST", ""), "The body is not valid JSON");
            assert!(answer.detail().contains(place), "{}", answer.text);
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_body_other_than_an_object_is_refused() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let before = app.footprint().await;
    for body in ["[]", "[\"T\"]", "\"T\"", "7", "true", "null"] {
        for (person, path) in [
            (&ann, "/api/v1/tasks"),
            (&nobody, "/api/v1/auth/register"),
            (&nobody, "/api/v1/auth/login"),
            (&nobody, "/api/v1/auth/refresh"),
        ] {
            let answer = send(person, Method::POST, path, JSON, body).await;
            expect_refusal(&answer, (422, "INVALID", "body"), "expected an object");
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn another_content_type_is_refused_with_the_expected_one() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let before = app.footprint().await;
    for kind in [
        "",
        "text/plain",
        "text/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "application/xml",
    ] {
        let answer = send(&ann, Method::POST, "/api/v1/tasks", kind, r#"{"title": "T"}"#).await;
        expect_refusal(&answer, (415, "UNSUPPORTED_MEDIA_TYPE", ""), "send application/json");
        let given = kind.split(';').next().unwrap_or_default();
        assert!(answer.detail().contains(given), "{}", answer.text);
    }
    let form = format!("username={}&password={PASSWORD}", ann.name);
    for kind in ["", JSON] {
        let answer = send(
            &nobody,
            Method::POST,
            "/api/v1/auth/login/access-token",
            kind,
            form.as_str(),
        )
        .await;
        expect_refusal(
            &answer,
            (415, "UNSUPPORTED_MEDIA_TYPE", ""),
            "send application/x-www-form-urlencoded",
        );
    }
    assert_eq!(app.footprint().await, before);

    // Any JSON media type is accepted.
    for kind in [
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/merge-patch+json",
    ] {
        let answer = send(&ann, Method::POST, "/api/v1/tasks", kind, r#"{"title": "T"}"#).await;
        expect_status(answer, 201);
    }
}

#[tokio::test]
async fn an_error_for_an_unknown_field_lists_the_known_ones() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let kept = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let account = format!("/api/v1/users/{}", ann.id);
    let before = app.footprint().await;
    let task = "expected one of `title`, `description`, `status`, `completed`, `priority`, `due_date`, `due_on`, `assignee_id`, `tags`";
    let new = json!({ "email": "new@example.com", "password": PASSWORD });
    for (person, method, path, mut body, allowed) in [
        (
            &ann,
            Method::POST,
            "/api/v1/tasks".to_owned(),
            json!({ "title": "T" }),
            task,
        ),
        (&ann, Method::PUT, kept.clone(), json!({ "title": "T" }), task),
        (&ann, Method::PATCH, kept.clone(), json!({}), task),
        (
            &ann,
            Method::POST,
            format!("{kept}/assign"),
            json!({ "assignee_id": null }),
            "expected `assignee_id` or `expected_version`",
        ),
        (
            &ann,
            Method::POST,
            format!("{kept}/transition"),
            json!({ "target_status": "done" }),
            "expected `target_status` or `expected_version`",
        ),
        (
            &ann,
            Method::POST,
            format!("{kept}/tags"),
            json!({ "tags": ["t"] }),
            "expected `tags`",
        ),
        (
            &ann,
            Method::PATCH,
            account,
            json!({}),
            "expected one of `email`, `current_password`, `username`, `full_name`, `time_zone`, `role`, `is_active`",
        ),
        (
            &nobody,
            Method::POST,
            "/api/v1/auth/register".to_owned(),
            new,
            "expected one of `email`, `password`, `username`, `full_name`",
        ),
        (
            &nobody,
            Method::POST,
            "/api/v1/auth/login".to_owned(),
            json!({ "username": ann.name, "password": PASSWORD }),
            "expected one of `username`, `email`, `password`",
        ),
        (
            &nobody,
            Method::POST,
            "/api/v1/auth/refresh".to_owned(),
            json!({ "refresh_token": ann.refresh_token }),
            "expected `refresh_token`",
        ),
    ] {
        body["colour"] = json!("red");
        let answer = person.rest(method, &path, body).await;
        expect_refusal(&answer, (422, "INVALID", "colour"), "unknown field `colour`");
        assert!(answer.detail().contains(allowed), "{}", answer.text);
    }
    // Forms are parsed as strictly.
    let form = format!("username={}&password={PASSWORD}&colour=red", ann.name);
    let kind = "application/x-www-form-urlencoded";
    let answer = send(
        &nobody,
        Method::POST,
        "/api/v1/auth/login/access-token",
        kind,
        form.as_str(),
    )
    .await;
    expect_refusal(&answer, (422, "INVALID", "colour"), "unknown field `colour`");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_value_of_another_type_is_refused_by_field_with_the_expected_type() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let kept = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let before = app.footprint().await;
    for (field, value, expected) in [
        ("title", json!(5), "expected a string"),
        ("title", json!(["T"]), "expected a string"),
        ("description", json!({ "text": "D" }), "expected a string"),
        (
            "status",
            json!(1),
            "'1' is not allowed; use one of todo, in_progress, done, cancelled",
        ),
        (
            "priority",
            json!(true),
            "'true' is not allowed; use one of low, medium, high, urgent",
        ),
        (
            "due_date",
            json!(1_767_225_600),
            "'1767225600' is not a date; use RFC 3339, such as 2026-01-31T09:30:00Z, or a date alone",
        ),
        (
            "due_on",
            json!("2026-01-31T09:30:00Z"),
            "'2026-01-31T09:30:00Z' is not a date; use year, month and day, such as 2026-01-31",
        ),
        ("completed", json!("true"), "expected a boolean"),
        ("completed", json!(1), "expected a boolean"),
        ("assignee_id", json!("1"), "expected i32"),
        ("assignee_id", json!(1.5), "expected i32"),
        ("assignee_id", json!(2_147_483_648_i64), "expected i32"),
        ("assignee_id", json!(9_223_372_036_854_775_808_u64), "expected i32"),
        ("tags", json!("t"), "expected a sequence"),
        ("tags", json!({ "t": true }), "expected a sequence"),
        ("tags[1]", json!(["t", 7]), "expected a string"),
        ("tags[0]", json!([null]), "expected a string"),
    ] {
        let name = field.split('[').next().unwrap_or_default();
        let mut task = json!({ "title": "T" });
        task[name] = value.clone();
        for answer in [
            post(&ann, "/api/v1/tasks", task.clone()).await,
            ann.rest(Method::PUT, &kept, task).await,
            ann.rest(Method::PATCH, &kept, json!({ name: value })).await,
        ] {
            expect_refusal(&answer, (422, "INVALID", field), expected);
        }
    }
    for (end, body, field, expected) in [
        ("/assign", json!({}), "assignee_id", "missing field `assignee_id`"),
        (
            "/assign",
            json!({ "assignee_id": 1, "expected_version": "1" }),
            "expected_version",
            "expected i32",
        ),
        ("/transition", json!({}), "target_status", "missing field"),
        (
            "/transition",
            json!({ "target_status": "open" }),
            "target_status",
            "use one of todo, in_progress, done, cancelled",
        ),
        (
            "/transition",
            json!({ "target_status": null }),
            "target_status",
            "expected a string",
        ),
        ("/tags", json!("t"), "body", "a list of tags"),
        ("/tags", json!([7]), "[0]", "expected a string"),
        ("/tags", json!({}), "tags", "missing field `tags`"),
    ] {
        let answer = post(&ann, &format!("{kept}{end}"), body).await;
        expect_refusal(&answer, (422, "INVALID", field), expected);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_duplicate_field_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let body = r#"{"title": "A", "title": "B"}"#;
    let answer = send(&ann, Method::POST, "/api/v1/tasks", JSON, body).await;
    expect_refusal(&answer, (422, "INVALID", "title"), "duplicate field `title`");
    let form = format!("username={}&username=b&password={PASSWORD}", ann.name);
    let kind = "application/x-www-form-urlencoded";
    let path = "/api/v1/auth/login/access-token";
    let answer = send(&app.anonymous(), Method::POST, path, kind, form).await;
    expect_refusal(&answer, (422, "INVALID", "username"), "duplicate field `username`");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_with_the_limit() {
    let app = TestApp::start_with(&[("BODY_LIMIT_BYTES", "1024")]).await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let before = app.footprint().await;
    let task = json!({ "title": "T", "description": "x".repeat(1_024) });
    let form = format!("username={}&password={}", ann.name, "x".repeat(1_024));
    let kind = "application/x-www-form-urlencoded";
    for answer in [
        post(&ann, "/api/v1/tasks", task).await,
        post(
            &nobody,
            "/api/v1/auth/login",
            json!({ "username": "x".repeat(1_024), "password": PASSWORD }),
        )
        .await,
        send(&nobody, Method::POST, "/api/v1/auth/login/access-token", kind, form).await,
    ] {
        expect_refusal(&answer, (413, "PAYLOAD_TOO_LARGE", ""), "1024 bytes that are allowed");
    }
    assert_eq!(app.footprint().await, before);
    let answer = post(&ann, "/api/v1/tasks", json!({ "title": "x".repeat(255) })).await;
    expect_status(answer, 201);
}

#[tokio::test]
async fn a_form_of_very_many_fields_is_refused_at_once() {
    let app = TestApp::start().await;
    let (path, kind) = ("/api/v1/auth/login/access-token", "application/x-www-form-urlencoded");
    let form = format!("{}{}", "a&".repeat(100_000), "tag&".repeat(50_000));
    let began = Instant::now();
    let answer = send(&app.anonymous(), Method::POST, path, kind, form).await;
    expect_refusal(&answer, (422, "INVALID", "a"), "unknown field `a`");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_nul_in_a_text_is_no_database_error() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    for (person, path, body, status) in [
        (
            &nobody,
            "/api/v1/auth/login",
            json!({ "username": "a\u{0}b", "password": "Password\u{0}1" }),
            401,
        ),
        (
            &nobody,
            "/api/v1/auth/login",
            json!({ "email": "a\u{0}@example.com", "password": PASSWORD }),
            401,
        ),
        (
            &nobody,
            "/api/v1/auth/refresh",
            json!({ "refresh_token": "a\u{0}b" }),
            401,
        ),
        (
            &nobody,
            "/api/v1/auth/register",
            json!({ "email": "new@example.com", "password": PASSWORD, "full_name": "a\u{0}b" }),
            422,
        ),
        (
            &nobody,
            "/api/v1/auth/register",
            json!({ "email": "a\u{0}@example.com", "password": PASSWORD }),
            422,
        ),
        (&ann, "/api/v1/tasks", json!({ "title": "T", "tags": ["a\u{0}b"] }), 422),
    ] {
        let answer = post(person, path, body).await;
        assert_eq!(answer.problem().0, status, "{}", answer.text);
    }
    for query in ["search=a%00b", "search=%00%00"] {
        let answer = ann
            .rest(Method::GET, &format!("/api/v1/tasks?{query}"), Value::Null)
            .await;
        assert_eq!(expect_status(answer, 200).at("/total"), 0);
    }
}
