//! Rate limits of requests, and their response headers.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{create_task, expect_refusal, expect_status, get, post};
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const LIMITED: [(&str, &str); 4] = [
    ("RATE_LIMIT_ENABLED", "true"),
    ("RATE_LIMIT_PER_MINUTE", "3"),
    ("RATE_LIMIT_STRICT_PER_MINUTE", "2"),
    ("RATE_LIMIT_UPLOAD_PER_MINUTE", "2"),
];
/// Unix time of the test clock at the start.
const START: i64 = 1_768_478_400;

/// Limit, remaining requests, and seconds from [`START`] to the reset, as in the headers.
fn budget(answer: &Answer) -> (i64, i64, i64) {
    let number = |name: &str| answer.header(name).parse::<i64>().unwrap();
    let reset = number("x-ratelimit-reset") - START;
    (number("x-ratelimit-limit"), number("x-ratelimit-remaining"), reset)
}

async fn login(person: &Person<'_>, name: &str, password: &str) -> Answer {
    post(person, "/auth/login", json!({ "username": name, "password": password })).await
}

#[tokio::test]
async fn each_response_has_the_remaining_requests_and_a_refusal_the_wait() {
    let app = TestApp::start_with(&LIMITED).await;
    let (ann, bob) = (app.member().await, app.member().await);
    assert_eq!(
        budget(&expect_status(get(&ann, "/api/v1/tasks").await, 200)),
        (3, 2, 60)
    );
    app.advance(TimeDelta::seconds(20));
    // Every response counts.
    assert_eq!(
        budget(&expect_status(get(&ann, "/tasks/999999").await, 404)),
        (3, 1, 80)
    );
    assert_eq!(
        budget(&expect_status(get(&ann, "/users?more=1").await, 400)),
        (3, 0, 80)
    );
    let before = app.footprint().await;
    for _ in 0..3 {
        let refused = post(&ann, "/tasks/", json!({ "title": "T" })).await;
        expect_refusal(&refused, (429, "RATE_LIMITED", ""), "try again in 40 s");
        assert_eq!((budget(&refused), refused.header("retry-after")), ((3, 0, 80), "40"));
    }
    assert_eq!(app.footprint().await, before);
    assert_eq!(budget(&get(&bob, "/auth/me").await), (3, 2, 80));
    // Refused requests do not count.
    app.advance(TimeDelta::seconds(40));
    assert_eq!(budget(&expect_status(get(&ann, "/auth/me").await, 200)), (3, 0, 120));
}

#[tokio::test]
async fn anonymous_requests_count_by_address_and_a_401_counts() {
    let app = TestApp::start_with(&LIMITED).await;
    let (nobody, ann) = (app.anonymous(), app.member().await);
    let forged = ann.with_token(&app, "forged");
    assert_eq!(budget(&expect_status(get(&nobody, "/tasks").await, 401)), (3, 2, 60));
    assert_eq!(budget(&expect_status(get(&forged, "/tasks").await, 401)), (3, 1, 60));
    assert_eq!(
        budget(&expect_status(post(&nobody, "/tasks", json!({})).await, 401)),
        (3, 0, 60)
    );
    expect_status(get(&forged, "/tasks").await, 429);
    expect_status(get(&ann, "/tasks").await, 200);
}

#[tokio::test]
async fn passwords_and_uploads_have_separate_limits_over_both_apis() {
    let app = TestApp::start_with(&LIMITED).await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    assert_eq!(
        budget(&expect_status(login(&nobody, &ann.name, PASSWORD).await, 200)),
        (2, 1, 60)
    );
    assert_eq!(
        budget(&expect_status(login(&nobody, &ann.name, "Wrong-1234").await, 401)),
        (2, 0, 60)
    );
    let checked = app.app.domain().password_checks();
    expect_status(login(&nobody, &ann.name, PASSWORD).await, 429);
    assert_eq!(app.app.domain().password_checks(), checked, "no password was checked");
    for path in ["/auth/register", "/auth/refresh", "/api/v1/auth/login/access-token"] {
        expect_refusal(
            &post(&nobody, path, json!({})).await,
            (429, "RATE_LIMITED", ""),
            "try again in 60 s",
        );
    }
    let by_graphql = nobody
        .graphql("mutation { refresh(refreshToken: \"x\") { accessToken } }", json!({}))
        .await;
    assert_eq!(
        (by_graphql.status.as_u16(), by_graphql.error_code()),
        (429, "RATE_LIMITED")
    );

    let task = create_task(&ann, json!({ "title": "Report" })).await["id"].clone();
    ann.keeps(None, "a.txt", b"text").await;
    assert_eq!(
        budget(&expect_status(ann.posts_file("/upload", "a.txt", b"text").await, 201)),
        (2, 0, 60)
    );
    for path in ["/api/v1/upload/".to_owned(), format!("/tasks/{task}/files")] {
        expect_status(ann.posts_file(&path, "a.txt", b"text").await, 429);
    }
    // The general limit is unaffected.
    assert_eq!(
        budget(&expect_status(get(&ann, "/download/a.txt").await, 200)),
        (3, 1, 60)
    );
}

#[tokio::test]
async fn health_and_unknown_paths_are_free_and_so_is_everything_without_limits() {
    let app = TestApp::start_with(&LIMITED).await;
    let nobody = app.anonymous();
    for path in ["/health", "/livez", "/readyz", "/nowhere"] {
        for _ in 0..5 {
            let answer = get(&nobody, path).await;
            assert_ne!(answer.status, 429, "{path}");
            assert_eq!(answer.header("x-ratelimit-limit"), "", "{path}");
        }
    }
    let free = TestApp::start_with(&[LIMITED[1], LIMITED[2]]).await;
    for _ in 0..5 {
        let answer = expect_status(get(&free.anonymous(), "/tasks").await, 401);
        assert_eq!(answer.header("x-ratelimit-limit"), "");
    }
}

#[tokio::test]
async fn rate_limiting_needs_no_sql_statement() {
    let mut costs = Vec::new();
    for enabled in ["false", "true"] {
        let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", enabled)]).await;
        let ann = app.member().await;
        let before = app.app.domain().statements();
        expect_status(ann.rest(Method::GET, "/users/1", Value::Null).await, 200);
        costs.push(app.app.domain().statements() - before);
    }
    assert_eq!(costs[0], costs[1]);
}
