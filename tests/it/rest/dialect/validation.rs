//! The list of errors of a 422 response: type, location and input of each error.

use axum::http::Method;
use serde_json::{Value, json};

use super::{PASSWORD, create_tasks, expect_violation, send, serve};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

/// Valid, and a text that no response contains for another reason.
const UNIQUE_PASSWORD: &str = "Xylophone42";

/// Checks the only item of a list of errors, with its input.
#[track_caller]
fn expect_item(items: &Value, kind: &str, loc: Value, input: Value) {
    assert_eq!(items.as_array().map(Vec::len), Some(1), "{items}");
    expect_violation(&items[0], kind, loc);
    assert_eq!(items[0].get("input").cloned(), Some(input), "{items}");
}

/// The locations of missing fields; all items must be of this type.
#[track_caller]
fn missing(items: &Value) -> Value {
    let items = items.as_array().unwrap();
    assert!(items.iter().all(|item| item["type"] == "missing"), "{items:?}");
    items.iter().map(|item| item["loc"].clone()).collect()
}

async fn send_text(person: &Person<'_>, path: &str, body: &str) -> Answer {
    let request = person
        .request(Method::POST, path)
        .header("content-type", "application/json");
    person.send(request.body(body.to_owned().into()).unwrap()).await
}

#[tokio::test]
async fn an_error_repeats_what_the_client_sent() {
    let app = serve("due-dates").await;
    let ann = app.member().await;
    let body = json!({ "title": "x", "priority": "none", "more": 1 });
    let answer = send(&ann, Method::POST, "/tasks/", body, 422).await;
    expect_item(answer.at("/detail"), "enum", json!(["body", "priority"]), json!("none"));
    assert_eq!(
        answer.at("/detail/0/ctx/expected"),
        "'low', 'medium', 'high' or 'urgent'"
    );

    let path = "/tasks/?search=a&status=to%20do";
    let answer = send(&ann, Method::GET, path, Value::Null, 422).await;
    expect_item(answer.at("/detail"), "enum", json!(["query", "status"]), json!("to do"));
    assert_eq!(
        answer.at("/detail/0/ctx/expected"),
        "'pending', 'in_progress', 'completed' or 'cancelled'",
        "the names of the dialect"
    );

    let answer = send(&ann, Method::GET, "/tasks/se%20ven/", Value::Null, 422).await;
    expect_item(
        answer.at("/detail"),
        "int_parsing",
        json!(["path", "id"]),
        json!("se ven"),
    );

    let long = "x".repeat(300);
    let body = json!({ "title": long });
    let answer = send(&ann, Method::POST, "/tasks/", body, 422).await;
    expect_item(
        answer.at("/detail"),
        "string_too_long",
        json!(["body", "title"]),
        json!(long),
    );

    let body = json!({ "priority": "high", "more": [1] });
    let answer = send(&ann, Method::POST, "/tasks/", body.clone(), 422).await;
    expect_item(answer.at("/detail"), "missing", json!(["body", "title"]), body);

    // A larger body is not repeated.
    let body = json!({ "title": "x".repeat(70_000) });
    let answer = send(&ann, Method::POST, "/tasks/", body, 422).await;
    expect_item(
        answer.at("/detail"),
        "string_too_long",
        json!(["body", "title"]),
        Value::Null,
    );
}

#[tokio::test]
async fn an_error_repeats_no_password_and_no_token() {
    let app = serve("due-dates").await;
    let nobody = app.anonymous();
    let body = json!({ "username": "ann", "password": UNIQUE_PASSWORD, "nested": [{ "newToken": UNIQUE_PASSWORD }] });
    let answer = send(&nobody, Method::POST, "/auth/register", body, 422).await;
    let shown = json!({ "username": "ann", "password": null, "nested": [{ "newToken": null }] });
    expect_item(answer.at("/detail"), "missing", json!(["body", "email"]), shown);
    assert!(!answer.text.contains(UNIQUE_PASSWORD), "{}", answer.text);

    let body = json!({ "username": "ann", "email": "ann@example.com", "password": "Xy4" });
    let answer = send(&nobody, Method::POST, "/auth/register", body, 422).await;
    expect_item(
        answer.at("/detail"),
        "string_too_short",
        json!(["body", "password"]),
        Value::Null,
    );
    assert!(!answer.text.contains("Xy4"), "{}", answer.text);
}

