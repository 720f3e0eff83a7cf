//! Limits by address, session and user cannot be bypassed, and do not block other users.

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use taskwire::domain::id::UserId;
use taskwire::rate_limit::{Client, RateLimiter};
use taskwire::redis::Redis;

use super::support::{
    CHANGE, GRAPHQL_LOGIN, GRAPHQL_REFRESH, GRAPHQL_REGISTER, LIMITED, LOGIN, WRONG, assert_counted, form_from, from,
    graphql_from, in_memory_and_redis, login_from, outcome, post_from, upload_from,
};
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::redis::RedisServer;
use crate::support::{PASSWORD, TestApp};

const HERE: &str = "203.0.113.7";
const ELSEWHERE: &str = "203.0.113.8";
const REGISTER: &str = "/api/v1/auth/register";
const REFRESH: &str = "/api/v1/auth/refresh";

/// Limit and remaining requests of a response.
fn budget_of(answer: &Answer) -> (&str, &str) {
    (
        answer.header("x-ratelimit-limit"),
        answer.header("x-ratelimit-remaining"),
    )
}

#[tokio::test]
async fn a_valid_token_does_not_add_a_budget_for_passwords() {
    for (app, redis) in in_memory_and_redis(&[("RATE_LIMIT_PER_MINUTE", "1000")]).await {
        let (ann, nobody) = (app.member().await, app.anonymous());
        for attempt in 0..10 {
            let answer = login_from(&nobody, HERE, &format!("nobody{attempt}"), WRONG).await;
            assert_eq!(answer.status, 401, "{}", answer.text);
        }
        assert_counted(redis.as_ref(), "strict").await;
        let checked = app.app.domain().password_checks();
        for attempt in 0..90 {
            let answer = login_from(&ann, HERE, &format!("nobody{attempt}"), WRONG).await;
            assert_eq!(answer.status, 429, "{}", answer.text);
            assert_eq!(budget_of(&answer), ("10", "0"));
        }
        for attempt in 0..40 {
            let email = format!("new{attempt}@example.com");
            let account = json!({ "email": email, "password": PASSWORD });
            assert_eq!(post_from(&ann, HERE, REGISTER, &account).await.status, 429);
            assert_eq!(
                outcome(&graphql_from(&ann, HERE, GRAPHQL_REGISTER, &account).await),
                429
            );
        }
        let login = json!({ "name": ann.name, "password": PASSWORD });
        assert_eq!(outcome(&graphql_from(&ann, HERE, GRAPHQL_LOGIN, &login).await), 429);
        let change = json!({ "current": PASSWORD, "new": "Different456" });
        assert_eq!(outcome(&graphql_from(&ann, HERE, CHANGE, &change).await), 429);
        assert_eq!(ann.send(form_from(&ann, HERE)).await.status, 429);
        assert_eq!(app.app.domain().password_checks(), checked, "no password was looked at");
        // The same user can sign in from another address, and other requests from this one still work.
        assert_eq!(login_from(&ann, ELSEWHERE, &ann.name, PASSWORD).await.status, 200);
        let answer = graphql_from(&ann, HERE, "{ viewer { id } }", &Value::Null).await;
        assert!(answer.data()["viewer"].is_object());
    }
}

