//! Heads of the parts of a form, in small pieces, and long boundaries.

use axum::http::Method;

use super::{expect_refusal, expect_status};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form, byte_by_byte};
use crate::support::person::Person;

/// Longer than a head may be.
const LONG: usize = 20_000;
const REFUSAL: &str = "the head of a part is larger than the 16384 bytes that are allowed";

/// Sends a form in pieces of one byte.
async fn sends_bytes(person: &Person<'_>, form: Vec<u8>) -> Answer {
    let request = person
        .request(Method::POST, "/upload")
        .header("content-type", CONTENT_TYPE);
    person.send(request.body(byte_by_byte(form)).unwrap()).await
}

/// These parts, then one with a long head.
fn with_long_head(parts: Form) -> Vec<u8> {
    let head = format!("--between-parts\r\nMore: {}", "x".repeat(LONG));
    [parts.broken_off(), head.into_bytes()].concat()
}

/// For each piece, the parser searches the whole head again. This would occupy a processor for long.
#[tokio::test]
async fn a_long_head_is_refused_before_its_end() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let file = Form::default().file("file", "a.txt", b"text");
    for form in [vec![b'x'; LONG], with_long_head(Form::default()), with_long_head(file)] {
        let answer = sends_bytes(&ann, form).await;
        expect_refusal(&answer, (413, "PAYLOAD_TOO_LARGE", "file"), REFUSAL);
    }
    app.expect_stored_files(0).await;
}

/// Signs in by a form without parts, with a boundary of this length.
async fn signs_in(person: &Person<'_>, boundary: usize) -> Answer {
    let boundary = "b".repeat(boundary);
    let request = person
        .request(Method::POST, "/auth/login/access-token")
        .header("content-type", format!("multipart/form-data; boundary={boundary}"));
    person
        .send(request.body(format!("--{boundary}--").into()).unwrap())
        .await
}

/// For each piece, the parser reads the whole boundary.
#[tokio::test]
async fn a_long_boundary_is_refused() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let accepted = signs_in(&nobody, 70).await;
    expect_refusal(&accepted, (422, "INVALID", "username"), "missing field `username`");
    let refusal = "field \"boundary\" exceeded the size limit: 70 bytes";
    expect_refusal(&signs_in(&nobody, 71).await, (400, "BAD_REQUEST", ""), refusal);
    let request = ann.request(Method::POST, "/upload").header(
        "content-type",
        format!("multipart/form-data; boundary={}", "b".repeat(71)),
    );
    let answer = ann.send(request.body("--".into()).unwrap()).await;
    expect_refusal(&answer, (400, "BAD_USER_INPUT", "file"), refusal);
}

#[tokio::test]
async fn an_ignored_part_may_be_longer_than_a_head_and_its_own_head_may_not() {
    let app = TestApp::start_with(&[("REST_DIALECT", "tags-files")]).await;
    let ann = app.member().await;
    let ignored = Form::default().text("note", &"x".repeat(LONG));
    let answer = sends_bytes(&ann, with_long_head(ignored.clone())).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.text.contains(REFUSAL), "{}", answer.text);
    let whole = ignored.file("file", "a.txt", b"text").text("more", &"x".repeat(LONG));
    expect_status(sends_bytes(&ann, whole.end()).await, 201);
}
