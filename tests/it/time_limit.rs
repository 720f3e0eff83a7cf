//! The time limit of requests.

use axum::body::{Body, Bytes};
use axum::http::Method;
use futures_util::stream;

use crate::support::TestApp;

/// A body that never sends a byte.
fn endless_body() -> Body {
    Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>())
}

#[tokio::test]
async fn a_request_above_the_time_limit_is_cancelled_in_both_apis() {
    let app = TestApp::start_with(&[("REQUEST_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.member().await;
    let before = app.footprint().await;
    for path in ["/graphql", "/api/v1/tasks"] {
        let request = ann
            .request(Method::POST, path)
            .header("content-type", "application/json")
            .body(endless_body())
            .unwrap();
        let answer = ann.send(request).await;
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(
            answer.text.contains(r#""code":"TIMEOUT""#) && answer.text.contains("longer than 1 s"),
            "{}",
            answer.text
        );
    }
    assert_eq!(app.footprint().await, before);
}
