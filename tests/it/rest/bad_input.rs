//! Bad input gets a status, a code and the location of the error, and nothing is written.

use axum::http::Method;
use serde_json::{Value, json};

use super::{create_task, expect_refusal, get, patch, post};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

async fn raw(person: &Person<'_>, body: impl Into<Vec<u8>>) -> Answer {
    let request = person
        .request(Method::POST, "/api/v1/tasks")
        .header("content-type", "application/json");
    person.send(request.body(body.into().into()).unwrap()).await
}

#[tokio::test]
async fn invalid_parameters_ids_and_fields_are_refused_by_name() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_task(&ann, json!({ "title": "T" })).await;
    let before = app.footprint().await;
    for (query, refusal, message) in [
        ("skip=-1", (422, "INVALID", "skip"), "'-1' is not a whole number from 0"),
        ("limit=0", (422, "INVALID", "limit"), "limit is 0; 1 to 100 are allowed"),
        (
            "limit=101",
            (422, "INVALID", "limit"),
            "limit is 101; 1 to 100 are allowed",
        ),
        ("page=0", (422, "INVALID", "page"), "page is 0; the first page is 1"),
        (
            "sort_by=colour",
            (422, "INVALID", "sort_by"),
            "use one of created_at, updated_at",
        ),
        (
            "colour=red",
            (400, "UNKNOWN_PARAMETER", "colour"),
            "unknown parameter `colour`",
        ),
        (
            "status=open",
            (422, "INVALID", "status"),
            "use one of todo, in_progress, done, cancelled",
        ),
        (
            "owner_id=18446744073709551616",
            (422, "INVALID", "owner_id"),
            "'18446744073709551616' is not a whole number from 0 to 2147483647",
        ),
    ] {
        expect_refusal(&get(&ann, &format!("/api/v1/tasks?{query}")).await, refusal, message);
    }
    let id = "18446744073709551616";
    for path in [
        format!("/api/v1/tasks/{id}"),
        format!("/files/{id}/"),
        format!("/users/{id}"),
    ] {
        expect_refusal(&get(&ann, &path).await, (422, "INVALID", "id"), id);
    }
    for (field, body) in [
        ("assignee_id", format!(r#"{{"title": "T", "assignee_id": {id}}}"#)),
        ("status", r#"{"title": "T", "status": "open"}"#.to_owned()),
    ] {
        let answer = raw(&ann, body).await;
        assert_eq!(answer.problem(), (422, "INVALID", field), "{}", answer.text);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn bodies_that_are_too_large_or_malformed_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let large = format!(r#"{{"title": "{}"}}"#, "x".repeat(10 * 1024 * 1024));
    expect_refusal(
        &raw(&ann, large).await,
        (413, "PAYLOAD_TOO_LARGE", ""),
        "larger than the 1048576 bytes that are allowed",
    );
    expect_refusal(
        &raw(&ann, "{\n  \"title\": \"T\",\n}").await,
        (400, "BAD_REQUEST", ""),
        "not valid JSON: trailing comma at line 3 column 1",
    );
    let update = patch(&ann, "/api/v1/tasks/1", json!([])).await;
    assert_eq!(update.status, 422);
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn files_whose_content_or_name_is_not_allowed_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let refused = "UNSUPPORTED_MEDIA_TYPE";
    for (filename, content, refusal, message) in [
        // The first bytes of a Windows program. Headers must not contain NUL.
        (
            "invoice.png",
            &b"MZ\x90\x00\x03\x00\x00\x00"[..],
            (415, refused, "file"),
            "is not a PNG image",
        ),
        (
            "invoice.exe",
            b"MZ",
            (415, refused, "file"),
            "does not have an allowed extension",
        ),
        (
            "a\0b.txt",
            b"x",
            (400, "BAD_USER_INPUT", "file"),
            "not multipart/form-data as it should be",
        ),
        ("..", b"x", (422, "INVALID", "file"), "names no file"),
    ] {
        expect_refusal(&ann.posts_file("/upload", filename, content).await, refusal, message);
    }
    let large = vec![b'x'; 5 * 1024 * 1024 + 1];
    expect_refusal(
        &ann.posts_file("/upload", "large.txt", &large).await,
        (413, "PAYLOAD_TOO_LARGE", "file"),
        "larger than the 5242880 bytes",
    );
    // A line break ends the header, and the rest is malformed.
    assert_eq!(ann.posts_file("/upload", "a\r\nb.txt", b"x").await.status, 400);
    assert_eq!(app.footprint().await, before);

    let whole = ann.posts_file("/upload", "whole.txt", &large[1..]).await;
    assert_eq!((whole.status.as_u16(), whole.at("/size")), (201, &json!(5_242_880)));
    let cut = ann.posts_file("/upload", "../../etc/passwd.txt", b"x").await;
    assert_eq!((cut.status.as_u16(), cut.at("/filename")), (201, &json!("passwd.txt")));
    let quoted = ann.posts_file("/upload", r#"a \"b\".txt"#, b"x").await;
    assert_eq!(
        (quoted.status.as_u16(), quoted.at("/filename")),
        (201, &json!("a \"b\".txt"))
    );
    let file = get(&ann, quoted.at("/url").as_str().unwrap()).await;
    assert_eq!(
        file.header("content-disposition"),
        "attachment; filename=\"a _b_.txt\"; filename*=UTF-8''a%20%22b%22.txt"
    );
}

#[tokio::test]
async fn unknown_methods_and_paths_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = ann.rest(Method::DELETE, "/api/v1/tasks", Value::Null).await;
    assert_eq!(answer.problem(), (405, "METHOD_NOT_ALLOWED", ""));
    let mut allowed: Vec<&str> = answer.header("allow").split(',').map(str::trim).collect();
    allowed.sort_unstable();
    assert_eq!(allowed, ["GET", "HEAD", "POST"]);
    let answer = get(&ann, "/api/v1/nowhere").await;
    assert_eq!(answer.problem(), (404, "NOT_FOUND", ""));
    let answer = post(&ann, "/api/v2/tasks", json!({ "title": "T" })).await;
    assert_eq!(answer.problem(), (404, "NOT_FOUND", ""));
}

#[tokio::test]
async fn a_date_or_enum_of_the_wrong_json_type_is_refused_with_what_is_allowed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = super::create_task_at(&ann, json!({ "title": "T" })).await;
    let before = app.footprint().await;
    let date = "use RFC 3339, such as 2026-01-31T09:30:00Z, or a date alone, such as 2026-01-31";
    let long = "9".repeat(200);
    for (field, value, shown, allowed) in [
        ("due_date", json!("2026-13-01"), "'2026-13-01' is not a date", date),
        ("due_date", json!("tomorrow"), "'tomorrow' is not a date", date),
        (
            "due_date",
            json!(long),
            &format!("'{}…' is not a date", &long[..80]),
            date,
        ),
        ("due_date", json!(-5), "'-5' is not a date", date),
        ("due_date", json!(1.5), "'1.5' is not a date", date),
        ("due_date", json!(true), "'true' is not a date", date),
        ("due_date", json!(["2026-12-01"]), "'[…]' is not a date", date),
        ("due_date", json!({ "year": 2026 }), "'{…}' is not a date", date),
        (
            "status",
            json!(["done"]),
            "'[…]' is not allowed",
            "use one of todo, in_progress, done, cancelled",
        ),
        (
            "priority",
            json!({}),
            "'{…}' is not allowed",
            "use one of low, medium, high, urgent",
        ),
    ] {
        let message = format!("{field}: {shown}; {allowed}");
        let body = json!({ "title": "U", field: value });
        for answer in [
            post(&ann, "/api/v1/tasks", body.clone()).await,
            super::put(&ann, &task, body.clone()).await,
            patch(&ann, &task, body).await,
        ] {
            expect_refusal(&answer, (422, "INVALID", field), &message);
        }
    }
    let answer = get(&ann, "/api/v1/tasks?due_before=2026-13-01").await;
    expect_refusal(
        &answer,
        (422, "INVALID", "due_before"),
        &format!("due_before: '2026-13-01' is not a date; {date}"),
    );
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn parameters_and_forms_that_are_duplicate_or_not_utf_8_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for query in ["search=%ff", "status=%c3", "tag=a%80b"] {
        let answer = get(&ann, &format!("/api/v1/tasks?{query}")).await;
        expect_refusal(&answer, (400, "BAD_REQUEST", ""), "bytes that are not UTF-8");
    }
    assert_eq!(get(&ann, "/api/v1/tasks?search=%c3%bcber").await.status, 200);
    let request = app
        .anonymous()
        .request(Method::POST, "/auth/login/access-token")
        .header("content-type", "application/x-www-form-urlencoded");
    let form = format!("username={}&password=%ff", ann.name);
    let answer = ann.send(request.body(form.into()).unwrap()).await;
    expect_refusal(
        &answer,
        (400, "BAD_REQUEST", ""),
        "The body has percent-encoded bytes that are not UTF-8",
    );
    // Duplicate parameters are refused.
    for query in ["status=todo&status=done", "limit=1&limit=2", "cursor=a&cursor=b"] {
        let answer = get(&ann, &format!("/api/v1/tasks?{query}")).await;
        let name = query.split('=').next().unwrap();
        assert_eq!(answer.problem(), (422, "INVALID", name), "{}", answer.text);
        assert!(answer.detail().contains("duplicate field"), "{}", answer.text);
    }
}