#[tokio::test]
async fn an_invalid_address_is_a_value_error() {
    for (dialect, prefix) in [("skip-limit", "/api/v1"), ("due-dates", "")] {
        let app = serve(dialect).await;
        let body = json!({ "username": "ann", "email": "nobody", "password": PASSWORD });
        let path = format!("{prefix}/auth/register");
        let answer = send(&app.anonymous(), Method::POST, &path, body, 422).await;
        expect_item(
            answer.at("/detail"),
            "value_error",
            json!(["body", "email"]),
            json!("nobody"),
        );
    }
}

#[tokio::test]
async fn each_missing_field_has_an_error() {
    let by_username = json!([["body", "email"], ["body", "username"], ["body", "password"]]);
    for (dialect, path, list, fields) in [
        ("skip-limit", "/api/v1/auth/register", "/detail", by_username.clone()),
        (
            "skip-limit",
            "/api/v1/auth/login",
            "/detail",
            json!([["body", "username"], ["body", "password"]]),
        ),
        (
            "accounts",
            "/api/v1/auth/login",
            "/errors",
            json!([["body", "email"], ["body", "password"]]),
        ),
        ("due-dates", "/auth/register", "/detail", by_username.clone()),
        ("tags-files", "/auth/register", "/errors", by_username),
    ] {
        let app = serve(dialect).await;
        let answer = send(&app.anonymous(), Method::POST, path, json!({}), 422).await;
        assert_eq!(missing(answer.at(list)), fields, "{dialect} {path}");
    }

    let app = serve("workflow").await;
    let ann = app.member().await;
    let answer = send(&ann, Method::POST, "/api/v1/tasks/bulk-status", json!({}), 422).await;
    let errors = answer.at("/error/details/errors").as_array().unwrap();
    let fields: Vec<&Value> = errors.iter().map(|error| &error["field"]).collect();
    assert_eq!(fields, ["body.task_ids", "body.target_status"]);

    let app = serve("tags-files").await;
    let ann = app.member().await;
    let answer = send(&ann, Method::PATCH, "/tasks/bulk", json!({ "task_ids": [1] }), 422).await;
    assert_eq!(missing(answer.at("/errors")), json!([["body", "updates"]]));
}

#[tokio::test]
async fn the_canonical_api_names_each_missing_field_too() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (method, path, body, fields) in [
        (Method::POST, "/api/v1/auth/register", json!({}), "email password"),
        (
            Method::POST,
            "/api/v1/auth/register",
            json!({ "username": "bob" }),
            "email password",
        ),
        (
            Method::POST,
            "/api/v1/tasks/bulk-status",
            json!({ "expected_versions": [] }),
            "task_ids target_status",
        ),
        (Method::POST, "/api/v1/tasks", json!({ "description": "D" }), "title"),
        (
            Method::PUT,
            "/api/v1/tasks/1",
            json!({ "title": "x", "tags": [], "due_date": null }),
            "description status priority assignee_id",
        ),
    ] {
        let answer = send(&ann, method, path, body, 422).await;
        let details = answer.at("/error/details").as_array().unwrap();
        assert!(
            details.iter().all(|detail| detail["code"] == "INVALID"),
            "{}",
            answer.text
        );
        let names: Vec<&str> = details.iter().map(|detail| detail["field"].as_str().unwrap()).collect();
        assert_eq!(names.join(" "), fields, "{path}");
    }
}

