//! The REST face from the outside, a topic a file.

mod assignment;
mod bad_input;
mod body;
mod bulk;
mod content_encoding;
mod dialect;
mod etag;
mod file;
mod filter;
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

/// Reads.
async fn get(person: &Person<'_>, path: &str) -> Answer {
    person.rest(Method::GET, path, Value::Null).await
}

/// Posts; null is no body.
async fn post(person: &Person<'_>, path: &str, body: Value) -> Answer {
    person.rest(Method::POST, path, body).await
}

/// Replaces.
async fn put(person: &Person<'_>, path: &str, body: Value) -> Answer {
    person.rest(Method::PUT, path, body).await
}

/// Changes a part.
async fn patch(person: &Person<'_>, path: &str, body: Value) -> Answer {
    person.rest(Method::PATCH, path, body).await
}

/// Deletes.
async fn delete(person: &Person<'_>, path: &str) -> Answer {
    person.rest(Method::DELETE, path, Value::Null).await
}

/// A body that replaces a task: these fields, and every other one empty.
fn whole(fields: Value) -> Value {
    let mut task = json!({ "title": "T", "description": null, "status": "todo", "priority": "medium", "due_date": null,
        "assignee_id": null, "tags": [] });
    match (&mut task, fields) {
        (Value::Object(task), Value::Object(mut fields)) => task.append(&mut fields),
        (_, other) => panic!("{other} is no object"),
    }
    task
}

/// Makes a task, and gives it as the answer shows it.
async fn make(person: &Person<'_>, task: Value) -> Value {
    let answer = post(person, "/api/v1/tasks", task).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body
}

/// Makes a task, and gives its path.
async fn make_at(person: &Person<'_>, task: Value) -> String {
    format!("/api/v1/tasks/{}", make(person, task).await["id"])
}

/// Checks a refusal: the status, the code, the field of the first detail, and a part of the message.
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

/// The answer, if it is of this status.
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
