//! State that servers share in Redis, and their behaviour without it.

mod limiter;
mod outage;
mod slow;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::graphql::refused;
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::redis::{REDIS_TIMEOUT, RedisServer};
use crate::support::{PASSWORD, TestApp};

/// Costs 69 points.
const PAGE: &str = "{ tasks(first: 54) { nodes { id } } rateLimit { remaining resetAt } }";
/// Costs 5 points.
const BUDGET: &str = "{ rateLimit { remaining } }";
const QUERY: &str = "query V { viewer { username } }";

/// A server with 100 points a minute that uses this Redis.
async fn node(redis: &RedisServer) -> TestApp {
    TestApp::start_with(&settings(&redis.url())).await
}

/// Another server with the same database.
async fn another(node: &TestApp, redis: &RedisServer) -> TestApp {
    node.second_node_with(&settings(&redis.url())).await
}

fn settings(redis: &str) -> [(&str, &str); 6] {
    [
        ("REDIS_URL", redis),
        REDIS_TIMEOUT,
        ("RATE_LIMIT_ENABLED", "true"),
        ("GRAPHQL_POINTS_PER_MINUTE", "100"),
        ("RATE_LIMIT_STRICT_PER_MINUTE", "3"),
        ("RATE_LIMIT_PER_MINUTE", "3"),
    ]
}

/// The same user on another server.
fn at<'a>(node: &'a TestApp, person: &Person<'_>) -> Person<'a> {
    person.with_token(node, person.access_token.as_deref().unwrap())
}

async fn ask(person: &Person<'_>, document: &str) -> Answer {
    person.graphql(document, Value::Null).await
}

/// Runs a document. Returns the remaining points.
async fn remaining(person: &Person<'_>, document: &str) -> Value {
    ask(person, document).await.data()["rateLimit"]["remaining"].clone()
}

/// Sends a hash, with the document if there is one.
async fn persisted(person: &Person<'_>, document: Option<&str>, hash: &str) -> Answer {
    let mut body = json!({ "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    if let Some(document) = document {
        body["query"] = json!(document);
    }
    person.send(post(person, &body)).await
}

fn post(person: &Person<'_>, body: &Value) -> axum::http::Request<axum::body::Body> {
    crate::graphql::post(person)
        .header("accept", "application/graphql-response+json")
        .body(body.to_string().into())
        .unwrap()
}

fn hash(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

fn key_of_document(hash: &str) -> String {
    format!("taskwire:apq:{hash}")
}

fn key_of_points(person: &Person<'_>) -> String {
    format!("taskwire:limit:points:user:{}", person.id)
}

#[tokio::test]
async fn nodes_share_the_points_of_a_client() {
    let redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    let ann = one.member().await;
    let answer = ask(&ann, PAGE).await;
    assert_eq!(
        answer.data()["rateLimit"],
        json!({ "remaining": 31, "resetAt": "2026-01-15T12:01:00+00:00" })
    );

    two.advance(TimeDelta::seconds(20));
    let elsewhere = at(&two, &ann);
    let answer = ask(&elsewhere, PAGE).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.error_code(), "RATE_LIMITED");
    assert_eq!(answer.at("/errors/0/extensions/retryAfter"), 40);
    assert_eq!(answer.header("retry-after"), "40");
    assert!(
        answer.error_message().contains("31 of 100 points left"),
        "{}",
        answer.text
    );
    // The refused request cost nothing; other users have separate points.
    assert_eq!(remaining(&elsewhere, BUDGET).await, 26);
    assert_eq!(remaining(&two.member().await, BUDGET).await, 95);

    two.advance(TimeDelta::seconds(40));
    assert_eq!(remaining(&elsewhere, PAGE).await, 26);
    let kept: i64 = redis.ask(redis::cmd("TTL").arg(key_of_points(&ann))).await;
    assert!((60..=120).contains(&kept), "{kept}");
}

#[tokio::test]
async fn nodes_share_the_stricter_tier() {
    let redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    let ann = one.member().await;
    let login = format!(
        "mutation {{ login(input: {{username: \"{}\", password: \"{PASSWORD}\"}}) {{ user {{ id }} }} }}",
        ann.name
    );
    for app in [&one, &two, &one] {
        assert!(ask(&app.anonymous(), &login).await.data()["login"]["user"].is_object());
    }
    let answer = ask(&two.anonymous(), &login).await;
    assert_eq!((answer.status.as_u16(), answer.error_code()), (429, "RATE_LIMITED"));
    assert_eq!(answer.at("/errors/0/extensions/retryAfter"), 60);
}

#[tokio::test]
async fn nodes_share_the_limits_of_rest() {
    let redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    let ann = one.member().await;
    let elsewhere = at(&two, &ann);
    for (person, left) in [(&ann, "2"), (&elsewhere, "1"), (&ann, "0")] {
        let answer = person.rest(Method::GET, "/auth/me", Value::Null).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("x-ratelimit-remaining")),
            (200, left)
        );
    }
    let answer = elsewhere.rest(Method::GET, "/auth/me", Value::Null).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "60"));
}

#[tokio::test]
async fn a_document_that_one_node_was_sent_is_known_to_the_other() {
    let redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    let ann = one.member().await;
    let elsewhere = at(&two, &ann);
    let (hash, key) = (hash(QUERY), key_of_document(&hash(QUERY)));
    refused(
        &persisted(&elsewhere, None, &hash).await,
        400,
        "PERSISTED_QUERY_NOT_FOUND",
    );
    persisted(&ann, Some(QUERY), &hash).await.data();

    // Using the document renews its expiry of one day.
    redis.ask::<()>(redis::cmd("EXPIRE").arg(&key).arg(100)).await;
    let answer = persisted(&elsewhere, None, &hash).await;
    assert_eq!(answer.data()["viewer"]["username"], json!(ann.name));
    let kept: i64 = redis.ask(redis::cmd("TTL").arg(&key)).await;
    assert!((86_000..=86_400).contains(&kept), "{kept}");

    // The other node has cached it, and does not need Redis.
    redis.ask::<()>(redis::cmd("DEL").arg(&key)).await;
    persisted(&elsewhere, None, &hash).await.data();
}

#[tokio::test]
async fn only_documents_that_were_registered_and_can_run_are_shared() {
    let redis = RedisServer::start().await;
    let app = node(&redis).await;
    let ann = app.member().await;
    for document in ["{ viewer {", &"a ".repeat(3_000), &" ".repeat(70_000)] {
        assert_eq!(persisted(&ann, Some(document), &hash(document)).await.status, 400);
    }
    let other = hash("{ __typename }");
    assert_eq!(persisted(&ann, Some(QUERY), &other).await.status, 400);
    ask(&ann, QUERY).await.data();
    let keys: Vec<String> = redis.ask(redis::cmd("KEYS").arg("taskwire:apq:*")).await;
    assert_eq!(keys, [""; 0]);
}

#[tokio::test]
async fn a_document_with_a_wrong_hash_is_not_run() {
    let redis = RedisServer::start().await;
    let app = node(&redis).await;
    let ann = app.member().await;
    let hash = hash(QUERY);
    let key = key_of_document(&hash);
    for forged in [&b"{ __typename }"[..], b"\xff\xfe", b""] {
        redis.ask::<()>(redis::cmd("SET").arg(&key).arg(forged)).await;
        refused(&persisted(&ann, None, &hash).await, 400, "PERSISTED_QUERY_NOT_FOUND");
    }
    // The wrong content was no outage: the right content is used.
    redis.ask::<()>(redis::cmd("SET").arg(&key).arg(QUERY)).await;
    persisted(&ann, None, &hash).await.data();
}
