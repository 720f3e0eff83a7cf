//! Bad input: the exact status and body of each response, in the media type of the specification.

use axum::http::Method;
use serde_json::{Value, json};

use super::{JSON, SPECIFIED};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::{Person, global_id};

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

/// Checks a whole refusal, except its request id.
#[track_caller]
fn is_refused(answer: &Answer, status: u16, code: &str, message: &str, locations: Value) {
    let mut body = answer.body.clone();
    let request_id = body["errors"][0]["extensions"]["requestId"].take();
    assert_eq!(request_id, answer.header("x-request-id"));
    let mut error = json!({ "message": message, "extensions": { "code": code, "requestId": null } });
    if !locations.is_null() {
        error["locations"] = locations;
    }
    assert_eq!((answer.status.as_u16(), &body), (status, &json!({ "errors": [error] })));
}

fn at(line: u32, column: u32) -> Value {
    json!([{ "line": line, "column": column }])
}

#[tokio::test]
async fn malformed_and_invalid_documents_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let validation = "GRAPHQL_VALIDATION_FAILED";
    is_refused(
        &document(&ann, "{ viewer { id }").await,
        400,
        "GRAPHQL_PARSE_FAILED",
        "Syntax error: expected a selection, found the end of the document",
        at(1, 16),
    );
    is_refused(
        &document(&ann, "{ viewer { colour } }").await,
        400,
        validation,
        "Type 'User' has no field 'colour'",
        at(1, 12),
    );
    is_refused(
        &document(&ann, "query A { viewer { id } } query B { viewer { id } }").await,
        400,
        validation,
        "operationName is missing, and the document has several operations: send one of A, B",
        Value::Null,
    );
}

#[tokio::test]
async fn variables_that_are_missing_or_of_another_type_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let query = "query($first: Int!) { tasks(first: $first) { totalCount } }";
    let ask = async |variables: Value| post(&ann, json!({ "query": query, "variables": variables }).to_string()).await;
    let missing = "The variable '$first' is missing; its type is Int!";
    is_refused(&ask(json!({})).await, 400, "BAD_USER_INPUT", missing, at(1, 7));
    let null = "The variable '$first' is null; its type is Int!";
    is_refused(
        &ask(json!({ "first": null })).await,
        400,
        "BAD_USER_INPUT",
        null,
        at(1, 7),
    );
    let wrong =
        "The variable '$first' is 'ten', which is not an Int; use a whole number from -2147483648 to 2147483647";
    let answer = ask(json!({ "first": "ten" })).await;
    is_refused(&answer, 400, "BAD_USER_INPUT", wrong, at(1, 7));
}

#[tokio::test]
async fn bodies_without_a_graphql_request_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (body, message) in [
        (
            String::new(),
            "The body is empty; send a GraphQL request as a JSON object",
        ),
        (
            "{".to_owned(),
            "The body is not a GraphQL request in JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            "{}".to_owned(),
            "query is missing; send the GraphQL document as a string",
        ),
        (
            "\"text\"".to_owned(),
            "The body is not a GraphQL request; send a JSON object, or a list of them",
        ),
        (
            json!({ "query": ["{ viewer { id } }"] }).to_string(),
            "query cannot be read: invalid type: sequence, expected a string at line 1 column 9",
        ),
        (
            json!({ "query": "{ viewer { id } }", "variables": [1] }).to_string(),
            "variables cannot be read: invalid type: sequence, expected a map at line 1 column 41",
        ),
        (
            json!({ "query": "{ viewer { id } }", "extensions": [1] }).to_string(),
            "extensions cannot be read: invalid type: sequence, expected a map at line 1 column 14",
        ),
        (
            json!({ "query": "{ viewer { id } }", "operationName": ["A"] }).to_string(),
            "operationName cannot be read: invalid type: sequence, expected a string at line 1 column 17",
        ),
        (json!([]).to_string(), "The batch is empty; send 1 operation or more"),
    ] {
        is_refused(&post(&ann, body).await, 400, "BAD_REQUEST", message, Value::Null);
    }
    let batch = json!(vec![json!({ "query": "{ viewer { id } }" }); 11]).to_string();
    let message = "The request exceeds the limit of operations in a batch: 11; up to 10 are allowed";
    is_refused(&post(&ann, batch).await, 400, "LIMIT_EXCEEDED", message, Value::Null);
}

