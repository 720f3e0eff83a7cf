//! The REST API, one topic per file.

mod assignment;
mod bad_input;
mod body;
mod bulk;
mod content_encoding;
mod dialect;
mod document;
mod etag;
mod file;
mod filter;
mod form_head;
mod idempotency;
mod json_nesting;
mod list;
mod parameter;
mod rate_limit;
mod refusal;
mod role;
mod route;
mod session;
pub mod statistics;
mod tag;
mod task;
mod token;
mod trash;
mod user;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::person::Person;

async fn get(person: &Person<'_>, path: &str) -> Answer {
    person.rest(Method::GET, path, Value::Null).await
}

/// A null body means no body.
async fn post(person: &Person<'_>, path: &str, body: Value) -> Answer {
    person.rest(Method::POST, path, body).await
}

async fn put(person: &Person<'_>, path: &str, body: Value) -> Answer {
    person.rest(Method::PUT, path, body).await
}

async fn patch(person: &Person<'_>, path: &str, body: Value) -> Answer {
    person.rest(Method::PATCH, path, body).await
}

async fn delete(person: &Person<'_>, path: &str) -> Answer {
    person.rest(Method::DELETE, path, Value::Null).await
}

/// A PUT body with these fields, and all others empty.
fn whole(fields: Value) -> Value {
    let mut task = json!({ "title": "T", "description": null, "status": "todo", "priority": "medium", "due_date": null,
        "assignee_id": null, "tags": [] });
    match (&mut task, fields) {
        (Value::Object(task), Value::Object(mut fields)) => task.append(&mut fields),
        (_, other) => panic!("{other} is no object"),
    }
    task
}

/// Creates a task and returns the response body.
async fn create_task(person: &Person<'_>, task: Value) -> Value {
    let answer = post(person, "/api/v1/tasks", task).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

/// Creates a task and returns its path.
async fn create_task_at(person: &Person<'_>, task: Value) -> String {
    format!("/api/v1/tasks/{}", create_task(person, task).await["id"])
}

/// Checks status, code, field of the first detail, and a part of the message of a refusal.
#[track_caller]
fn expect_refusal(answer: &Answer, (status, code, field): (u16, &str, &str), allowed: &str) {
    assert_eq!(answer.problem(), (status, code, field), "{}", answer.text);
    let message = answer.detail();
    assert!(message.contains(allowed), "{message:?} does not say {allowed:?}");
    if !field.is_empty() {
        let detail = answer.at("/error/details/0");
        assert_eq!(detail["code"], code, "{}", answer.text);
        let part = detail["message"].as_str().unwrap();
        assert!(message.contains(part), "{message:?} leaves out {part:?}");
    }
}

#[track_caller]
fn expect_status(answer: Answer, status: u16) -> Answer {
    assert_eq!(answer.status, status, "{}", answer.text);
    answer
}

/// The titles of a list, joined by commas.
#[track_caller]
fn titles(list: &Answer) -> String {
    let items = list.at("/items").as_array().unwrap();
    let titles: Vec<&str> = items.iter().map(|task| task["title"].as_str().unwrap()).collect();
    titles.join(",")
}
