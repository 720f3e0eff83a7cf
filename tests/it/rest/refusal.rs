//! Unacceptable values: errors have status, code, field and what is allowed, and nothing is written.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{create_task_at, delete, expect_refusal, expect_status, get, patch, post, put, whole};
use crate::support::{PASSWORD, TestApp};

/// Merges the fields of `more` into an object.
fn with(mut object: Value, more: &Value) -> Value {
    object
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    object
}

/// Fields of unacceptable tasks, each with the field and message of the error.
fn unacceptable_tasks() -> Vec<(Value, &'static str, &'static str)> {
    let tags = |tags: Vec<String>| json!({ "tags": tags });
    let statuses = "'open' is not allowed; use one of todo, in_progress, done, cancelled";
    let priorities = "'important' is not allowed; use one of low, medium, high, urgent";
    vec![
        (
            json!({ "title": "" }),
            "title",
            "title is empty; 1 to 255 characters are allowed",
        ),
        (json!({ "title": " \t " }), "title", "title is empty"),
        (
            json!({ "title": "ü".repeat(256) }),
            "title",
            "title is 256 characters long; 1 to 255 are allowed",
        ),
        (json!({ "title": "a\u{0}b" }), "title", "control characters"),
        (
            json!({ "description": "ü".repeat(5_001) }),
            "description",
            "description is 5001 characters long; up to 5000 are allowed",
        ),
        (json!({ "description": "a\u{0}b" }), "description", "NUL"),
        (json!({ "status": "open" }), "status", statuses),
        (json!({ "status": "DONE" }), "status", "use one of todo"),
        (json!({ "priority": "important" }), "priority", priorities),
        (
            json!({ "status": "todo", "completed": true }),
            "completed",
            "contradicts the status 'todo'",
        ),
        (
            json!({ "due_date": "tomorrow" }),
            "due_date",
            "'tomorrow' is not a date; use RFC 3339, such as 2026-01-31T09:30:00Z, or a date alone, such as 2026-01-31",
        ),
        (json!({ "due_date": "2026-02-30" }), "due_date", "'2026-02-30' is not"),
        (
            json!({ "due_date": "0000-01-01" }),
            "due_date",
            "the years 1 to 9999 are allowed",
        ),
        (
            tags(vec!["x".repeat(51)]),
            "tags",
            "is 51 characters long; 1 to 50 are allowed",
        ),
        (
            tags(vec![String::new()]),
            "tags",
            "is 0 characters long; 1 to 50 are allowed",
        ),
        (
            tags((0..21).map(|n| n.to_string()).collect()),
            "tags",
            "would have 21 tags; up to 20 are allowed",
        ),
        (
            json!({ "assignee_id": 999_999 }),
            "assignee_id",
            "there is no active user 999999",
        ),
        (json!({ "assignee_id": 0 }), "assignee_id", "there is no active user 0"),
        (
            json!({ "assignee_id": -1 }),
            "assignee_id",
            "there is no active user -1",
        ),
    ]
}

