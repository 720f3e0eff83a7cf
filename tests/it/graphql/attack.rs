//! Malicious documents: every transport refuses them and names the limit, and the server stays up.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{SPECIFIED, ask, get, post, refused, send};
use crate::support::TestApp;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;
use crate::support::socket::{LEGACY, TRANSPORT};

/// Deep enough to exhaust the stack of a parser without a limit.
const LEVELS: usize = 300;

fn nested_filter() -> String {
    let filter = format!("{}{}", "{and:[".repeat(LEVELS), "]}".repeat(LEVELS));
    format!("{{tasks(filter:{filter}){{totalCount}}}}")
}

/// Documents, each with the limit that it exceeds.
fn attacks() -> Vec<(String, &'static str)> {
    let chain: Vec<String> = (0..90)
        .map(|n| format!("fragment f{n} on Query{{...f{} ...f{}}}", n + 1, n + 1))
        .collect();
    let chain = chain.concat();
    let aliases: Vec<String> = (0..31).map(|n| format!("a{n}:__typename ")).collect();
    let aliases = aliases.concat();
    vec![
        (nested_filter(), "nested values: more than 32; up to 32"),
        (
            format!("query($a:TaskFilter={}1){{viewer{{id}}}}", "{and:".repeat(LEVELS)),
            "nested values",
        ),
        (
            format!("query($a:{}Int){{viewer{{id}}}}", "[".repeat(LEVELS)),
            "nested values",
        ),
        (format!("{{node(id:{}", "[".repeat(LEVELS)), "nested values"),
        ("{a".repeat(LEVELS), "nested selections: more than 30; up to 30"),
        (format!("{{{}", "...{".repeat(LEVELS)), "nested selections"),
        (
            format!("{{{}", "...on Query@include(if:true){".repeat(LEVELS)),
            "nested selections",
        ),
        (
            format!("{{...f0}}{chain}fragment f90 on Query{{__typename}}"),
            "fields after fragments are expanded",
        ),
        (format!("{{{aliases}}}"), "aliases: 31; up to 30"),
        (
            format!("{{a(b:[{}", "1 ".repeat(2_000)),
            "tokens: more than 2000; up to 2000",
        ),
        ("?".repeat(70_000), "bytes: 70000; up to 65536"),
        (format!("{{node(id:\"{}\"){{id}}}}", "x".repeat(70_000)), "bytes"),
    ]
}

#[tokio::test]
async fn documents_above_a_limit_are_refused_with_its_name() {
    let app = TestApp::start().await;
    for (document, limit) in attacks() {
        let answer = ask(&app.anonymous(), SPECIFIED, &document).await;
        refused(&answer, 400, "LIMIT_EXCEEDED");
        assert!(answer.error_message().contains(limit), "{}", answer.text);
        assert!(answer.text.len() < 500, "{}", answer.text);
    }
}

