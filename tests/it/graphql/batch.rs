//! Several operations in one request.

use serde_json::{Value, json};

use super::{SPECIFIED, post, refused, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

async fn batch(person: &Person<'_>, operations: &[Value]) -> Answer {
    let body = json!(operations).to_string();
    send(person, post(person).header("accept", SPECIFIED), body).await
}

#[tokio::test]
async fn each_operation_of_a_batch_has_its_response_at_its_index() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = batch(
        &ann,
        &[
            json!({ "query": "{ viewer { username } }" }),
            json!({ "query": "{ colour }" }),
            json!({ "query": "mutation($t: String!) { taskCreate(input: {title: $t}) { task { title } } }", "variables": { "t": "New" } }),
            json!({ "query": "mutation { taskCreate(input: {title: 5}) { task { title } } }" }),
            json!({ "query": "query A { a: __typename } query B { b: __typename }", "operationName": "B" }),
        ],
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        answer.header("content-type"),
        "application/graphql-response+json; charset=utf-8"
    );
    assert_eq!(answer.body.as_array().unwrap().len(), 5);
    assert_eq!(answer.at("/0/data/viewer/username"), &json!(ann.name));
    for refused in [1, 3] {
        let code = answer.at(&format!("/{refused}/errors/0/extensions/code"));
        assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
        assert!(answer.body[refused].get("data").is_none(), "{}", answer.text);
    }
    assert_eq!(answer.at("/2/data/taskCreate/task/title"), "New");
    assert_eq!(answer.at("/4/data"), &json!({ "b": "Query" }));
}

#[tokio::test]
async fn a_batch_checks_its_session_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let one = json!({ "query": "{ __typename }" });
    let before = app.app.domain().statements();
    let answer = batch(&ann, &vec![one; 10]).await;
    assert_eq!(answer.body.as_array().unwrap().len(), 10);
    assert_eq!(app.app.domain().statements() - before, 1);
}

#[tokio::test]
async fn a_batch_of_more_than_ten_is_refused_whole() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    let create = json!({ "query": "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }" });
    let answer = batch(&ann, &vec![create; 11]).await;
    refused(&answer, 400, "LIMIT_EXCEEDED");
    assert!(
        answer.error_message().contains("batch: 11; up to 10 are allowed"),
        "{}",
        answer.text
    );
    assert_eq!(app.footprint().await, before);
}
