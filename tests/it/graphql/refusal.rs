//! Bad input through GraphQL: errors name the code, the field and what is allowed, and nothing is written.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};
use crate::support::{PASSWORD, TestApp};

const CREATE: &str = "mutation($input: TaskCreateInput!) { taskCreate(input: $input) { task { id } userErrors { code field message } } }";
const UPDATE: &str = "mutation($id: ID!, $input: TaskUpdateInput!, $version: Int) {
    taskUpdate(id: $id, input: $input, expectedVersion: $version) { task { version title } userErrors { code field message } } }";
const REGISTER: &str =
    "mutation($input: RegisterInput!) { register(input: $input) { accessToken userErrors { code field message } } }";
const LIST: &str = "query($first: Int, $last: Int, $after: String, $order: [TaskOrder!]) {
    tasks(first: $first, last: $last, after: $after, orderBy: $order) { nodes { id } pageInfo { endCursor } } }";

/// Checks code, path and a part of the message of a user error.
#[track_caller]
fn expect(answer: &Answer, mutation: &str, code: &str, path: &str, allowed: &str) {
    assert_eq!(answer.status, 200);
    let error = answer.user_error(mutation);
    assert_eq!((error.0.as_str(), error.1.as_str()), (code, path), "{}", answer.text);
    assert!(error.2.contains(allowed), "{:?} does not say {allowed:?}", error.2);
}

/// Checks code and a part of the message of a top-level error.
#[track_caller]
fn expect_failure(answer: &Answer, code: &str, allowed: &str) {
    assert_eq!(answer.error_code(), code, "{}", answer.text);
    let message = answer.error_message();
    assert!(message.contains(allowed), "{message:?} does not say {allowed:?}");
    assert_eq!(
        answer.at("/errors/0/extensions/requestId"),
        answer.header("x-request-id")
    );
}

#[tokio::test]
async fn an_unacceptable_task_is_refused_by_field_and_not_written() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "Kept" })).await;
    let before = app.footprint().await;
    for (input, field, allowed) in [
        (
            json!({ "title": "" }),
            "input.title",
            "title is empty; 1 to 255 characters are allowed",
        ),
        (json!({ "title": " \t " }), "input.title", "title is empty"),
        (
            json!({ "title": "x".repeat(256) }),
            "input.title",
            "title is 256 characters long; 1 to 255 are allowed",
        ),
        (json!({ "title": "a\nb" }), "input.title", "control characters"),
        (
            json!({ "title": "T", "description": "ü".repeat(5_001) }),
            "input.description",
            "description is 5001 characters long; up to 5000 are allowed",
        ),
        (
            json!({ "title": "T", "tags": ["x".repeat(51)] }),
            "input.tags",
            "1 to 50",
        ),
        (
            json!({ "title": "T", "tags": (0..21).map(|n| n.to_string()).collect::<Vec<_>>() }),
            "input.tags",
            "20",
        ),
        (
            json!({ "title": "T", "assigneeId": global_id("User", 999_999) }),
            "input.assigneeId",
            &format!("there is no active user with the id {}", global_id("User", 999_999)),
        ),
    ] {
        let answer = ann.graphql(CREATE, json!({ "input": input })).await;
        expect(&answer, "taskCreate", "INVALID", field, allowed);
        let answer = ann
            .graphql(UPDATE, json!({ "id": global_id("Task", id), "input": input }))
            .await;
        expect(&answer, "taskUpdate", "INVALID", field, allowed);
    }
    for field in ["title", "status", "priority"] {
        let input = json!({ field: null });
        let answer = ann
            .graphql(UPDATE, json!({ "id": global_id("Task", id), "input": input }))
            .await;
        expect(&answer, "taskUpdate", "INVALID", &format!("input.{field}"), "null");
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn the_longest_allowed_texts_are_accepted() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    ann.creates_task(json!({
        "title": "ü".repeat(255), "description": "日".repeat(5_000),
        "tags": (0..20).map(|n| format!("{n:ö>50}")).collect::<Vec<_>>(),
    }))
    .await;
}

#[tokio::test]
async fn all_errors_are_reported_at_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let input = json!({ "title": "", "description": "x".repeat(5_001), "tags": [""] });
    let answer = ann.graphql(CREATE, json!({ "input": input })).await;
    let errors = answer.data()["taskCreate"]["userErrors"].as_array().unwrap();
    let fields: Vec<&Value> = errors.iter().map(|error| &error["field"][1]).collect();
    assert_eq!(fields, ["title", "description", "tags"]);
    assert_eq!(answer.data()["taskCreate"]["task"], Value::Null);
}

