//! Counts that servers remember together.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::at;
use crate::rest::statistics::{never_misses_an_answered_write, until_remembered};
use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::process::until;
use crate::support::redis::{REDIS_TIMEOUT, RedisServer};

/// Whether what is answered was remembered, and the total.
async fn look(person: &Person<'_>) -> (String, i64) {
    let answer = person.rest(Method::GET, "/tasks/stats", Value::Null).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    (
        answer.header("x-cache").to_owned(),
        answer.at("/total").as_i64().unwrap(),
    )
}

fn is(source: &str, total: i64) -> (String, i64) {
    (source.to_owned(), total)
}

async fn two_nodes(redis: &RedisServer, seconds: &str) -> (TestApp, TestApp) {
    let url = redis.url();
    let settings = [
        ("REDIS_URL", url.as_str()),
        REDIS_TIMEOUT,
        ("STATISTICS_CACHE_SECONDS", seconds),
    ];
    let one = TestApp::start_with(&settings).await;
    let two = one.second_node_with(&settings).await;
    (one, two)
}

async fn make(person: &Person<'_>) {
    person.creates_task(json!({ "title": "T" })).await;
}

#[tokio::test]
async fn servers_remember_together_and_a_change_on_one_counts_on_all_at_once() {
    let redis = RedisServer::start().await;
    let (one, two) = two_nodes(&redis, "60").await;
    let (ann, boss) = (one.member().await, one.admin().await);
    let (there, boss_there) = (at(&two, &ann), at(&two, &boss));
    assert_eq!(look(&ann).await, is("MISS", 0));
    assert_eq!(look(&there).await, is("HIT", 0));
    for total in 1..=5 {
        let (writer, reader) = if total % 2 == 0 { (&ann, &there) } else { (&there, &ann) };
        look(&boss).await;
        make(writer).await;
        one.database.settled().await;
        assert_eq!(look(reader).await, is("MISS", total));
        assert_eq!(look(writer).await, is("HIT", total));
        assert_eq!(look(&boss_there).await, is("MISS", total));
    }
}

#[tokio::test]
async fn whoever_counts_on_any_server_never_misses_a_write_that_was_answered() {
    let redis = RedisServer::start().await;
    let (one, two) = two_nodes(&redis, "60").await;
    let ann = one.member().await;
    let there = at(&two, &ann);
    never_misses_an_answered_write(&[&ann, &there], &[&ann, &there, &there]).await;
    one.database.settled().await;
    one.advance(TimeDelta::seconds(60));
    two.advance(TimeDelta::seconds(60));
    until_remembered(&ann).await;
    assert_eq!(look(&there).await, is("HIT", 80));
}

#[tokio::test]
async fn without_its_redis_a_server_counts_and_nothing_old_shows_when_redis_is_back() {
    let mut redis = RedisServer::start().await;
    let (one, two) = two_nodes(&redis, "1").await;
    let ann = one.member().await;
    let there = at(&two, &ann);
    look(&ann).await;
    // It keeps what it holds, and hears nothing.
    redis.freeze();
    make(&ann).await;
    for _ in 0..3 {
        assert_eq!(look(&ann).await, is("MISS", 1));
    }
    redis.thaw();
    redis.kill();
    make(&ann).await;
    assert_eq!(look(&ann).await, is("MISS", 2));
    assert_eq!(look(&there).await, is("MISS", 2));
    redis.run().await;
    until("counts to be remembered again", async || {
        let (source, total) = look(&ann).await;
        assert_eq!(total, 2);
        (source == "HIT").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_change_whose_server_could_tell_nobody_is_heard_from_the_log() {
    let redis = RedisServer::start().await;
    let (one, two) = two_nodes(&redis, "60").await;
    let ann = one.member().await;
    let there = at(&two, &ann);
    assert_eq!(look(&there).await, is("MISS", 0));
    // As if the server had died between its commit and the word to Redis: this one knows of no Redis.
    let alone = one.second_node().await;
    make(&at(&alone, &ann)).await;
    until("the change to be heard of", async || {
        (look(&there).await.1 == 1).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_server_that_could_not_tell_redis_of_a_change_shows_nothing_from_before_it() {
    let redis = RedisServer::start().await;
    let (one, _) = two_nodes(&redis, "60").await;
    let ann = one.member().await;
    look(&ann).await;
    assert_eq!(look(&ann).await, is("HIT", 0));
    redis.freeze();
    make(&ann).await;
    redis.thaw();
    // What the server writes when it asks whether Redis is back. The old counts are still there then.
    redis
        .until_holds("taskwire:probe", async || assert_eq!(look(&ann).await, is("MISS", 1)))
        .await;
    assert_eq!(look(&ann).await, is("MISS", 1));
}
