//! Redis fails and recovers, and the servers continue.

use std::time::Duration;

use super::{BUDGET, PAGE, QUERY, another, ask, at, hash, key_of_points, node, persisted, remaining};
use crate::graphql::refused;
use crate::support::TestApp;
use crate::support::database::TestDatabase;
use crate::support::person::Person;
use crate::support::process::{Sandbox, Server};
use crate::support::redis::RedisServer;

/// Waits until the points spent on this server are counted in Redis.
async fn until_shared(redis: &RedisServer, app: &TestApp) {
    let somebody = app.member().await;
    let spends = async || {
        ask(&somebody, BUDGET).await;
    };
    redis.until_holds(&key_of_points(&somebody), spends).await;
}

/// Both servers share points and documents.
async fn both_share(redis: &RedisServer, one: &TestApp, two: &TestApp) {
    until_shared(redis, one).await;
    until_shared(redis, two).await;
    let bob = one.member().await;
    assert_eq!(remaining(&bob, PAGE).await, 31);
    assert_eq!(remaining(&at(two, &bob), BUDGET).await, 26);
    let document = format!("{QUERY} # {}", bob.name);
    persisted(&bob, Some(&document), &hash(&document)).await.data();
    persisted(&at(two, &bob), None, &hash(&document)).await.data();
}

/// A server without Redis enforces its limits, and finds documents that it received itself.
async fn holds_alone(person: &Person<'_>) {
    assert_eq!(remaining(person, PAGE).await, 31);
    assert_eq!(ask(person, PAGE).await.error_code(), "RATE_LIMITED");
    let document = format!("{QUERY} # alone {}", person.name);
    let hash = hash(&document);
    refused(&persisted(person, None, &hash).await, 400, "PERSISTED_QUERY_NOT_FOUND");
    for document in [Some(document.as_str()), None] {
        persisted(person, document, &hash).await.data();
    }
}

#[tokio::test]
async fn redis_may_fail_and_recover() {
    let mut redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    both_share(&redis, &one, &two).await;

    redis.kill();
    let ann = one.member().await;
    holds_alone(&ann).await;
    // The other server counts separately now.
    holds_alone(&at(&two, &ann)).await;

    redis.run().await;
    both_share(&redis, &one, &two).await;
}

#[tokio::test]
async fn a_server_starts_without_its_redis() {
    let mut redis = RedisServer::absent();
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    holds_alone(&one.member().await).await;
    redis.run().await;
    both_share(&redis, &one, &two).await;
}

#[tokio::test]
async fn a_redis_that_does_not_answer_costs_a_single_wait() {
    let redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    both_share(&redis, &one, &two).await;

    redis.freeze();
    holds_alone(&one.member().await).await;
    // If each request waited 250 ms for Redis, this would exceed the limit.
    let nobody = one.anonymous();
    let many = async {
        for _ in 0..200 {
            ask(&nobody, BUDGET).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(25), many).await.is_ok());
    redis.thaw();
    both_share(&redis, &one, &two).await;
}

#[tokio::test]
async fn a_redis_that_refuses_writes_is_not_used() {
    let redis = RedisServer::start().await;
    let one = node(&redis).await;
    let two = another(&one, &redis).await;
    let limit = |bytes: &'static str| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        set
    };
    redis.ask::<()>(&limit("1")).await;
    holds_alone(&one.member().await).await;
    redis.ask::<()>(&limit("0")).await;
    both_share(&redis, &one, &two).await;
}

#[tokio::test]
async fn a_closed_connection_is_no_outage() {
    let redis = RedisServer::start().await;
    let app = node(&redis).await;
    until_shared(&redis, &app).await;
    let ann = app.member().await;
    for left in [95, 90, 85] {
        assert_eq!(remaining(&ann, BUDGET).await, left);
        let spent: Vec<i64> = redis.ask(redis::cmd("HVALS").arg(key_of_points(&ann))).await;
        assert!(spent.contains(&(100 - left)), "{spent:?}");
        let mut close = redis::cmd("CLIENT");
        redis.ask::<()>(close.arg("KILL").arg("TYPE").arg("normal")).await;
    }
}

/// A server with rate limits.
fn limited(database: &TestDatabase, redis: &str) -> Sandbox {
    Sandbox::over(database)
        .with("RATE_LIMIT_ENABLED", "true")
        .with("REDIS_URL", redis)
}

async fn spends(server: &Server) {
    let answer = server.graphql("", BUDGET, serde_json::Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn an_outage_of_redis_is_logged_once_and_so_is_its_end() {
    let database = TestDatabase::create().await;
    let mut redis = RedisServer::absent();
    let server = limited(&database, &redis.url()).serve().await;
    server.until_logged("Redis is not available: Connection refused").await;
    for _ in 0..20 {
        spends(&server).await;
    }
    redis.run().await;
    server.until_logged("Redis is back").await;
    redis.kill();
    for _ in 0..20 {
        spends(&server).await;
    }
    let log = server.stop().await;
    let count = |text| log.lines().filter(|line| line.contains(text)).count();
    assert_eq!(
        (count("Redis is not available"), count("Redis is back")),
        (2, 1),
        "{log}"
    );
    assert!(!log.contains(crate::support::redis::PASSWORD), "{log}");
}

#[tokio::test]
async fn a_wrong_password_is_logged_and_may_become_right() {
    let database = TestDatabase::create().await;
    let redis = RedisServer::start().await;
    let url = redis.url_with("open-sesame");
    let server = limited(&database, &url).serve().await;
    server
        .until_logged("Redis is not available: authentication failed")
        .await;
    spends(&server).await;
    let mut set = redis::cmd("CONFIG");
    redis
        .ask::<()>(set.arg("SET").arg("requirepass").arg("open-sesame"))
        .await;
    server.until_logged("Redis is back").await;
    let log = server.stop().await;
    assert!(!log.contains("open-sesame"), "{log}");
}

#[tokio::test]
async fn an_invalid_redis_url_stops_the_start() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("REDIS_URL", "redis://:hunter2@cache/first");
    let output = sandbox.run("").await;
    assert_eq!(output.code, Some(1), "{output:?}");
    assert!(output.stderr.contains("REDIS_URL cannot be used: "), "{output:?}");
    assert!(!output.stderr.contains("hunter2"), "{output:?}");
}