#[tokio::test]
async fn an_unacceptable_task_is_refused_by_field_and_not_written() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let kept = create_task_at(&ann, json!({ "title": "Kept" })).await;
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    for (fields, field, allowed) in unacceptable_tasks() {
        let task = with(json!({ "title": "T" }), &fields);
        for answer in [
            post(&ann, "/api/v1/tasks", task.clone()).await,
            put(&ann, &kept, whole(task)).await,
            patch(&ann, &kept, fields).await,
        ] {
            expect_refusal(&answer, (422, "INVALID", field), allowed);
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn required_fields_cannot_be_null_or_absent() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let kept = create_task_at(&ann, json!({ "title": "Kept" })).await;
    let before = app.footprint().await;
    for field in ["title", "status", "priority", "completed"] {
        let answer = patch(&ann, &kept, json!({ field: null })).await;
        let allowed = format!("{field} cannot be null; leave it out to keep it as it is");
        expect_refusal(&answer, (422, "INVALID", field), &allowed);
    }
    let nameless = json!({ "description": "D" });
    let answer = post(&ann, "/api/v1/tasks", nameless.clone()).await;
    expect_refusal(&answer, (422, "INVALID", "title"), "missing field `title`");
    let answer = put(&ann, &kept, nameless).await;
    expect_refusal(
        &answer,
        (422, "INVALID", "title"),
        "the body leaves out title, status, priority",
    );
    let answer = put(&ann, &kept, whole(json!({ "title": null }))).await;
    expect_refusal(&answer, (422, "INVALID", "title"), "title cannot be null");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn the_longest_allowed_texts_are_accepted() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = json!({
        "title": "ü".repeat(255), "description": "日".repeat(5_000),
        "tags": (0..20).map(|n| format!("{n:ö>50}")).collect::<Vec<_>>(),
    });
    let path = create_task_at(&ann, task.clone()).await;
    let read = get(&ann, &path).await.body;
    assert_eq!(
        (&read["title"], &read["description"]),
        (&task["title"], &task["description"])
    );
    assert_eq!(read["tags"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn all_errors_are_reported_at_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = json!({ "title": "", "description": "x".repeat(5_001), "tags": [""] });
    let answer = post(&ann, "/api/v1/tasks", task).await;
    assert_eq!(answer.problem(), (422, "INVALID", "title"));
    let details = answer.at("/error/details").as_array().unwrap();
    let fields: Vec<&Value> = details.iter().map(|detail| &detail["field"]).collect();
    assert_eq!(fields, ["title", "description", "tags"]);
    for part in ["title is empty", "up to 5000", "1 to 50"] {
        assert!(answer.detail().contains(part), "{}", answer.text);
    }
}

/// Fields of unacceptable accounts, each with the field and message of the error.
fn unacceptable_accounts() -> Vec<(Value, &'static str, &'static str)> {
    let address = "is not an address such as name@example.com of up to 254 characters";
    let username = "3 to 50 of the letters a to z, digits, '_', '.' and '-' are allowed";
    vec![
        (json!({ "email": "ann" }), "email", address),
        (json!({ "email": "ann@" }), "email", address),
        (json!({ "email": "@example.com" }), "email", address),
        (json!({ "email": "ann@localhost" }), "email", address),
        (json!({ "email": "" }), "email", address),
        (
            json!({ "password": "Short1" }),
            "password",
            "password is 6 characters long; 8 to 128 are allowed",
        ),
        (
            json!({ "password": "a1".repeat(65) }),
            "password",
            "130 characters long; 8 to 128",
        ),
        (
            json!({ "password": "onlyletters" }),
            "password",
            "at least one letter and one digit",
        ),
        (
            json!({ "password": "1234567890" }),
            "password",
            "at least one letter and one digit",
        ),
        (json!({ "username": "ab" }), "username", username),
        (json!({ "username": "a".repeat(51) }), "username", username),
        (json!({ "username": "a b c" }), "username", username),
        (json!({ "username": "a\u{0}bc" }), "username", username),
        (
            json!({ "full_name": "x".repeat(256) }),
            "full_name",
            "full_name is 256 characters long; 1 to 255 are allowed",
        ),
    ]
}

#[tokio::test]
async fn an_unacceptable_account_is_refused_by_field_and_not_created() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let before = app.footprint().await;
    for (fields, field, allowed) in unacceptable_accounts() {
        let account = with(json!({ "email": "new@example.com", "password": PASSWORD }), &fields);
        let answer = post(&nobody, "/api/v1/auth/register", account).await;
        expect_refusal(&answer, (422, "INVALID", field), allowed);
        // The random request id could contain a password by chance.
        let said = answer.text.replace(answer.header("x-request-id"), "");
        for password in ["Short1", "a1a1", "onlyletters", "1234567890"] {
            assert!(!said.contains(password), "a password is never repeated");
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_used_name_is_taken_in_any_letter_case() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let email = format!("{}@EXAMPLE.com", ann.name.to_uppercase());
    let account = json!({ "email": email, "password": PASSWORD });
    let answer = post(&app.anonymous(), "/api/v1/auth/register", account).await;
    expect_refusal(&answer, (409, "TAKEN", "email"), "already taken");
    let account = json!({ "email": "new@example.com", "password": PASSWORD, "username": ann.name.to_uppercase() });
    let answer = post(&app.anonymous(), "/api/v1/auth/register", account).await;
    expect_refusal(&answer, (409, "TAKEN", "username"), "already taken");
    assert_eq!(app.footprint().await, before);
}

/// All requests to one task: method, path after that of the task, and body.
fn task_requests() -> [(Method, &'static str, Value); 10] {
    [
        (Method::GET, "", Value::Null),
        (Method::PUT, "", whole(json!({ "title": "Mine" }))),
        (Method::PATCH, "", json!({ "title": "Mine" })),
        (Method::DELETE, "", Value::Null),
        (Method::DELETE, "/force", Value::Null),
        (Method::POST, "/restore", Value::Null),
        (Method::POST, "/assign", json!({ "assignee_id": null })),
        (Method::POST, "/transition", json!({ "target_status": "done" })),
        (Method::POST, "/tags", json!(["mine"])),
        (Method::DELETE, "/tags/mine", Value::Null),
    ]
}

#[tokio::test]
async fn an_unknown_and_an_invisible_task_are_not_found_with_the_same_error() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let foreign = bob.creates_task(json!({ "title": "Bob's" })).await;
    let before = app.footprint().await;
    for (method, end, body) in task_requests() {
        for id in [foreign, 999_999, i64::from(i32::MAX), 0, -1] {
            let path = format!("/api/v1/tasks/{id}{end}");
            let answer = ann.rest(method.clone(), &path, body.clone()).await;
            let message = format!("There is no task with the id {id}, or you may not see it");
            expect_refusal(&answer, (404, "NOT_FOUND", ""), &message);
            assert_eq!(answer.detail(), message, "{method} {path}");
        }
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_invalid_id_is_refused_with_what_is_allowed() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let before = app.footprint().await;
    let mut cases: Vec<(Method, String, Value)> = task_requests()
        .into_iter()
        .map(|(method, end, body)| (method, format!("/api/v1/tasks/ID{end}"), body))
        .collect();
    cases.extend([
        (Method::GET, "/api/v1/users/ID".to_owned(), Value::Null),
        (
            Method::PATCH,
            "/api/v1/users/ID".to_owned(),
            json!({ "full_name": "N" }),
        ),
        (Method::DELETE, "/api/v1/users/ID".to_owned(), Value::Null),
    ]);
    let ids = [
        ("abc", "abc"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        ("%201", " 1"),
        ("2147483648", "2147483648"),
        ("-2147483649", "-2147483649"),
        ("9223372036854775808", "9223372036854775808"),
        ("%00", "\u{0}"),
    ];
    for (method, path, body) in cases {
        for (id, shown) in ids {
            let answer = boss.rest(method.clone(), &path.replace("ID", id), body.clone()).await;
            let allowed = format!("The id '{shown}' in the path is not a whole number up to 2147483647");
            expect_refusal(&answer, (422, "INVALID", "id"), &allowed);
        }
    }
    let answer = get(&boss, "/api/v1/tasks/%ff").await;
    assert_eq!(answer.problem(), (400, "BAD_REQUEST", ""), "{}", answer.text);
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_stale_write_is_a_conflict_and_names_both_versions() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "First" })).await;
    let second = patch(&ann, &path, json!({ "title": "Second", "expected_version": 1 })).await;
    assert_eq!(expect_status(second, 200).at("/version"), 2);
    let before = app.footprint().await;
    for (method, end, mut body) in [
        (Method::PATCH, "", json!({ "title": "Third" })),
        (Method::PUT, "", whole(json!({ "title": "Third" }))),
        (Method::POST, "/assign", json!({ "assignee_id": ann.id })),
        (Method::POST, "/transition", json!({ "target_status": "done" })),
    ] {
        body["expected_version"] = json!(1);
        let answer = ann.rest(method, &format!("{path}{end}"), body).await;
        expect_refusal(&answer, (409, "CONFLICT", ""), "The task has version 2 by now, not 1");
        assert_eq!(
            answer.at("/error/details"),
            &json!({ "expected_version": 1, "current_version": 2 })
        );
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_unknown_transition_is_refused_by_every_route() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "T", "status": "done" })).await;
    let before = app.footprint().await;
    let change = json!({ "title": "Other", "status": "in_progress" });
    for answer in [
        post(
            &ann,
            &format!("{path}/transition"),
            json!({ "target_status": "in_progress" }),
        )
        .await,
        patch(&ann, &path, change.clone()).await,
        put(&ann, &path, whole(change)).await,
    ] {
        assert_eq!(answer.problem(), (409, "INVALID_TRANSITION", ""));
        assert_eq!(answer.detail(), "Invalid transition from 'done' to 'in_progress'");
        assert_eq!(
            answer.at("/error/details"),
            &json!({ "status": "done", "allowed": ["todo"], "current_state": "done", "target_state": "in_progress" })
        );
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_unknown_user_is_not_found() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let before = app.footprint().await;
    for id in ["999999", "0", "-1"] {
        let path = format!("/api/v1/users/{id}");
        let message = format!("There is no user with the id {id}");
        for answer in [
            get(&boss, &path).await,
            patch(&boss, &path, json!({ "full_name": "Nobody" })).await,
            delete(&boss, &path).await,
        ] {
            expect_refusal(&answer, (404, "NOT_FOUND", ""), &message);
        }
    }
    assert_eq!(app.footprint().await, before);
}
