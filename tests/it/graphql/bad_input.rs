//! What bad input gets: for each kind the exact status and body, in the specification's media type.

use axum::http::Method;
use serde_json::{Value, json};

use super::{JSON, SPECIFIED};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

/// Sends a body as JSON.
async fn post(person: &Person<'_>, body: String) -> Answer {
    post_as(person, JSON, body).await
}

async fn post_as(person: &Person<'_>, content_type: &str, body: String) -> Answer {
    let request = person
        .request(Method::POST, "/graphql")
        .header("content-type", content_type)
        .header("accept", SPECIFIED);
    person.send(request.body(body.into()).unwrap()).await
}

async fn document(person: &Person<'_>, query: &str) -> Answer {
    post(person, json!({ "query": query }).to_string()).await
}

/// Checks the whole of a refusal but for the id of its request, which changes.
#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str, message: &str, locations: Value) {
    let mut body = answer.body.clone();
    let request_id = body["errors"][0]["extensions"]["requestId"].take();
    assert_eq!(request_id, answer.header("x-request-id"));
    let mut error = json!({ "message": message, "extensions": { "code": code, "requestId": null } });
    if !locations.is_null() {
        error["locations"] = locations;
    }
    assert_eq!(
        (answer.status.as_u16(), &body),
        (status, &json!({ "errors": [error] }))
    );
}

fn at(line: u32, column: u32) -> Value {
    json!([{ "line": line, "column": column }])
}

#[tokio::test]
async fn documents_that_are_none_or_not_valid() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let validation = "GRAPHQL_VALIDATION_FAILED";
    is_refused(
        &document(&ann, "{ viewer { id }").await,
        400,
        "GRAPHQL_PARSE_FAILED",
        "",
        at(1, 16),
    );
    is_refused(&document(&ann, "{ viewer { colour } }").await, 400, validation, "", at(1, 12));
    is_refused(&document(&ann, "query A { viewer { id } } query B { viewer { id } }").await, 400, validation, "", Value::Null);
}

#[tokio::test]
async fn variables_that_are_missing_or_of_another_type() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let query = "query($first: Int!) { tasks(first: $first) { totalCount } }";
    for (variables, message) in [(json!({}), ""), (json!({ "first": "ten" }), ""), (json!({ "first": null }), "")] {
        let answer = post(&ann, json!({ "query": query, "variables": variables }).to_string()).await;
        is_refused(&answer, 400, "BAD_USER_INPUT", message, Value::Null);
    }
}

#[tokio::test]
async fn bodies_that_are_no_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (body, message) in [
        (String::new(), ""),
        ("{".to_owned(), ""),
        ("{}".to_owned(), ""),
        ("\"text\"".to_owned(), ""),
        (json!({ "query": ["{ viewer { id } }"] }).to_string(), ""),
        (json!({ "query": "{ viewer { id } }", "variables": [1] }).to_string(), ""),
        (json!({ "query": "{ viewer { id } }", "extensions": [1] }).to_string(), ""),
        (json!({ "query": "{ viewer { id } }", "operationName": ["A"] }).to_string(), ""),
        (json!([]).to_string(), ""),
        (json!(vec![json!({ "query": "{ viewer { id } }" }); 11]).to_string(), ""),
    ] {
        is_refused(&post(&ann, body).await, 400, "BAD_REQUEST", message, Value::Null);
    }
}

#[tokio::test]
async fn requests_that_a_browser_sends_unasked() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = json!({ "query": "{ viewer { id } }" }).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = post_as(&ann, content_type, body.clone()).await;
        is_refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE", "", Value::Null);
    }
    let path = "/graphql?query=mutation%7Blogout%7Bsuccess%7D%7D";
    let request = ann.request(Method::GET, path).header("accept", SPECIFIED);
    let answer = ann.send(request.body(String::new().into()).unwrap()).await;
    is_refused(&answer, 405, "METHOD_NOT_ALLOWED", "", Value::Null);
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn documents_that_ask_for_too_much() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let megabyte = format!("{{ viewer {{ id }} }} #{}", "x".repeat(1_000_000));
    let aliases: String = (0..101).map(|number| format!("a{number}: __typename ")).collect();
    let deep = format!("{{ {} {{ id }} {} }}", "a {".repeat(49), "}".repeat(49));
    let chained: String = (0..22)
        .map(|link| format!("fragment f{link} on User {{ ...f{} ...f{} }} ", link + 1, link + 1))
        .collect();
    let chained = format!("{{ viewer {{ ...f0 }} }} {chained} fragment f22 on User {{ id }}");
    for (query, message) in [
        (megabyte, ""),
        (format!("{{ {aliases} }}"), ""),
        (deep, ""),
        (chained, ""),
    ] {
        is_refused(&document(&ann, &query).await, 400, "LIMIT_EXCEEDED", message, Value::Null);
    }
    let over_the_body_limit = json!({ "query": "x".repeat(2_000_000) }).to_string();
    is_refused(&post(&ann, over_the_body_limit).await, 413, "PAYLOAD_TOO_LARGE", "", Value::Null);
}

#[tokio::test]
async fn introspection_where_it_is_off() {
    let app = TestApp::start_with(&[("GRAPHQL_INTROSPECTION", "false")]).await;
    let ann = app.member().await;
    let answer = document(&ann, "{ __schema { types { name } } }").await;
    is_refused(&answer, 400, "GRAPHQL_VALIDATION_FAILED", "", at(1, 3));
}
