//! Uploads by the GraphQL multipart request specification, and violations of it.

use std::io;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt as _, stream};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::refused;
use crate::support::TestApp;
use crate::support::form::{CONTENT_TYPE, Form, UPLOAD, upload_form};

const MIB: usize = 1024 * 1024;

fn operations() -> String {
    json!({ "query": UPLOAD, "variables": { "file": null } }).to_string()
}

fn batch(count: usize) -> String {
    let one = json!({ "query": UPLOAD, "variables": { "file": null } });
    Value::from(vec![one; count]).to_string()
}

#[tokio::test]
async fn the_largest_file_is_accepted_and_one_byte_more_is_413() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut content = vec![b'x'; 5 * MIB];
    assert_eq!(ann.keeps(None, "a.txt", &content).await["size"], 5 * MIB);
    content.push(b'x');
    let answer = ann.uploads(None, "a.txt", &content).await;
    refused(&answer, 413, "LIMIT_EXCEEDED");
    assert_eq!(
        answer.error_message(),
        "The file '0' is larger than the 5242880 bytes that are allowed"
    );
    // Larger than any form with one file.
    content.resize(8 * MIB, b'x');
    let answer = ann.uploads(None, "a.txt", &content).await;
    refused(&answer, 413, "LIMIT_EXCEEDED");
    assert_eq!(answer.error_message(), "The body is larger than this server takes");
    assert_eq!(app.stored_files().len(), 1);
}

#[tokio::test]
async fn a_batch_has_a_file_for_each_of_its_operations() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let form = Form::default()
        .text("operations", &batch(2))
        .text("map", r#"{"b": ["1.variables.file"], "a": ["0.variables.file"]}"#)
        .file("b", "second.txt", b"22")
        .file("a", "first.txt", b"1");
    let answer = ann.sends(form.end()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    for (place, name, size) in [(0, "first.txt", 1), (1, "second.txt", 2)] {
        let attachment = answer.at(&format!("/{place}/data/attachmentUpload/attachment"));
        assert_eq!(
            (&attachment["filename"], &attachment["size"]),
            (&json!(name), &json!(size))
        );
    }
}

#[tokio::test]
async fn one_file_may_be_used_for_several_variables() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let form = Form::default()
        .text("operations", &batch(3))
        .text(
            "map",
            r#"{"0": ["0.variables.file", "1.variables.file", "2.variables.file"]}"#,
        )
        .file("0", "a.txt", &vec![b'x'; MIB]);
    let answer = ann.sends(form.end()).await;
    for place in 0..3 {
        let attachment = answer.at(&format!("/{place}/data/attachmentUpload/attachment"));
        assert_eq!(attachment["size"], MIB, "{}", answer.text);
        assert_eq!(
            attachment["sha256"],
            answer.at("/0/data/attachmentUpload/attachment")["sha256"]
        );
    }
    assert_eq!(app.stored_files().len(), 3);
}

#[tokio::test]
async fn a_form_without_files_is_an_ordinary_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let form = Form::default()
        .text("operations", r#"{"query": "{ viewer { username } }"}"#)
        .text("map", "{}");
    assert_eq!(ann.sends(form.end()).await.data()["viewer"]["username"], ann.name);
}

fn form(operations: &str, map: &str) -> Form {
    Form::default().text("operations", operations).text("map", map)
}

/// Sends malformed bodies. Each gets 400 with a message of this prefix, and nothing is written.
async fn expect_refusals<const N: usize>(cases: [(Vec<u8>, &str); N]) {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    for (body, message) in cases {
        let answer = ann.sends(body).await;
        refused(&answer, 400, "BAD_REQUEST");
        assert!(
            answer.error_message().starts_with(message),
            "{message}: {}",
            answer.text
        );
    }
    assert_eq!(app.footprint().await, before);
    app.expect_stored_files(0).await;
}

