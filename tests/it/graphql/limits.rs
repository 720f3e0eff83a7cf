//! Limits of a document. A document above a limit is not executed.

use serde_json::json;

use super::{SPECIFIED, ask, refused};
use crate::support::TestApp;

#[tokio::test]
async fn a_document_that_costs_too_much_is_refused_with_the_limit() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let chain = (0..22)
        .map(|n| format!("fragment f{n} on Query{{...f{} ...f{}}}", n + 1, n + 1))
        .collect::<Vec<_>>()
        .concat();
    let deep = format!("{}__typename{}", "{ viewer ".repeat(16), "}".repeat(16));
    let aliases = (0..31)
        .map(|n| format!("a{n}: __typename "))
        .collect::<Vec<_>>()
        .concat();
    let fields = "__typename ".repeat(501);
    for (document, allowed) in [
        (
            format!("{{...f0}}{chain}fragment f22 on Query{{__typename}}"),
            "up to 500 are allowed",
        ),
        (deep, "up to 15 are allowed"),
        (format!("{{ {aliases} }}"), "up to 30 are allowed"),
        (format!("{{ {fields} }}"), "up to 500 are allowed"),
        (
            format!("{{ __typename {} }}", "@skip(if: true)".repeat(51)),
            "up to 50 are allowed",
        ),
    ] {
        let answer = ask(&nobody, SPECIFIED, &document).await;
        refused(&answer, 400, "LIMIT_EXCEEDED");
        assert!(answer.error_message().contains(allowed), "{}", answer.text);
    }
}

#[tokio::test]
async fn complexity_is_counted_before_anything_runs() {
    let app = TestApp::start_with(&[("GRAPHQL_MAX_COMPLEXITY", "100")]).await;
    let ann = app.member().await;
    let page = "query($n: Int) { tasks(first: $n) { nodes { id owner { id } } } }";
    assert!(ann.graphql(page, json!({ "n": 40 })).await.body["errors"].is_null());
    let before = app.app.domain().statements();
    let answer = ann.graphql(page, json!({ "n": 100 })).await;
    refused(&answer, 200, "LIMIT_EXCEEDED");
    let (start, end) = ("exceeds the limit of complexity: 2", "; up to 100 are allowed");
    let message = answer.error_message();
    assert!(message.contains(start) && message.contains(end), "{}", answer.text);
    assert_eq!(
        app.app.domain().statements(),
        before,
        "not even the session was checked"
    );
}

#[tokio::test]
async fn a_document_of_many_tokens_is_refused_before_it_is_parsed() {
    let app = TestApp::start().await;
    let document = format!("{{ a(x: [{}]) }}", "1 ".repeat(30_000));
    let answer = ask(&app.anonymous(), SPECIFIED, &document).await;
    refused(&answer, 400, "LIMIT_EXCEEDED");
    assert!(
        answer.error_message().contains("tokens: more than 2000; up to 2000"),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn a_syntax_error_names_what_was_expected_and_does_not_repeat_the_document() {
    let app = TestApp::start().await;
    let document = format!("{{ viewer {{ id }} # {}", "x".repeat(5_000));
    let answer = ask(&app.anonymous(), SPECIFIED, &document).await;
    refused(&answer, 400, "GRAPHQL_PARSE_FAILED");
    assert!(
        answer.error_message().starts_with("Syntax error: expected "),
        "{}",
        answer.text
    );
    assert!(answer.text.len() < 500, "{}", answer.text);
    assert!(answer.at("/errors/0/locations/0/line").is_number());
}
