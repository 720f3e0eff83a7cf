//! The members of a GraphQL request: values that count as absent, and ambiguous ones that are refused.

use serde_json::{Value, json};
use url::form_urlencoded::Serializer;

use super::{JSON, SPECIFIED, get, post, refused, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{Form, UPLOAD, upload_form};
use crate::support::person::Person;

const QUERY: &str = "query A($n: Int = 1) { __typename tasks(first: $n) { totalCount } }";
const EVENTS: &str = "text/event-stream";

async fn by_url(person: &Person<'_>, parameters: &[(&str, &str)]) -> Answer {
    let query = Serializer::new(String::new()).extend_pairs(parameters).finish();
    get(person, &format!("/graphql?{query}"), SPECIFIED).await
}

async fn by_form(person: &Person<'_>, operations: &str, map: &str) -> Answer {
    let form = Form::default().text("operations", operations).text("map", map);
    person.sends(form.end()).await
}

#[tokio::test]
async fn an_empty_operation_name_and_members_that_are_null_count_as_absent() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let whole = json!({ "__typename": "Query", "tasks": { "totalCount": 0 } });
    for member in ["operationName", "variables", "extensions"] {
        for value in [json!(""), Value::Null] {
            if value == "" && member != "operationName" {
                continue;
            }
            let body = json!({ "query": QUERY, member: value });
            for accept in [JSON, SPECIFIED] {
                let answer = send(&ann, post(&ann).header("accept", accept), body.to_string()).await;
                assert_eq!(answer.data(), &whole, "{body}");
            }
            let batch = send(&ann, post(&ann), json!([body]).to_string()).await;
            assert_eq!(batch.at("/0/data"), &whole, "{body}");
            assert_eq!(by_form(&ann, &body.to_string(), "{}").await.data(), &whole, "{body}");
            let batch = by_form(&ann, &json!([body]).to_string(), "{}").await;
            assert_eq!(batch.at("/0/data"), &whole, "{body}");
            let event = send(&ann, post(&ann).header("accept", EVENTS), body.to_string()).await;
            assert!(
                event.text.starts_with("event: next\ndata: {\"data\":"),
                "{}",
                event.text
            );
        }
    }
    for (member, value) in [
        ("operationName", ""),
        ("variables", ""),
        ("variables", "null"),
        ("extensions", ""),
        ("extensions", "null"),
        ("extensions", r#"{"persistedQuery": null}"#),
    ] {
        let answer = by_url(&ann, &[("query", QUERY), (member, value)]).await;
        assert_eq!(answer.data(), &whole, "{member}={value}");
    }
    // The subscription is found: the error is about its argument.
    let watch = "subscription A { taskEvents(after: \"x\") { type } }";
    for accept in [EVENTS, "multipart/mixed;subscriptionSpec=1.0, application/json"] {
        let body = json!({ "query": watch, "operationName": "" }).to_string();
        let answer = send(&ann, post(&ann).header("accept", accept), body).await;
        assert!(answer.text.contains("after is not the cursor"), "{}", answer.text);
    }
    // A space is a name, and no operation has it.
    let body = json!({ "query": QUERY, "operationName": " " }).to_string();
    let answer = send(&ann, post(&ann).header("accept", SPECIFIED), body).await;
    refused(&answer, 400, "GRAPHQL_VALIDATION_FAILED");
}

#[tokio::test]
async fn text_after_the_json_of_a_url_parameter_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for name in ["variables", "extensions"] {
        for value in [
            r#"{"n": 1} junk"#,
            "{} {}",
            "null null",
            "{}]",
            "{},",
            "[]",
            "{",
            "1",
            "{}\u{0}",
        ] {
            for accept in [SPECIFIED, JSON] {
                let query = Serializer::new(String::new())
                    .extend_pairs([("query", QUERY), (name, value)])
                    .finish();
                let answer = get(&ann, &format!("/graphql?{query}"), accept).await;
                refused(&answer, 400, "BAD_REQUEST");
                let message = answer.error_message();
                assert!(
                    message.starts_with(&format!("{name} is not a JSON object: ")),
                    "{message}"
                );
            }
        }
        let spaced = by_url(&ann, &[("query", QUERY), (name, " {} \n")]).await;
        assert_eq!(spaced.data()["__typename"], "Query");
    }
}

