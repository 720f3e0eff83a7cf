//! Bodies with a content coding, such as gzip, are refused.

use serde_json::json;

use super::{JSON, SPECIFIED, get, post, refused, send};
use crate::support::TestApp;
use crate::support::form::upload_form;

const CREATE: &str = "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }";

#[tokio::test]
async fn an_encoded_body_is_refused_before_it_is_read() {
    let app = TestApp::start().await;
    let people = [app.member().await, app.anonymous()];
    let before = app.footprint().await;
    let plain = json!({ "query": CREATE }).to_string();
    for person in &people {
        for encoding in [
            "gzip",
            "GZIP",
            "br",
            "deflate",
            "zstd",
            "identity, gzip",
            "gzip, gzip",
            "x-unknown",
            "ü",
        ] {
            for body in [plain.as_str(), "\u{1f}not json", "", &format!("[{plain}]")] {
                for accept in [JSON, SPECIFIED, "text/event-stream"] {
                    let request = post(person)
                        .header("accept", accept)
                        .header("content-encoding", encoding);
                    let answer = send(person, request, body).await;
                    refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
                    assert_eq!(answer.header("accept-encoding"), "identity", "{encoding}");
                }
            }
            let form = upload_form(None).file("0", "a.txt", b"text").end();
            let request = person.form().header("content-encoding", encoding);
            let answer = person.send(request.body(form.into()).unwrap()).await;
            refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
            assert_eq!(answer.header("accept-encoding"), "identity");
        }
    }
    let request = post(&people[0]).header("content-encoding", "gzip");
    assert_eq!(
        send(&people[0], request, plain.as_str()).await.error_message(),
        "The body has the content encoding 'gzip'; send it uncompressed, without Content-Encoding"
    );
    // All header lines count, also with an idempotency key.
    let request = post(&people[0])
        .header("content-encoding", "identity")
        .header("content-encoding", "gzip")
        .header("idempotency-key", "key");
    refused(
        &send(&people[0], request, plain.as_str()).await,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    );
    assert_eq!(app.footprint().await, before);
    app.expect_stored_files(0).await;
}

#[tokio::test]
async fn identity_is_allowed_and_a_request_without_a_body_is_not_checked() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for encoding in ["identity", "Identity", "", "identity, identity", " , "] {
        let request = post(&ann).header("content-encoding", encoding);
        let answer = send(&ann, request, json!({ "query": "{ __typename }" }).to_string()).await;
        assert_eq!(answer.data()["__typename"], "Query", "{encoding}");
        assert_eq!(answer.header("accept-encoding"), "");
    }
    // GET has no body.
    let request = ann
        .request(axum::http::Method::GET, "/graphql?query=%7B__typename%7D")
        .header("content-encoding", "gzip");
    assert_eq!(send(&ann, request, "").await.data()["__typename"], "Query");
    let answer = get(&ann, "/graphql", JSON).await;
    assert_eq!(answer.header("accept-encoding"), "");
    // A 415 for another reason does not name the encoding.
    let request = ann
        .request(axum::http::Method::POST, "/graphql")
        .header("content-type", "text/plain");
    let answer = send(&ann, request, "").await;
    refused(&answer, 415, "UNSUPPORTED_MEDIA_TYPE");
    assert_eq!(answer.header("accept-encoding"), "");
}
