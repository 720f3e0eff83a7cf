//! The GraphQL API.

mod attachment;
mod attack;
mod bad_input;
mod batch;
mod bulk;
mod bulk_create;
mod client_key;
mod content_encoding;
mod cursor;
mod due_day;
mod event_cursor;
mod filter;
mod form_head;
mod history;
mod http;
mod idempotency;
mod json_nesting;
mod limits;
mod multipart;
mod nested;
mod node;
mod notification;
mod own_sessions;
mod parameters;
mod persisted;
mod rate_limit;
mod refusal;
mod rows;
mod scalar;
mod session;
mod specification;
mod streams;
mod tag;
mod task;
mod user;
mod user_cache;

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::json;

use crate::support::answer::Answer;
use crate::support::person::Person;

/// The response media type of the specification.
const SPECIFIED: &str = "application/graphql-response+json";
/// The media type of older clients.
const JSON: &str = "application/json";

pub fn post(person: &Person<'_>) -> Builder {
    person.request(Method::POST, "/graphql").header("content-type", JSON)
}

pub async fn send(person: &Person<'_>, request: Builder, body: impl Into<String>) -> Answer {
    person.send(request.body(body.into().into()).unwrap()).await
}

/// Sends a document with this `Accept` header.
pub async fn ask(person: &Person<'_>, accept: &str, document: &str) -> Answer {
    send(
        person,
        post(person).header("accept", accept),
        json!({ "query": document }).to_string(),
    )
    .await
}

pub async fn get(person: &Person<'_>, path: &str, accept: &str) -> Answer {
    send(person, person.request(Method::GET, path).header("accept", accept), "").await
}

/// Checks a refusal: errors, each with the request id, and no `data`.
#[track_caller]
pub fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!(
        (answer.status.as_u16(), answer.error_code()),
        (status, code),
        "{}",
        answer.text
    );
    assert!(answer.body.get("data").is_none(), "{}", answer.text);
    for error in answer.at("/errors").as_array().unwrap() {
        assert_eq!(error["extensions"]["requestId"], answer.header("x-request-id"));
    }
}