#[tokio::test]
async fn documents_that_are_garbage_are_syntax_errors() {
    let app = TestApp::start().await;
    for character in [
        "{", "[", "(", "?", "#", "\"", "\"\"\"", "@", "$", "...", "!", "}", "\\", "é", "\u{0}", "-", ".",
    ] {
        for length in [1, 64, 60_000] {
            let document = character.repeat(length.min(60_000 / character.len()));
            let answer = ask(&app.anonymous(), SPECIFIED, &document).await;
            assert_eq!(answer.status, 400, "{}", answer.text);
            let code = answer.error_code();
            assert!(
                matches!(code, "GRAPHQL_PARSE_FAILED" | "LIMIT_EXCEEDED"),
                "{character}: {code}"
            );
            assert!(answer.text.len() < 500, "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn long_names_that_do_not_exist_are_refused_at_once() {
    let app = TestApp::start_with(&[("GRAPHQL_INTROSPECTION", "true")]).await;
    let began = Instant::now();
    // A similar name is suggested only for short names.
    let (missing, existing) = ("a".repeat(30_000), "b".repeat(30_000));
    let document = format!("{{...{missing}}} fragment {existing} on Query{{__typename}}");
    for _ in 0..10 {
        let answer = ask(&app.anonymous(), SPECIFIED, &document).await;
        refused(&answer, 400, "GRAPHQL_VALIDATION_FAILED");
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_long_search_in_many_fields_is_refused_at_once() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let words: Vec<String> = (0..150_000).map(|word| format!("{word:x}")).collect();
    let short_searches: Vec<Value> = words
        .chunks(500)
        .map(|words| json!({ "search": words.join(" ") }))
        .collect();
    let lists: Vec<String> = (0..30).map(|n| format!("a{n}: viewer {{ ...Lists }} ")).collect();
    let document = format!(
        "query($f: TaskFilter) {{ {} }} fragment Lists on User {{
            ownedTasks(filter: $f) {{ __typename }} assignedTasks(filter: $f) {{ __typename }} }}",
        lists.concat()
    );
    for filter in [json!({ "search": words.join(" ") }), json!({ "or": short_searches })] {
        let body = json!({ "query": document, "variables": { "f": filter } }).to_string();
        let began = Instant::now();
        for _ in 0..10 {
            let answer = send(&nobody, post(&nobody).header("accept", SPECIFIED), body.clone()).await;
            refused(&answer, 400, "LIMIT_EXCEEDED");
        }
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_large_variable_that_is_used_often_is_refused() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    // Empty filters cost no points.
    let filter = json!({ "and": vec![json!({}); 9_000] });
    let ask = async |uses: usize| {
        let document = format!(
            "query($f: TaskFilter!) {{ tasks(filter: {{ and: [{}] }}) {{ __typename }} }}",
            "$f ".repeat(uses)
        );
        let body = json!({ "query": document, "variables": { "f": filter } }).to_string();
        send(&nobody, post(&nobody).header("accept", SPECIFIED), body).await
    };
    let answer = ask(300).await;
    refused(&answer, 400, "LIMIT_EXCEEDED");
    let limit = "bytes of variables that are used again";
    assert!(answer.error_message().contains(limit), "{}", answer.text);
    assert_eq!(ask(2).await.error_code(), "UNAUTHENTICATED");
}

/// Sends a document by each HTTP transport; returns transport and error code.
async fn by_http(person: &Person<'_>, document: &str) -> Vec<(&'static str, String)> {
    let body = json!({ "query": document }).to_string();
    let encoded: String = url::form_urlencoded::byte_serialize(document.as_bytes()).collect();
    let form = Form::default().text("operations", &body).text("map", "{}").end();
    let multipart = person
        .request(Method::POST, "/graphql")
        .header("content-type", CONTENT_TYPE)
        .header("graphql-preflight", "1")
        .body(form.into())
        .unwrap();
    let batch = send(person, post(person), format!("[{body}]")).await;
    let answers = [
        ("POST", ask(person, SPECIFIED, document).await),
        (
            "GET",
            get(person, &format!("/graphql?query={encoded}"), SPECIFIED).await,
        ),
        ("multipart/form-data", person.send(multipart).await),
        (
            "event stream",
            send(person, post(person).header("accept", "text/event-stream"), body.clone()).await,
        ),
        (
            "parts",
            send(person, post(person).header("accept", "multipart/mixed"), body).await,
        ),
    ];
    let mut codes: Vec<_> = answers
        .map(|(way, answer)| (way, code_in(&answer.text)))
        .into_iter()
        .collect();
    codes.push(("batch", code_in(&batch.text)));
    codes
}

/// The error code in a body, which may be a stream.
fn code_in(text: &str) -> String {
    let code = text
        .split_once("\"code\":\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    code.map_or_else(|| text.to_owned(), |(code, _)| code.to_owned())
}

#[tokio::test]
async fn nesting_is_refused_by_every_transport_signed_in_or_not() {
    let app = TestApp::start().await;
    let served = app.listen().await;
    let ann = app.member().await;
    for person in [&app.anonymous(), &ann] {
        for (way, code) in by_http(person, &nested_filter()).await {
            assert_eq!(code, "LIMIT_EXCEEDED", "{way}");
        }
        let mut socket = served.socket_of(person).await;
        socket.subscribe("1", &nested_filter(), json!({})).await;
        assert_eq!(socket.error_code("1").await, "LIMIT_EXCEEDED", "{TRANSPORT}");
        let mut older = served.socket(LEGACY).await;
        older.init(crate::support::socket::credentials(person)).await;
        for expected in ["connection_ack", "ka"] {
            assert_eq!(older.receive().await["type"], expected);
        }
        older
            .send_json(json!({ "type": "start", "id": "1", "payload": { "query": nested_filter() } }))
            .await;
        let message = older.receive().await;
        assert_eq!(message["payload"]["extensions"]["code"], "LIMIT_EXCEEDED", "{message}");
    }
    assert_eq!(
        ann.graphql("{ viewer { username } }", Value::Null).await.data()["viewer"]["username"],
        ann.name
    );
}

#[tokio::test]
async fn variables_nest_up_to_a_limit() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let query = "query($f: TaskFilter) { tasks(filter: $f) { totalCount } }";
    // Each level is a list and an object. More than 64 levels are refused before the body is parsed.
    for levels in [17, 25] {
        let mut filter = json!({});
        for _ in 0..levels {
            filter = json!({ "and": [filter] });
        }
        let answer = ann.graphql(query, json!({ "f": filter })).await;
        refused(&answer, 200, "BAD_USER_INPUT");
        assert!(
            answer.error_message().contains("more than 32 levels"),
            "{}",
            answer.text
        );
    }
}

#[tokio::test]
async fn a_response_has_a_maximum_size() {
    let app = TestApp::start_with(&[("GRAPHQL_MAX_RESPONSE_BYTES", "20000")]).await;
    let ann = app.member().await;
    for number in 0..10 {
        ann.creates_task(json!({ "title": format!("Task {number}"), "description": "é".repeat(1_000) }))
            .await;
    }
    let page =
        |first: usize| json!({ "query": format!("{{ tasks(first: {first}) {{ nodes {{ title description }} }} }}") });
    let fits = send(&ann, post(&ann), page(9).to_string()).await;
    assert_eq!(fits.data()["tasks"]["nodes"].as_array().unwrap().len(), 9);
    let ask = async |body: Value| send(&ann, post(&ann).header("accept", SPECIFIED), body.to_string()).await;
    let answer = ask(page(10)).await;
    assert_eq!(
        (answer.status.as_u16(), answer.error_code()),
        (200, "LIMIT_EXCEEDED"),
        "{}",
        answer.text
    );
    assert!(
        answer.error_message().contains("up to 20000 bytes are allowed"),
        "{}",
        answer.text
    );
    assert!(answer.at("/data/tasks").is_null());
    // Fields that are resolved one by one, edges, and fields outside of rows count too.
    for document in [
        "{ tasks { nodes { viewerCanUpdate description } } }",
        "{ tasks { edges { node { description } } } }",
        "{ __schema { types { name description fields { name description args { name description } } } } }",
    ] {
        let answer = ask(json!({ "query": document })).await;
        assert_eq!(answer.error_code(), "LIMIT_EXCEEDED", "{document}");
    }
    // The answers of a batch count together.
    let batch = ask(json!([page(6), page(6), { "query": "{ __typename }" }])).await;
    let refused = batch
        .body
        .as_array()
        .unwrap()
        .iter()
        .filter(|answer| answer["errors"].is_array());
    assert!(refused.count() >= 1, "{}", batch.text);
    assert!(batch.text.len() < 20_000 + 2_000, "{}", batch.text.len());
}

#[tokio::test]
async fn json_has_a_maximum_number_of_values() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = format!(
        r#"{{"query": "{{ viewer {{ id }} }}", "variables": {{"x": [{}0]}}}}"#,
        "0,".repeat(400_000)
    );
    let answer = send(&ann, post(&ann).header("accept", SPECIFIED), body).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert!(
        answer.error_message().contains("more than 20000 values"),
        "{}",
        answer.text
    );
    let body = format!(r#"{{"title": "x", "tags": [{}"a"]}}"#, "\"a\",".repeat(30_000));
    let request = ann
        .request(Method::POST, "/tasks")
        .header("content-type", "application/json");
    let answer = ann.send(request.body(body.into()).unwrap()).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.detail().contains("more than 20000 values"), "{}", answer.text);
}