#[tokio::test]
async fn invalid_dates_have_the_type_of_the_framework() {
    let app = serve("tags-files").await;
    let ann = app.member().await;
    let kind = "date_from_datetime_parsing";
    let body = json!({ "title": "x", "due_date": "tomorrow" });
    let answer = send(&ann, Method::POST, "/tasks", body, 422).await;
    expect_item(
        answer.at("/errors"),
        kind,
        json!(["body", "due_date"]),
        json!("tomorrow"),
    );
    assert!(answer.at("/errors/0/ctx/error").is_string(), "{}", answer.text);
    for name in ["created_after", "created_before"] {
        let path = format!("/tasks?{name}=2026-13-01");
        let answer = send(&ann, Method::GET, &path, Value::Null, 422).await;
        expect_item(answer.at("/errors"), kind, json!(["query", name]), json!("2026-13-01"));
    }

    let app = serve("due-dates").await;
    let ann = app.member().await;
    let body = json!({ "title": "x", "due_date": "2026-02-30" });
    let answer = send(&ann, Method::POST, "/tasks/", body, 422).await;
    let kind = "datetime_from_date_parsing";
    expect_item(
        answer.at("/detail"),
        kind,
        json!(["body", "due_date"]),
        json!("2026-02-30"),
    );
}

#[tokio::test]
async fn a_sign_before_a_column_is_refused_without_a_word_of_the_default_order() {
    for dialect in ["tags-files", "tags-files-paged"] {
        let app = serve(dialect).await;
        let ann = app.member().await;
        for query in ["sort_by=-title", "sort_by=-title&sort_order=desc"] {
            let answer = send(&ann, Method::GET, &format!("/tasks?{query}"), Value::Null, 422).await;
            expect_item(
                answer.at("/errors"),
                "enum",
                json!(["query", "sort_by"]),
                json!("-title"),
            );
            let start = "sort_by: '-title' is not allowed; use one of created_at, ";
            assert!(answer.detail().starts_with(start), "{}", answer.text);
            assert!(!answer.text.contains("sort_order"), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn errors_of_a_bulk_change_are_located_in_it() {
    let app = serve("tags-files").await;
    let ann = app.member().await;
    let id = create_tasks(&app, &ann, "/tasks", &[json!({ "title": "x" })]).await[0]["id"].clone();
    for (body, kind, loc, input) in [
        (
            json!({ "task_ids": [id], "updates": { "title": "" } }),
            "string_too_short",
            json!(["body", "updates", "title"]),
            json!(""),
        ),
        (
            json!({ "task_ids": [id], "updates": { "priority": "none" } }),
            "enum",
            json!(["body", "updates", "priority"]),
            json!("none"),
        ),
        (
            json!({ "task_ids": [id, "x"], "updates": { "title": "y" } }),
            "int_parsing",
            json!(["body", "task_ids", 1]),
            json!("x"),
        ),
    ] {
        let answer = send(&ann, Method::PATCH, "/tasks/bulk", body, 422).await;
        expect_item(answer.at("/errors"), kind, loc, input);
    }
}

#[tokio::test]
async fn malformed_json_is_located_by_its_offset_in_characters() {
    let app = serve("due-dates").await;
    let ann = app.member().await;
    for (body, offset) in [
        ("{\n  \"title\": \"T\",\n}", 18),
        ("{\n \"a\": 1\n \"b\": 2}", 11),
        ("{\"é\": x}", 6),
        ("{\"a\": 1} x", 9),
        ("{\"title\": ", 10),
        ("{\"title\":\n", 10),
    ] {
        let answer = send_text(&ann, "/tasks/", body).await;
        assert_eq!(answer.status, 422, "{}", answer.text);
        expect_item(answer.at("/detail"), "json_invalid", json!(["body", offset]), json!({}));
    }
}

#[tokio::test]
async fn an_invalid_direction_is_refused_without_a_column_too() {
    for dialect in ["tags-files", "tags-files-paged"] {
        let app = serve(dialect).await;
        let ann = app.member().await;
        for query in ["sort_order=null", "sort_order=", "sort_order=asc&sort_order=asc"] {
            send(&ann, Method::GET, &format!("/tasks?{query}"), Value::Null, 422).await;
        }
    }
}