#[tokio::test]
async fn requests_that_a_browser_sends_without_a_preflight_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = json!({ "query": "{ viewer { id } }" }).to_string();
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = post_as(&ann, content_type, body.clone()).await;
        let message = format!("The content type '{content_type}' is not taken; send JSON as application/json");
        is_refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE", &message, Value::Null);
    }
    let path = "/graphql?query=mutation%7Blogout%7Bsuccess%7D%7D";
    let request = ann.request(Method::GET, path).header("accept", SPECIFIED);
    let answer = ann.send(request.body(String::new().into()).unwrap()).await;
    is_refused(
        &answer,
        405,
        "METHOD_NOT_ALLOWED",
        "Only queries and subscriptions can be sent by GET; send mutations by POST",
        Value::Null,
    );
    assert_eq!(answer.header("allow"), "POST");
}

#[tokio::test]
async fn documents_above_a_limit_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let megabyte = format!("{{ viewer {{ id }} }} #{}", "x".repeat(1_000_000));
    let aliases: Vec<String> = (0..101).map(|number| format!("a{number}: __typename")).collect();
    let deep = format!("{{ {} id {} }}", "a {".repeat(29), "}".repeat(29));
    let chained: Vec<String> = (0..22)
        .map(|link| format!("fragment f{link} on User {{ ...f{} ...f{} }}", link + 1, link + 1))
        .collect();
    let chained = format!(
        "{{ viewer {{ ...f0 }} }} {} fragment f22 on User {{ id }}",
        chained.join(" ")
    );
    for (query, message) in [
        (
            megabyte,
            "The document exceeds the limit of bytes: 1000019; up to 65536 are allowed",
        ),
        (
            format!("{{ {} }}", aliases.join(" ")),
            "The document exceeds the limit of aliases: 101; up to 30 are allowed",
        ),
        (
            deep,
            "The document exceeds the limit of depth: 30; up to 15 are allowed",
        ),
        (
            chained,
            "The document exceeds the limit of fields after fragments are expanded: 12582912; up to 500 are allowed",
        ),
    ] {
        is_refused(
            &document(&ann, &query).await,
            400,
            "LIMIT_EXCEEDED",
            message,
            Value::Null,
        );
    }
    let over_the_body_limit = json!({ "query": "x".repeat(2_000_000) }).to_string();
    is_refused(
        &post(&ann, over_the_body_limit).await,
        413,
        "LIMIT_EXCEEDED",
        "The body is larger than the 1048576 bytes that are allowed",
        Value::Null,
    );
}

#[tokio::test]
async fn introspection_is_refused_if_it_is_disabled() {
    let app = TestApp::start_with(&[("GRAPHQL_INTROSPECTION", "false")]).await;
    let ann = app.member().await;
    let answer = document(&ann, "{ __schema { types { name } } }").await;
    let message = "Introspection is switched off on this server, so there is no field '__schema'";
    is_refused(&answer, 400, "GRAPHQL_VALIDATION_FAILED", message, at(1, 3));
    // `__typename` is allowed without introspection.
    assert_eq!(document(&ann, "{ __typename }").await.status, 200);
}

#[tokio::test]
async fn a_valid_document_is_refused_with_invalid_variables() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T" })).await;
    let document = "query($first: Int!, $status: [TaskStatus!], $id: ID!) {
        tasks(first: $first, filter: { status: { in: $status } }) { nodes { title } } task(id: $id) { title } }";
    let good = json!({ "first": 1, "status": ["TODO"], "id": global_id("Task", id) });
    let plain = "query($first: Int!) { tasks(first: $first) { nodes { title } } }";
    for _ in 0..2 {
        let answer = ann.graphql(document, good.clone()).await;
        assert_eq!(answer.data()["tasks"]["nodes"], json!([{ "title": "T" }]));
        let answer = ann.graphql(plain, json!({ "first": 1 })).await;
        assert_eq!(answer.data()["tasks"]["nodes"], json!([{ "title": "T" }]));
        for (document, name, value) in [
            (document, "first", json!("1")),
            (document, "first", json!(null)),
            (document, "status", json!(["LATER"])),
            (document, "id", json!({})),
            (plain, "first", json!("1")),
            (plain, "first", json!(1.5)),
        ] {
            let mut variables = good.clone();
            variables[name] = value.clone();
            let answer = ann.graphql(document, variables).await;
            assert_eq!(answer.body.get("data"), None, "{name}: {value}");
            let code = answer.at("/errors/0/extensions/code").as_str().unwrap();
            assert!(
                ["GRAPHQL_VALIDATION_FAILED", "BAD_USER_INPUT"].contains(&code),
                "{name}: {value}: {code}"
            );
        }
    }
}