#[tokio::test]
async fn a_duplicate_parameter_is_refused_by_name() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (name, one, other) in [
        ("query", "{ __typename }", "{ viewer { id } }"),
        ("query", "", "{ __typename }"),
        ("operationName", "A", "B"),
        ("operationName", "", ""),
        ("variables", "{}", "{}"),
        ("extensions", "{}", ""),
    ] {
        let mut parameters = vec![(name, one), (name, other)];
        if name != "query" {
            parameters.push(("query", "query A { __typename } query B { viewer { id } }"));
        }
        let answer = by_url(&ann, &parameters).await;
        refused(&answer, 400, "BAD_REQUEST");
        let message = format!("The parameter {name} comes more than once; send it once");
        assert_eq!(answer.error_message(), message);
    }
    // Unknown parameters, such as of caches and trackers, are ignored and may repeat.
    let answer = by_url(&ann, &[("query", "{ __typename }"), ("_", "1"), ("_", "2")]).await;
    assert_eq!(answer.data()["__typename"], "Query");
    // JSON bodies and JSON in forms are parsed as strictly.
    let twice = r#"{"query": "{ __typename }", "query": "{ viewer { id } }"}"#;
    let answer = send(&ann, post(&ann).header("accept", SPECIFIED), twice).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert!(
        answer.error_message().contains("duplicate field `query`"),
        "{}",
        answer.text
    );
    let answer = send(&ann, post(&ann).header("accept", SPECIFIED), format!("[{twice}]")).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert!(
        answer.error_message().contains("duplicate field `query`"),
        "{}",
        answer.text
    );
    let list = r#"[{"query": "{ __typename }"}, ["{ __typename }"]]"#;
    let answer = send(&ann, post(&ann).header("accept", SPECIFIED), list).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert!(
        answer.error_message().starts_with("[1] cannot be read: "),
        "{}",
        answer.text
    );
    let answer = by_form(&ann, twice, "{}").await;
    refused(&answer, 400, "BAD_REQUEST");
    assert!(
        answer.error_message().contains("duplicate field `query`"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_url_that_is_not_utf_8_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for query in [
        "query=%7B__typename%7D%20%23%ff",
        "query=%7B__typename%7D&variables=%7B%22a%22%3A%22%c3%22%7D",
        "query=%7B__typename%7D&operationName=%80",
    ] {
        let answer = get(&ann, &format!("/graphql?{query}"), SPECIFIED).await;
        refused(&answer, 400, "BAD_REQUEST");
        assert!(answer.error_message().contains("UTF-8"), "{}", answer.text);
    }
    let answer = get(&ann, "/graphql?query=%7B__typename%7D%20%23%c3%bc", SPECIFIED).await;
    assert_eq!(answer.data()["__typename"], "Query");
}

#[tokio::test]
async fn text_after_the_json_of_a_form_and_duplicate_files_are_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let operations = json!({ "query": UPLOAD, "variables": { "file": null } }).to_string();
    let before = app.footprint().await;
    for (operations, map, message) in [
        (
            format!("{operations} x"),
            "{}",
            "operations is not a GraphQL request in JSON: trailing characters",
        ),
        (
            format!("{operations}{operations}"),
            "{}",
            "operations is not a GraphQL request in JSON: trailing",
        ),
        (
            operations.clone(),
            "{} x",
            "map is not a JSON object with a list of paths",
        ),
        (
            operations.clone(),
            "{}{}",
            "map is not a JSON object with a list of paths",
        ),
        (
            operations.clone(),
            r#"{"0": ["variables.file"], "0": ["variables.file"]}"#,
            "map names the file '0' twice",
        ),
        (
            operations.clone(),
            r#"{"0": ["variables.other"], "0": ["variables.file"]}"#,
            "map names the file '0' twice",
        ),
    ] {
        let answer = by_form(&ann, &operations, map).await;
        refused(&answer, 400, "BAD_REQUEST");
        assert!(answer.error_message().starts_with(message), "{}", answer.text);
    }
    assert_eq!(app.footprint().await, before);
    app.expect_stored_files(0).await;
    let answer = ann.sends(upload_form(None).file("0", "a.txt", b"a").end()).await;
    assert_eq!(answer.data()["attachmentUpload"]["userErrors"], json!([]));
}
