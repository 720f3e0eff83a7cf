//! Deeply nested JSON is refused with its depth and the limit, by every HTTP transport.

use axum::http::{Method, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use url::form_urlencoded::byte_serialize;

use super::{JSON, SPECIFIED, get, post, refused, send};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::Form;
use crate::support::person::Person;

const QUERY: &str = r#""query": "{ __typename }""#;

/// JSON with this many levels, as lists and objects, complete and truncated.
fn nested(depth: usize) -> Vec<String> {
    vec![
        "[".repeat(depth),
        r#"{"a":"#.repeat(depth),
        format!("{}{}", "[".repeat(depth), "]".repeat(depth)),
        format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth)),
        format!("{}{}", r#"[{"a":"#.repeat(depth / 2), "}]".repeat(depth / 2)),
    ]
}

#[track_caller]
fn too_deep(answer: &Answer, depth: usize) {
    refused(answer, 400, "BAD_REQUEST");
    let message = answer.error_message();
    let limit = format!("nested {depth} levels deep; up to 64 are allowed");
    assert!(message.contains(&limit), "{message}");
}

async fn by_post(person: &Person<'_>, accept: &str, body: String) -> Answer {
    send(person, post(person).header("accept", accept), body).await
}

async fn lives(person: &Person<'_>) {
    let answer = by_post(person, JSON, format!("{{{QUERY}}}")).await;
    assert_eq!(answer.data()["__typename"], "Query");
}

#[tokio::test]
async fn a_deeply_nested_body_is_refused_in_every_member() {
    let app = TestApp::start().await;
    for person in [app.member().await, app.anonymous()] {
        for depth in [100, 100_000] {
            for (number, json) in nested(depth).into_iter().enumerate() {
                for accept in [JSON, SPECIFIED, "text/event-stream"] {
                    too_deep(&by_post(&person, accept, json.clone()).await, depth);
                }
                for member in ["variables", "extensions", "operationName", "query", "unknown"] {
                    let query = if member == "query" { r#""a": 1"# } else { QUERY };
                    let body = format!("{{{query}, \"{member}\": {json}}}");
                    too_deep(&by_post(&person, JSON, body.clone()).await, depth + 1);
                    if number < 2 {
                        too_deep(&by_post(&person, JSON, format!("[{body}]")).await, depth + 2);
                    }
                }
            }
        }
        lives(&person).await;
    }
    let ann = app.member().await;
    // The maximum depth is accepted.
    for json in &nested(60)[2..4] {
        let body = format!("{{{QUERY}, \"variables\": {{\"a\": {json}}}, \"extensions\": null, \"more\": {json}}}");
        assert_eq!(by_post(&ann, JSON, body).await.data()["__typename"], "Query");
    }
    // Brackets in strings do not count.
    let text = json!({ "query": format!("{{ __typename }} # {}\"\\", "[{".repeat(1_000)) }).to_string();
    assert_eq!(by_post(&ann, JSON, text).await.data()["__typename"], "Query");
}

#[tokio::test]
async fn a_deeply_nested_url_parameter_is_refused() {
    let app = TestApp::start().await;
    for person in [app.member().await, app.anonymous()] {
        for name in ["variables", "extensions"] {
            for json in nested(2_000) {
                let json: String = byte_serialize(json.as_bytes()).collect();
                let path = format!("/graphql?query=%7B__typename%7D&{name}={json}");
                for accept in [JSON, SPECIFIED, "text/event-stream", "multipart/mixed"] {
                    too_deep(&get(&person, &path, accept).await, 2_000);
                }
            }
        }
        lives(&person).await;
    }
}

#[tokio::test]
async fn a_deeply_nested_part_of_a_form_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for json in nested(100_000) {
        let variables = format!("{{{QUERY}, \"variables\": {json}}}");
        for (operations, map, depth) in [
            (json.as_str(), "{}", 100_000),
            (variables.as_str(), "{}", 100_001),
            (r#"{"query": "{ __typename }"}"#, json.as_str(), 100_000),
        ] {
            let form = Form::default().text("operations", operations).text("map", map);
            too_deep(&ann.sends(form.end()).await, depth);
        }
    }
    // A long path of the map is resolved without recursion.
    let map = json!({ "0": [format!("variables{}", ".0".repeat(100_000))] }).to_string();
    let form = Form::default()
        .text("operations", &format!("{{{QUERY}, \"variables\": {{}}}}"))
        .text("map", &map);
    refused(&ann.sends(form.end()).await, 400, "BAD_REQUEST");
    lives(&ann).await;
}

#[tokio::test]
async fn deeply_nested_tokens_and_cursors_are_invalid() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let cursors = "query($after: String) { tasks(after: $after) { totalCount } }";
    let events = "subscription($after: String) { taskEvents(after: $after) { type } }";
    for json in nested(1_000).into_iter().chain(nested(40_000)) {
        let text = URL_SAFE_NO_PAD.encode(&json);
        let answer = ann.graphql(cursors, json!({ "after": text })).await;
        assert_eq!(answer.error_code(), "BAD_USER_INPUT", "{}", answer.text);
        let body = json!({ "query": events, "variables": { "after": text } }).to_string();
        let answer = by_post(&ann, "text/event-stream", body).await;
        assert!(answer.text.contains("BAD_USER_INPUT"), "{}", answer.text);
        for token in [
            format!("{text}.{text}.{text}"),
            format!("eyJhbGciOiJIUzI1NiJ9.{text}.AAAA"),
        ] {
            let request = app
                .anonymous()
                .request(Method::POST, "/graphql")
                .header(header::AUTHORIZATION, format!("Bearer {token}"))
                .header(header::CONTENT_TYPE, JSON);
            let body = json!({ "query": "{ viewer { id } }" }).to_string();
            let answer = send(&ann, request, body).await;
            assert_eq!(answer.error_code(), "UNAUTHENTICATED", "{}", answer.text);
        }
    }
    lives(&ann).await;
}

#[tokio::test]
async fn a_deeply_nested_body_claims_no_idempotency_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let title = "[{".repeat(100);
    let create = "mutation($t: String!) { taskCreate(input: {title: $t}) { task { title } userErrors { message } } }";
    for replayed in ["", "true"] {
        let body = json!({ "query": create, "variables": { "t": title } }).to_string();
        let answer = send(&ann, post(&ann).header("idempotency-key", "deep"), body).await;
        assert_eq!(answer.data()["taskCreate"]["task"]["title"], title);
        assert_eq!(answer.header("idempotency-replayed"), replayed);
    }
    for json in nested(100_000) {
        let body = format!("{{\"query\": {}, \"variables\": {{\"t\": {json}}}}}", json!(create));
        let answer = send(&ann, post(&ann).header("idempotency-key", "deeper"), body).await;
        too_deep(&answer, 100_002);
    }
}
