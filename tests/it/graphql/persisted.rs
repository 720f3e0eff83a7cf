//! Automatic persisted queries (Apollo's protocol).

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{JSON, SPECIFIED, get, post, refused, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

const QUERY: &str = "query V { viewer { username } }";

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

async fn ask(person: &Person<'_>, query: Option<&str>, persisted: Value) -> Answer {
    let mut body = json!({ "extensions": { "persistedQuery": persisted } });
    if let Some(query) = query {
        body["query"] = json!(query);
    }
    send(person, post(person).header("accept", SPECIFIED), body.to_string()).await
}

#[tokio::test]
async fn a_document_is_sent_once_and_then_only_its_hash() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let persisted = json!({ "version": 1, "sha256Hash": hash(QUERY) });
    let answer = ask(&ann, None, persisted.clone()).await;
    refused(&answer, 400, "PERSISTED_QUERY_NOT_FOUND");
    assert_eq!(answer.error_message(), "PersistedQueryNotFound");

    for query in [Some(QUERY), None] {
        let answer = ask(&ann, query, persisted.clone()).await;
        assert_eq!(answer.data()["viewer"]["username"], json!(ann.name), "{query:?}");
    }
    // Rights are checked on each request.
    let answer = ask(&app.anonymous(), None, persisted).await;
    assert_eq!(answer.error_code(), "UNAUTHENTICATED");
    // GET works too, so that a proxy may cache the response.
    let extensions = format!(
        "%7B%22persistedQuery%22%3A%7B%22version%22%3A1%2C%22sha256Hash%22%3A%22{}%22%7D%7D",
        hash(QUERY)
    );
    let answer = get(&ann, &format!("/graphql?operationName=V&extensions={extensions}"), JSON).await;
    assert_eq!(answer.data()["viewer"]["username"], json!(ann.name));
}

#[tokio::test]
async fn a_wrong_hash_is_refused_and_stores_nothing() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let other = hash("{ __typename }");
    for (query, persisted, reason) in [
        (
            Some(QUERY),
            json!({ "version": 1, "sha256Hash": other }),
            "is not the SHA-256 of the query",
        ),
        (
            Some(QUERY),
            json!({ "version": 2, "sha256Hash": hash(QUERY) }),
            "version is 2; only 1 is supported",
        ),
        (
            None,
            json!({ "version": 1, "sha256Hash": "abc" }),
            "is 'abc'; send 64 hexadecimal digits",
        ),
        (None, json!({ "version": 1 }), "sha256Hash"),
        (None, json!("abc"), "abc"),
    ] {
        let answer = ask(&ann, query, persisted).await;
        refused(&answer, 400, "BAD_REQUEST");
        assert!(answer.error_message().contains(reason), "{}", answer.text);
    }
    for hash in [other, hash(QUERY)] {
        let answer = ask(&ann, None, json!({ "version": 1, "sha256Hash": hash })).await;
        refused(&answer, 400, "PERSISTED_QUERY_NOT_FOUND");
    }
}

#[tokio::test]
async fn an_invalid_document_is_not_stored() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (document, code) in [
        ("{ viewer {", "GRAPHQL_PARSE_FAILED"),
        (&format!("{{ {}", "a ".repeat(3_000)), "LIMIT_EXCEEDED"),
    ] {
        let persisted = json!({ "version": 1, "sha256Hash": hash(document) });
        refused(&ask(&ann, Some(document), persisted.clone()).await, 400, code);
        refused(&ask(&ann, None, persisted).await, 400, "PERSISTED_QUERY_NOT_FOUND");
    }
}