#[tokio::test]
async fn operations_come_before_the_map_and_both_are_json() {
    const ORDER: &str = "send operations first, then map, then the files";
    let operations = operations();
    let begin = || Form::default().text("operations", &operations);
    expect_refusals([
        (Form::default().end(), &format!("operations is missing; {ORDER}")),
        (begin().end(), &format!("map is missing; {ORDER}")),
        (
            Form::default().text("map", "{}").text("operations", &operations).end(),
            &format!("The part 'map' is in the place of operations; {ORDER}"),
        ),
        (
            begin().file("0", "a.txt", b"a").end(),
            &format!("The part '0' is in the place of map; {ORDER}"),
        ),
        (
            form("{", "{}").end(),
            "operations is not a GraphQL request in JSON: EOF while parsing an object at line 1 column 1",
        ),
        (
            form("7", "{}").end(),
            "operations is not a GraphQL request; send a JSON object, or a list of them",
        ),
        (form("[]", "{}").end(), "The batch is empty; send 1 operation or more"),
        (
            form(&operations, "{").end(),
            "map is not a JSON object with a list of paths for each file, such as {\"0\": [\"variables.file\"]}: EOF",
        ),
        (form(&operations, "[]").end(), "map is not a JSON object with a list"),
        (
            form(&operations, r#"{"0": "variables.file"}"#).end(),
            "map is not a JSON object with a list of paths",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_map_names_a_null_variable_for_each_file() {
    let (operations, two) = (operations(), batch(2));
    let mapped = |paths: &str| form(&operations, &format!("{{\"0\": {paths}}}")).end();
    let nowhere = |path: &str| format!("map names the path '{path}', where no variable of the operations is null");
    let is_set = r#"{"query": "{ __typename }", "variables": {"file": 1}}"#;
    let takes_none = r#"{"query": "{ __typename }", "variables": {"file": null}}"#;
    let to_file = r#"{"0": ["variables.file"]}"#;
    expect_refusals([
        (mapped("[]"), "map names no path for the file '0'"),
        (mapped(r#"["variables.other"]"#), &nowhere("variables.other")),
        (mapped(r#"["variables"]"#), &nowhere("variables")),
        (mapped(r#"["query"]"#), &nowhere("query")),
        (mapped(r#"[""]"#), &nowhere("")),
        (mapped(r#"["0.variables.file"]"#), &nowhere("0.variables.file")),
        (form(&two, to_file).end(), &nowhere("variables.file")),
        (
            form(&two, r#"{"0": ["2.variables.file"]}"#).end(),
            &nowhere("2.variables.file"),
        ),
        (form(is_set, to_file).end(), &nowhere("variables.file")),
        (
            mapped(r#"["variables.file", "variables.file"]"#),
            "map names the path 'variables.file' twice",
        ),
        (
            mapped(r#"["variables.file"], "1": ["variables.file"]"#),
            "map names the path 'variables.file' twice",
        ),
        (
            form(takes_none, to_file).file("0", "a.txt", b"a").end(),
            "map names 1 files, but the fields of the operations take 0",
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_files_are_those_of_the_map_and_complete() {
    let operations = operations();
    let one = || form(&operations, r#"{"0": ["variables.file"]}"#);
    let broken = "The body is not multipart/form-data as it should be: incomplete";
    expect_refusals([
        (one().end(), "map names the file '0', which is missing"),
        (
            one().file("1", "a.txt", b"a").end(),
            "The file '1' is not in map, or was sent twice",
        ),
        (
            one().file("0", "a.txt", b"a").file("0", "a.txt", b"a").end(),
            "The file '0' is not in map, or was sent twice",
        ),
        (
            one().file("0", "a.txt", b"a").text("more", "x").end(),
            "The file 'more' is not in map, or was sent twice",
        ),
        (
            one().text("0", "a").end(),
            "The part '0' is no file: it has no filename",
        ),
        (
            one().file("0", "a.txt", b"a").broken_off(),
            "The body is not multipart/form-data as it should be: field \"0\" received with incomplete data",
        ),
        (b"no form at all".to_vec(), broken),
        (Vec::new(), broken),
    ])
    .await;
}

#[tokio::test]
async fn every_part_of_a_form_has_a_limit() {
    let app = TestApp::start_with(&[("BODY_LIMIT_BYTES", "65536")]).await;
    let ann = app.member().await;
    let long = "x".repeat(70_000);
    for (form, message) in [
        (
            Form::default().text("operations", &long),
            "operations is larger than the 65536 bytes that are allowed",
        ),
        (
            Form::default().text("operations", &operations()).text("map", &long),
            "map is larger than the 65536 bytes that are allowed",
        ),
    ] {
        let answer = ann.sends(form.end()).await;
        refused(&answer, 413, "LIMIT_EXCEEDED");
        assert_eq!(answer.error_message(), message);
    }
    let map: Value = (0..11)
        .map(|number| (number.to_string(), json!([format!("{number}.variables.file")])))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let form = Form::default()
        .text("operations", &batch(10))
        .text("map", &map.to_string());
    let answer = ann.sends(form.end()).await;
    refused(&answer, 400, "LIMIT_EXCEEDED");
    assert_eq!(
        answer.error_message(),
        "The request exceeds the limit of files: 11; up to 10 are allowed"
    );
}

#[tokio::test]
async fn a_form_that_another_site_could_send_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = || upload_form(None).file("0", "a.txt", b"text").end();
    let request = || {
        ann.request(axum::http::Method::POST, "/graphql")
            .header("content-type", CONTENT_TYPE)
    };
    for request in [request(), request().header("graphql-preflight", "")] {
        let answer = ann.send(request.body(body().into()).unwrap()).await;
        refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
        assert!(
            answer.error_message().contains("Apollo-Require-Preflight"),
            "{}",
            answer.text
        );
    }
    for header in [
        "Apollo-Require-Preflight",
        "X-Apollo-Operation-Name",
        "GraphQL-Preflight",
    ] {
        let answer = ann
            .send(request().header(header, "1").body(body().into()).unwrap())
            .await;
        assert_eq!(answer.data()["attachmentUpload"]["userErrors"], json!([]));
    }
    let request = ann.form().header("idempotency-key", "key");
    let answer = ann.send(request.body(body().into()).unwrap()).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert!(
        answer
            .error_message()
            .starts_with("Idempotency-Key is not supported with"),
        "{}",
        answer.text
    );
    let request = ann
        .request(axum::http::Method::POST, "/graphql")
        .header("content-type", "multipart/form-data");
    let request = request.header("graphql-preflight", "1");
    refused(
        &ann.send(request.body(body().into()).unwrap()).await,
        400,
        "BAD_REQUEST",
    );
}

#[tokio::test]
async fn a_file_outside_of_a_form_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for file in [
        json!("upload:0"),
        json!("#__graphql_file__:0"),
        json!("a.txt"),
        json!(7),
    ] {
        let answer = ann.graphql(UPLOAD, json!({ "file": file })).await;
        assert!(
            answer
                .text
                .contains("file: no file was sent; send it as a part of multipart/form-data"),
            "{}",
            answer.text
        );
    }
    let inline = "mutation { attachmentUpload(input: {file: \"upload:99\"}) { userErrors { code field message } } }";
    let (code, field, _) = ann.graphql(inline, json!({})).await.user_error("attachmentUpload");
    assert_eq!((code.as_str(), field.as_str()), ("INVALID", "input.file"));
    app.expect_stored_files(0).await;
}

/// A body that stalls after these bytes.
fn stalled(begin: Vec<u8>) -> Body {
    let begin = stream::iter([Ok::<_, io::Error>(Bytes::from(begin))]);
    Body::from_stream(begin.chain(stream::pending()))
}

#[tokio::test]
async fn a_refusal_is_sent_before_the_file_is_read() {
    let settings = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_UPLOAD_PER_MINUTE", "1")];
    let app = TestApp::start_with(&settings).await;
    let ann = app.member().await;
    let begin = upload_form(None).file("0", "a.txt", b"text").broken_off();
    // The rest of these bodies never arrives; the response must not wait for it.
    let nobody = app.anonymous();
    let request = nobody.form().body(stalled(begin.clone())).unwrap();
    assert_eq!(nobody.send(request).await.error_code(), "UNAUTHENTICATED");
    ann.keeps(None, "a.txt", b"text").await;
    let request = ann.form().body(stalled(begin)).unwrap();
    refused(&ann.send(request).await, 429, "RATE_LIMITED");
}

#[tokio::test]
async fn an_interrupted_upload_leaves_no_file() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let begin = upload_form(None).file("0", "a.txt", &vec![b'x'; MIB]).broken_off();
    let before = app.footprint().await;
    // The connection breaks.
    let broken = stream::iter([Ok(Bytes::from(begin.clone())), Err(io::Error::other("reset"))]);
    let answer = ann.send(ann.form().body(Body::from_stream(broken)).unwrap()).await;
    refused(&answer, 400, "BAD_REQUEST");
    assert_eq!(answer.error_message(), "The body could not be read to its end");
    // The request is cancelled.
    let request = ann.form().body(stalled(begin)).unwrap();
    let running = app.router().oneshot(request);
    let waited = tokio::time::timeout(std::time::Duration::from_millis(300), running).await;
    assert!(waited.is_err(), "it was answered");
    app.expect_stored_files(0).await;
    assert_eq!(app.footprint().await, before);
}