#[tokio::test]
async fn an_unacceptable_account_is_refused_by_field_and_not_created() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let before = app.footprint().await;
    let taken = format!("{}@EXAMPLE.com", ann.name.to_uppercase());
    for (change, code, field, allowed) in [
        (json!({ "email": "ann" }), "INVALID", "input.email", "email"),
        (json!({ "email": "ann@" }), "INVALID", "input.email", "email"),
        (json!({ "email": "ann@localhost" }), "INVALID", "input.email", "email"),
        (json!({ "password": "Short1" }), "INVALID", "input.password", "8 to 128"),
        (
            json!({ "password": "onlyletters" }),
            "INVALID",
            "input.password",
            "digit",
        ),
        (
            json!({ "password": "1234567890" }),
            "INVALID",
            "input.password",
            "letter",
        ),
        (
            json!({ "password": "a1".repeat(65) }),
            "INVALID",
            "input.password",
            "8 to 128",
        ),
        (json!({ "username": "ab" }), "INVALID", "input.username", "3 to 50"),
        (
            json!({ "username": "a b c" }),
            "INVALID",
            "input.username",
            "letters a to z, digits",
        ),
        (
            json!({ "fullName": "x".repeat(256) }),
            "INVALID",
            "input.fullName",
            "255",
        ),
        (json!({ "email": taken }), "TAKEN", "input.email", "already taken"),
        (
            json!({ "username": ann.name.to_uppercase() }),
            "TAKEN",
            "input.username",
            "already taken",
        ),
    ] {
        let mut input = json!({ "email": "new@example.com", "password": PASSWORD });
        input
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = nobody.graphql(REGISTER, json!({ "input": input })).await;
        expect(&answer, "register", code, field, allowed);
        assert!(!answer.text.contains("a1a1"), "a password is never repeated");
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_unknown_and_an_invisible_task_are_not_found_with_the_same_error() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let foreign = bob.creates_task(json!({ "title": "Bob's" })).await;
    let before = app.footprint().await;
    let mut messages = Vec::new();
    for id in [foreign, 999_999] {
        let variables = json!({ "id": global_id("Task", id), "input": { "title": "Mine" } });
        let answer = ann.graphql(UPDATE, variables).await;
        let id = global_id("Task", id);
        let message = format!("There is no task with the id {id}");
        expect(&answer, "taskUpdate", "NOT_FOUND", "id", &message);
        messages.push(answer.user_error("taskUpdate").2.replace(&id, "ID"));
    }
    assert_eq!(messages[0], messages[1]);
    for id in ["7", "", "VGFzazpub25l", &global_id("User", 1)] {
        let variables = json!({ "id": id, "input": { "title": "Mine" } });
        let answer = ann.graphql(UPDATE, variables).await;
        expect_failure(&answer, "BAD_USER_INPUT", "is not the id of a Task");
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_stale_write_is_a_conflict_and_returns_the_present_task() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "First" })).await;
    let rename = async |title: &str, version: i64| {
        let variables = json!({ "id": global_id("Task", id), "input": { "title": title }, "version": version });
        ann.graphql(UPDATE, variables).await
    };
    rename("Second", 1).await.data();
    let before = app.footprint().await;
    let answer = rename("Third", 1).await;
    expect(
        &answer,
        "taskUpdate",
        "CONFLICT",
        "expectedVersion",
        "version 2 by now, not 1",
    );
    assert_eq!(
        answer.data()["taskUpdate"]["task"],
        json!({ "version": 2, "title": "Second" })
    );
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_unknown_transition_is_refused_by_every_mutation() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T", "status": "DONE" })).await;
    let before = app.footprint().await;
    let message = "Invalid transition from 'done' to 'in_progress'";
    let transition = "mutation($id: ID!) { taskTransition(id: $id, status: IN_PROGRESS) { task { id } userErrors { code field message } } }";
    let answer = ann.graphql(transition, json!({ "id": global_id("Task", id) })).await;
    expect(&answer, "taskTransition", "INVALID_TRANSITION", "status", message);
    let variables = json!({ "id": global_id("Task", id), "input": { "title": "Other", "status": "IN_PROGRESS" } });
    let answer = ann.graphql(UPDATE, variables).await;
    expect(&answer, "taskUpdate", "INVALID_TRANSITION", "input.status", message);
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_page_size_out_of_bounds_and_a_foreign_cursor_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for title in ["A", "B"] {
        ann.creates_task(json!({ "title": title })).await;
    }
    let page = ann.graphql(LIST, json!({ "first": 1 })).await;
    let cursor = page.data()["tasks"]["pageInfo"]["endCursor"].clone();
    for (variables, allowed) in [
        (json!({ "first": 101 }), "first is 101; 0 to 100 are allowed"),
        (json!({ "last": 101 }), "last is 101; 0 to 100 are allowed"),
        (json!({ "first": -1 }), "first is -1; 0 to 100 are allowed"),
        (json!({ "first": 1, "last": 1 }), "choose one of them"),
        (json!({ "after": "garbage" }), "after is not a cursor of this server"),
        (json!({ "after": "" }), "after is not a cursor of this server"),
        (
            json!({ "after": "x".repeat(5_000) }),
            "after is not a cursor of this server",
        ),
        (
            json!({ "after": cursor, "order": [{ "field": "TITLE" }] }),
            "after is a cursor of a list in another order",
        ),
        (
            json!({ "order": vec![json!({ "field": "ID" }); 6] }),
            "orderBy has 6 sort keys; up to 5 are allowed",
        ),
    ] {
        let answer = ann.graphql(LIST, variables).await;
        assert_eq!(answer.at("/data"), &json!({ "tasks": null }));
        expect_failure(&answer, "BAD_USER_INPUT", allowed);
        assert_eq!(answer.at("/errors/0/path"), &json!(["tasks"]));
    }
}