#[tokio::test]
async fn an_ipv6_network_is_one_address_and_a_mapped_address_is_ipv4() {
    for (app, _redis) in in_memory_and_redis(&[("RATE_LIMIT_STRICT_PER_MINUTE", "1")]).await {
        let ann = app.member().await;
        for (first, second, is_one) in [
            ("2001:db8:1:2::1", "2001:db8:1:2::2", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::ffff:203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7", "203.0.113.8", false),
            ("203.0.113.7", "203.0.113.7", true),
        ] {
            app.advance(TimeDelta::seconds(60));
            assert_eq!(
                login_from(&app.anonymous(), first, &ann.name, PASSWORD).await.status,
                200
            );
            let expected = if is_one { 429 } else { 200 };
            let login = json!({ "name": ann.name, "password": PASSWORD });
            let answer = graphql_from(&app.anonymous(), second, GRAPHQL_LOGIN, &login).await;
            assert_eq!(outcome(&answer), expected, "{first} and {second}");
        }
    }
}

#[tokio::test]
async fn anonymous_points_of_an_ipv6_network_are_one_budget() {
    let app = TestApp::start_with(&[LIMITED, ("GRAPHQL_POINTS_PER_MINUTE", "4")]).await;
    let nobody = app.anonymous();
    let ask = async |address: &str| outcome(&graphql_from(&nobody, address, "{ __typename }", &Value::Null).await);
    assert_eq!(ask("2001:db8::1").await, 200);
    assert_eq!(ask("2001:db8::2").await, 429);
    assert_eq!(ask("2001:db8:0:1::2").await, 200);
}

#[tokio::test]
async fn behind_a_proxy_the_client_address_is_read_in_every_spelling() {
    let settings = [("RATE_LIMIT_STRICT_PER_MINUTE", "1"), ("TRUSTED_PROXIES", "10.0.0.0/8")];
    for (app, _redis) in in_memory_and_redis(&settings).await {
        let ann = app.member().await;
        let login = async |forwarded: &[&str]| {
            let body = json!({ "username": ann.name, "password": PASSWORD }).to_string();
            let nobody = app.anonymous();
            let mut request = from("10.0.0.1", nobody.request(axum::http::Method::POST, LOGIN));
            for value in forwarded {
                request = request.header("x-forwarded-for", *value);
            }
            let request = request.header("content-type", "application/json");
            nobody.send(request.body(body.into()).unwrap()).await.status.as_u16()
        };
        // Each row is one client: only the first request passes.
        for same in [
            &[
                &["203.0.113.7:5000"][..],
                &["203.0.113.7:5001"],
                &["203.0.113.7"],
                &["::ffff:203.0.113.7"],
                &["9.9.9.9, 203.0.113.7:80"],
                &["9.9.9.9", " 203.0.113.7 "],
                &["[203.0.113.7]:1, 203.0.113.7:2,10.1.1.1:3"],
            ][..],
            &[
                &["[2001:db8::1]:443"],
                &["[2001:db8::1]"],
                &["2001:db8::2"],
                &["[2001:db8::3]:1, 10.1.1.1"],
            ],
            // An unreadable entry ends the search at the proxy.
            &[&["unknown"], &["9.9.9.9, nonsense"], &["203.0.113.9:99999"], &[""]],
            &[&["203.0.113.10"], &["9.9.9.9, 203.0.113.10"]],
        ] {
            let mut outcomes = Vec::new();
            for forwarded in same {
                outcomes.push(login(forwarded).await);
            }
            let mut expected = vec![429; same.len()];
            expected[0] = 200;
            assert_eq!(outcomes, expected, "{same:?}");
        }
    }
}

/// Refreshes over both APIs in turn, and replaces `token`. Returns the statuses.
async fn refreshes(person: &Person<'_>, address: &str, token: &mut String, times: usize) -> Vec<u16> {
    let mut outcomes = Vec::new();
    for time in 0..times {
        let answer = if time % 2 == 0 {
            post_from(person, address, REFRESH, &json!({ "refresh_token": token })).await
        } else {
            graphql_from(person, address, GRAPHQL_REFRESH, &json!({ "token": token })).await
        };
        let next = answer.body.pointer("/refresh_token");
        let next = next.or_else(|| answer.body.pointer("/data/refresh/refreshToken"));
        if let Some(next) = next.and_then(Value::as_str) {
            next.clone_into(token);
        }
        outcomes.push(outcome(&answer));
    }
    outcomes
}

#[tokio::test]
async fn many_sessions_behind_one_address_can_refresh() {
    let settings = [
        ("RATE_LIMIT_STRICT_PER_MINUTE", "2"),
        ("RATE_LIMIT_REFRESH_PER_MINUTE", "4"),
    ];
    for (app, redis) in in_memory_and_redis(&settings).await {
        let nobody = app.anonymous();
        let mut tokens = Vec::new();
        for _ in 0..8 {
            tokens.push(app.member().await.refresh_token);
        }
        for token in &mut tokens {
            assert_eq!(refreshes(&nobody, HERE, token, 2).await, [200, 200]);
        }
        assert_counted(redis.as_ref(), "refresh").await;
        // Each session has its own limit, from any address.
        assert_eq!(
            refreshes(&nobody, ELSEWHERE, &mut tokens[0], 4).await,
            [200, 200, 429, 429]
        );
        let answer = post_from(&nobody, HERE, REFRESH, &json!({ "refresh_token": tokens[1] })).await;
        assert_eq!((budget_of(&answer), answer.status.as_u16()), (("4", "1"), 200));
        let answer = post_from(&nobody, HERE, REFRESH, &json!({ "refresh_token": tokens[0] })).await;
        assert_eq!((budget_of(&answer), answer.status.as_u16()), (("4", "0"), 429));
        assert_eq!(answer.header("retry-after"), "60");
        // The limit for passwords is unaffected.
        assert_eq!(login_from(&nobody, HERE, "nobody", WRONG).await.status, 401);
        app.advance(TimeDelta::seconds(60));
        let answer = post_from(&nobody, HERE, REFRESH, &json!({ "refresh_token": tokens[2] })).await;
        assert_eq!((budget_of(&answer), answer.status.as_u16()), (("4", "3"), 200));
    }
}

#[tokio::test]
async fn forged_refresh_tokens_count_for_the_address() {
    for (app, _redis) in in_memory_and_redis(&[("RATE_LIMIT_STRICT_PER_MINUTE", "3")]).await {
        let (ann, nobody) = (app.member().await, app.anonymous());
        let forged = json!({ "refresh_token": "forged" });
        // With or without an access token, with any body, over both APIs.
        let answer = post_from(&nobody, HERE, REFRESH, &forged).await;
        assert_eq!((answer.status.as_u16(), budget_of(&answer)), (401, ("3", "2")));
        let answer = post_from(&ann, HERE, REFRESH, &json!({ "token": 7 })).await;
        assert_eq!((answer.status.as_u16(), budget_of(&answer)), (422, ("3", "1")));
        let answer = graphql_from(&ann, HERE, GRAPHQL_REFRESH, &json!({ "token": ann.access_token })).await;
        assert_eq!(answer.user_error("refresh").0, "INVALID_CREDENTIALS");
        for person in [&ann, &nobody] {
            assert_eq!(post_from(person, HERE, REFRESH, &forged).await.status, 429);
            let inline = "mutation { refresh(refreshToken: \"forged\") { accessToken } }";
            assert_eq!(outcome(&graphql_from(person, HERE, inline, &Value::Null).await), 429);
        }
        assert_eq!(login_from(&nobody, HERE, &ann.name, PASSWORD).await.status, 429);
        // A valid token still works, as a literal and as a variable.
        let mut token = ann.refresh_token.clone();
        assert_eq!(refreshes(&nobody, HERE, &mut token, 2).await, [200, 200]);
        let inline = format!("mutation {{ refresh(refreshToken: \"{token}\") {{ accessToken }} }}");
        let answer = graphql_from(&nobody, HERE, &inline, &Value::Null).await;
        assert!(answer.data()["refresh"]["accessToken"].is_string(), "{}", answer.text);
    }
}

#[tokio::test]
async fn uploads_count_by_user_over_both_apis_and_apart_from_passwords() {
    let settings = [
        ("RATE_LIMIT_STRICT_PER_MINUTE", "1"),
        ("RATE_LIMIT_UPLOAD_PER_MINUTE", "3"),
    ];
    for (app, redis) in in_memory_and_redis(&settings).await {
        let (ann, bob) = (app.member().await, app.member().await);
        let task = ann.creates_task(json!({ "title": "Report" })).await;
        let answer = upload_from(&ann, HERE, "/upload").await;
        assert_eq!((answer.status.as_u16(), budget_of(&answer)), (201, ("3", "2")));
        assert_eq!(
            upload_from(&ann, ELSEWHERE, &format!("/tasks/{task}/files"))
                .await
                .status,
            201
        );
        ann.keeps(None, "b.txt", b"text").await;
        assert_counted(redis.as_ref(), "upload").await;
        for address in [HERE, ELSEWHERE] {
            assert_eq!(upload_from(&ann, address, "/upload").await.status, 429);
        }
        assert_eq!(ann.uploads(None, "c.txt", b"text").await.error_code(), "RATE_LIMITED");
        app.expect_stored_files(3).await;
        // Other users and the password limit are unaffected.
        assert_eq!(upload_from(&bob, HERE, "/upload").await.status, 201);
        assert_eq!(login_from(&ann, HERE, &ann.name, PASSWORD).await.status, 200);
    }
}

#[tokio::test]
async fn twenty_files_of_a_task_and_sixty_refreshes_are_within_the_defaults() {
    let app = TestApp::start_with(&[LIMITED]).await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    for number in 0..20 {
        ann.keeps(Some(task), &format!("{number}.txt"), b"text").await;
    }
    let mut token = ann.refresh_token.clone();
    let outcomes = refreshes(&app.anonymous(), HERE, &mut token, 61).await;
    assert_eq!(outcomes[..60], [200; 60]);
    assert_eq!(outcomes[60], 429);
}

/// Second, cost; accepted, remaining, seconds until the budget is full, and seconds until a refused cost is available.
const ARITHMETIC: &[(i64, u32, bool, u32, i64, u64)] = &[
    (0, 4, true, 6, 60, 0),
    (0, 0, true, 6, 60, 0),
    (30, 6, true, 0, 60, 0),
    (30, 1, false, 0, 60, 30),
    (31, 1, false, 0, 59, 29),
    (31, 4, false, 0, 59, 29),
    (31, 5, false, 0, 59, 59),
    // Above the whole budget: never available.
    (31, 11, false, 0, 59, 60),
    (59, 1, false, 0, 31, 1),
    (60, 1, true, 3, 60, 0),
    (60, 3, true, 0, 60, 0),
    (89, 1, false, 0, 31, 1),
    (90, 7, false, 6, 30, 30),
    (90, 6, true, 0, 60, 0),
    // A clock that goes back adds no budget.
    (10, 1, false, 0, 60, 30),
    (119, 5, false, 0, 31, 31),
    (120, 4, true, 0, 60, 0),
    (180, 10, true, 0, 60, 0),
    (240, 11, false, 10, 0, 60),
    (1_000, 10, true, 0, 60, 0),
];

#[tokio::test]
async fn spent_points_count_for_a_minute_and_refused_ones_do_not() {
    const START: i64 = 1_700_000_000;

    let server = RedisServer::start().await;
    let redis = Redis::open(&server.url().as_str().into(), std::time::Duration::from_secs(10)).unwrap();
    for redis in [None, Some(&redis)] {
        let limiter = RateLimiter::new("arithmetic", 10, redis);
        let mut latest = START;
        for (row, (second, amount, accepted, left, until_all, until_enough)) in ARITHMETIC.iter().enumerate() {
            let now = START + second;
            latest = latest.max(now);
            let spent = limiter
                .spend(
                    Client::User(UserId(1)),
                    *amount,
                    DateTime::from_timestamp(now, 0).unwrap(),
                )
                .await;
            let (is_accepted, allowance, wait) = match spent {
                Ok(allowance) => (true, allowance, 0),
                Err(exhausted) => (false, exhausted.allowance, exhausted.retry_after.as_secs()),
            };
            let reset_in = allowance.reset_at.timestamp() - now;
            assert_eq!(
                (is_accepted, allowance.limit, allowance.remaining, reset_in, wait),
                (*accepted, 10, *left, *until_all, *until_enough),
                "row {row}, in Redis: {}",
                redis.is_some()
            );
        }
    }
    assert_counted(Some(&server), "arithmetic").await;
}
