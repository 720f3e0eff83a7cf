//! Heads of the parts of a form, in small pieces, and long boundaries.

use axum::http::Method;
use serde_json::json;

use super::refused;
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{Form, byte_by_byte, upload_form};
use crate::support::person::Person;

/// Sends a form in pieces of one byte.
async fn sends_bytes(person: &Person<'_>, form: Vec<u8>) -> Answer {
    person.send(person.form().body(byte_by_byte(form)).unwrap()).await
}

#[tokio::test]
async fn a_form_is_accepted_byte_by_byte() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = sends_bytes(&ann, upload_form(None).file("0", "a.txt", b"text").end()).await;
    let payload = &answer.data()["attachmentUpload"];
    assert_eq!(payload["userErrors"], json!([]), "{}", answer.text);
    assert_eq!(payload["attachment"]["size"], 4);
}

/// For each piece, the parser searches the whole head again. This would occupy a processor for long, even for clients
/// that are not signed in.
#[tokio::test]
async fn a_long_head_is_refused_before_its_end() {
    let app = TestApp::start().await;
    let long = "x".repeat(200_000).into_bytes();
    let operations = Form::default().text("operations", r#"{"query": "{ __typename }"}"#);
    for begin in [
        Vec::new(),
        b"--between-parts\r\nContent-Disposition: ".to_vec(),
        [operations.broken_off(), b"--between-parts\r\nMore: ".to_vec()].concat(),
    ] {
        let answer = sends_bytes(&app.anonymous(), [begin, long.clone()].concat()).await;
        refused(&answer, 413, "LIMIT_EXCEEDED");
        assert_eq!(
            answer.error_message(),
            "The head of a part is larger than the 16384 bytes that are allowed"
        );
    }
}

/// For each piece, the parser reads the whole boundary. This would occupy a processor for long, even for clients that
/// are not signed in.
#[tokio::test]
async fn a_long_boundary_is_refused() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (length, problem) in [
        (70, "operations is missing"),
        (71, "field \"boundary\" exceeded the size limit: 70 bytes"),
    ] {
        let boundary = "b".repeat(length);
        let request = nobody
            .request(Method::POST, "/graphql")
            .header("content-type", format!("multipart/form-data; boundary={boundary}"))
            .header("accept", "application/graphql-response+json")
            .header("graphql-preflight", "1");
        let answer = nobody
            .send(request.body(format!("--{boundary}--").into()).unwrap())
            .await;
        refused(&answer, 400, "BAD_REQUEST");
        assert!(answer.error_message().contains(problem), "{length}: {}", answer.text);
    }
}