#[tokio::test]
async fn an_error_for_an_unknown_enum_value_lists_the_known_ones() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let statuses = "use one of TODO, IN_PROGRESS, DONE, CANCELLED";
    let literal = "mutation { taskCreate(input: {title: \"T\", status: OPEN}) { task { id } } }";
    expect_failure(
        &ann.graphql(literal, json!({})).await,
        "GRAPHQL_VALIDATION_FAILED",
        statuses,
    );
    for status in [json!("OPEN"), json!("todo"), json!(1)] {
        let input = json!({ "title": "T", "status": status });
        let answer = ann.graphql(CREATE, json!({ "input": input })).await;
        expect_failure(&answer, "BAD_USER_INPUT", statuses);
    }
    let alone = "mutation($id: ID!, $status: TaskStatus!) { taskTransition(id: $id, status: $status) { task { id } } }";
    let answer = ann
        .graphql(alone, json!({ "id": global_id("Task", 1), "status": "OPEN" }))
        .await;
    expect_failure(&answer, "BAD_USER_INPUT", statuses);
    let answer = ann.graphql(LIST, json!({ "order": [{ "field": "COLOUR" }] })).await;
    expect_failure(
        &answer,
        "BAD_USER_INPUT",
        "use one of CREATED_AT, UPDATED_AT, DUE_DATE, PRIORITY, STATUS, TITLE, DELETED_AT, ID",
    );
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_error_for_an_unknown_input_field_lists_the_known_ones() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let fields = "its fields are title, description, status, priority, dueDate, dueOn, assigneeId, tags";
    let literal = "mutation { taskCreate(input: {title: \"T\", colour: \"red\"}) { task { id } } }";
    expect_failure(
        &ann.graphql(literal, json!({})).await,
        "GRAPHQL_VALIDATION_FAILED",
        fields,
    );
    let input = json!({ "title": "T", "due_date": null });
    let answer = ann.graphql(CREATE, json!({ "input": input })).await;
    expect_failure(&answer, "BAD_USER_INPUT", fields);
    assert!(answer.error_message().contains("due_date"), "{}", answer.text);
    assert_eq!(app.database.number("SELECT COUNT(*) AS number FROM tasks").await, 0);
}

#[tokio::test]
async fn errors_show_nothing_of_the_schema_without_introspection() {
    let app = TestApp::start_with(&[("GRAPHQL_INTROSPECTION", "false")]).await;
    let ann = app.member().await;
    for document in [
        "mutation { taskCreate(input: {title: \"T\", status: OPEN}) { task { id } } }",
        "mutation { taskCreate(input: {title: \"T\", colour: 1}) { task { id } } }",
        "{ viewr { id } }",
    ] {
        let answer = ann.graphql(document, json!({})).await;
        assert_eq!(answer.error_code(), "GRAPHQL_VALIDATION_FAILED");
        for hidden in ["CANCELLED", "dueDate", "viewer"] {
            assert!(!answer.text.contains(hidden), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn values_of_another_type_are_refused_before_anything_runs() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    for input in [
        json!({}),
        json!({ "title": 5 }),
        json!({ "title": null }),
        json!({ "title": "T", "tags": [null] }),
        json!([1]),
        Value::Null,
    ] {
        let answer = ann.graphql(CREATE, json!({ "input": input })).await;
        let code = answer.error_code();
        assert!(
            ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"].contains(&code),
            "{input}: {}",
            answer.text
        );
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn an_invalid_token_writes_nothing_and_the_error_names_the_reason() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let access = ann.access_token.clone().unwrap();
    let (body, signature) = access.rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    let before = app.footprint().await;
    let create = async |person: &Person<'_>| person.graphql(CREATE, json!({ "input": { "title": "T" } })).await;
    for (token, reason) in [
        (forged.as_str(), "not valid"),
        (ann.refresh_token.as_str(), "not valid"),
        ("", "not valid"),
    ] {
        let answer = create(&ann.with_token(&app, token)).await;
        expect_failure(&answer, "UNAUTHENTICATED", reason);
    }
    expect_failure(&create(&app.anonymous()).await, "UNAUTHENTICATED", "Sign in first");
    app.advance(TimeDelta::minutes(30));
    expect_failure(&create(&ann).await, "UNAUTHENTICATED", "expired");
    assert_eq!(app.footprint().await, before);

    // Another authentication scheme is not accepted.
    let request = app.anonymous().request(Method::POST, "/graphql");
    let request = request
        .header("authorization", "Basic dXNlcjpwYXNz")
        .header("content-type", "application/json")
        .body(json!({ "query": "{ viewer { id } }" }).to_string().into());
    expect_failure(
        &app.anonymous().send(request.unwrap()).await,
        "UNAUTHENTICATED",
        "not valid",
    );
}
