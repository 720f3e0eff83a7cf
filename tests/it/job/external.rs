//! The call to an external service, which listens on the loopback address.

use std::time::Duration;

use axum::Router;
use axum::http::{Method, StatusCode, header};
use axum::response::Redirect;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::TestApp;
use crate::support::answer::Answer;

const PATH: &str = "/api/v1/async/external";

/// Starts a service with several pages. Returns its URL.
async fn service() -> String {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let elsewhere = format!("http://{}/", other.local_addr().unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let away = elsewhere.clone();
    let router = Router::new()
        .route(
            "/json",
            get(async || ([(header::CONTENT_TYPE, "application/json")], r#"{"a": [1, null]}"#)),
        )
        .route("/text", get(async || "plain"))
        .route("/nothing", get(async || StatusCode::NO_CONTENT))
        .route("/bytes", get(async || vec![0xff_u8, 0]))
        .route("/large", get(async || "a".repeat(1024 * 1024 + 1)))
        .route("/broken", get(async || (StatusCode::IM_A_TEAPOT, "no")))
        .route("/slow", get(async || tokio::time::sleep(Duration::from_mins(10)).await))
        .route("/here", get(async || Redirect::temporary("/text")))
        .route("/round", get(async || Redirect::temporary("/round")))
        .route("/away", get(async move || Redirect::temporary(&away)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::spawn(async move { axum::serve(other, Router::new().route("/", get(async || "secret"))).await });
    address
}

async fn call(url: &str) -> Answer {
    let app = TestApp::start_with(&[("EXTERNAL_URL", url), ("EXTERNAL_TIMEOUT_SECONDS", "1")]).await;
    let ann = app.member().await;
    ann.rest(Method::GET, PATH, Value::Null).await
}

#[tokio::test]
async fn the_response_of_the_service_is_returned() {
    let service = service().await;
    for (page, status, data) in [
        ("json", 200, json!({ "a": [1, null] })),
        ("text", 200, json!("plain")),
        ("here", 200, json!("plain")),
        ("nothing", 204, Value::Null),
        ("bytes", 200, Value::Null),
    ] {
        let answer = call(&format!("{service}/{page}")).await;
        assert_eq!(answer.status, 200, "{page}: {}", answer.text);
        assert!(
            answer.at("/duration_ms").as_u64().is_some_and(|ms| ms < 1_000),
            "{}",
            answer.text
        );
        assert_eq!(
            (answer.at("/status"), answer.at("/status_code"), answer.at("/data")),
            (&json!("ok"), &json!(status), &data),
            "{page}"
        );
    }
}

#[tokio::test]
async fn failures_of_the_service_have_distinct_errors_and_redirects_are_not_followed() {
    let service = service().await;
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    for (url, status, code, message) in [
        (
            format!("{service}/broken"),
            502,
            "EXTERNAL_FAILED",
            "answered with the status 418",
        ),
        (
            format!("{service}/away"),
            502,
            "EXTERNAL_FAILED",
            "answered with the status 307",
        ),
        (
            format!("{service}/round"),
            502,
            "EXTERNAL_FAILED",
            "answered with the status 307",
        ),
        (
            format!("{service}/large"),
            502,
            "EXTERNAL_FAILED",
            "more than 1048576 bytes",
        ),
        (dead, 502, "EXTERNAL_FAILED", "cannot be reached"),
        (format!("{service}/slow"), 504, "EXTERNAL_TIMED_OUT", "longer than 1 s"),
    ] {
        let answer = call(&url).await;
        assert_eq!(answer.problem(), (status, code, ""), "{url}: {}", answer.text);
        assert!(
            answer.detail().contains(message) && !answer.detail().contains("127.0.0.1"),
            "{}",
            answer.text
        );
    }
}
