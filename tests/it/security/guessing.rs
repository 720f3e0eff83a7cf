//! Password guessing is slowed down without locking the owner out.

use std::time::{Duration, Instant};

use axum::http::Method;
use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use taskwire::domain::actor::Actor;

use super::support::{CHANGE, GRAPHQL_LOGIN, LIMITED, WRONG, graphql_from, login_from, outcome, post_from};
use crate::support::person::Person;
use crate::support::process::until;
use crate::support::{PASSWORD, TestApp};

const HOME: &str = "198.51.100.1";

fn attacker(number: u32) -> String {
    format!("203.0.113.{}", number + 1)
}

/// Fails ten logins from each address, which is the maximum in a row.
async fn fail_from(nobody: &Person<'_>, addresses: u32, name: &str) {
    for number in 0..addresses {
        for _ in 0..10 {
            let answer = login_from(nobody, &attacker(number), name, WRONG).await;
            assert_eq!(answer.status, 401, "{number}: {}", answer.text);
        }
    }
}

/// The `Retry-After` of a refused login, in seconds.
async fn wait_of(person: &Person<'_>, address: &str, name: &str) -> u64 {
    let answer = login_from(person, address, name, PASSWORD).await;
    assert_eq!(answer.problem(), (429, "RATE_LIMITED", ""), "{}", answer.text);
    answer.header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn six_addresses_within_their_limits_do_not_lock_the_owner_out() {
    let app = TestApp::start_with(&[LIMITED]).await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    for minute in 0..4 {
        for _ in 0..10 {
            app.advance(TimeDelta::seconds(6));
            for number in 0..6 {
                let answer = login_from(&nobody, &attacker(number), &ann.name, WRONG).await;
                assert!([401, 429].contains(&answer.status.as_u16()), "{}", answer.text);
            }
        }
        // From a known address, from another one, and over the other API.
        for address in [HOME, &format!("192.0.2.{minute}")] {
            let answer = login_from(&nobody, address, &ann.name, PASSWORD).await;
            assert_eq!(
                answer.status, 200,
                "at {address} after {minute} minutes: {}",
                answer.text
            );
        }
        let login = json!({ "name": ann.name, "password": PASSWORD });
        let answer = graphql_from(&nobody, HOME, GRAPHQL_LOGIN, &login).await;
        assert!(answer.data()["login"]["accessToken"].is_string(), "{}", answer.text);
        // Guessing addresses wait.
        assert!(wait_of(&nobody, &attacker(0), &ann.name).await >= 1);
    }
}

#[tokio::test]
async fn the_delay_of_an_address_grows_with_each_failure_and_others_have_none() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    // A known and an unknown address; an existing and an unknown account.
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    for (address, name, waits) in [
        (HOME, ann.name.as_str(), [1, 2, 4, 8, 16, 32, 60, 60]),
        ("192.0.2.1", &ann.name, [1, 2, 4, 8, 16, 32, 64, 128]),
        ("192.0.2.1", "nobody-has-this-name", [1, 2, 4, 8, 16, 32, 64, 128]),
        ("2001:db8::1", &ann.name, [1, 2, 4, 8, 16, 32, 64, 128]),
    ] {
        for _ in 0..10 {
            assert_eq!(login_from(&nobody, address, name, WRONG).await.status, 401);
        }
        for wait in waits {
            assert_eq!(wait_of(&nobody, address, name).await, wait, "{name} at {address}");
            app.advance(TimeDelta::seconds(i64::try_from(wait).unwrap()));
            assert_eq!(login_from(&nobody, address, name, WRONG).await.status, 401);
        }
    }
    // The whole IPv6 network is delayed, and no other address.
    assert!(wait_of(&nobody, "2001:db8::ffff", &ann.name).await > 60);
    for address in ["2001:db8:0:1::1", "192.0.2.2"] {
        assert_eq!(login_from(&nobody, address, &ann.name, PASSWORD).await.status, 200);
    }
    // A success resets the count of its address.
    app.advance(TimeDelta::seconds(60));
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    for _ in 0..10 {
        assert_eq!(login_from(&nobody, HOME, &ann.name, WRONG).await.status, 401);
    }
    assert_eq!(wait_of(&nobody, HOME, &ann.name).await, 1);
}

#[tokio::test]
async fn another_spelling_of_a_name_is_delayed_whether_or_not_the_account_exists() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    for name in [ann.name.as_str(), "nobody-has-this-name"] {
        for _ in 0..10 {
            assert_eq!(login_from(&nobody, HOME, name, WRONG).await.status, 401);
        }
        for spelling in [name.to_uppercase(), format!(" {name}"), format!("{name}\t")] {
            assert_eq!(wait_of(&nobody, HOME, &spelling).await, 1, "{spelling:?}");
        }
    }
}

#[tokio::test]
async fn many_addresses_together_are_refused_and_a_known_one_is_only_delayed() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    fail_from(&nobody, 15, &ann.name).await;
    let checked = app.app.domain().password_checks();
    // New addresses are refused for up to a minute, also with the right password.
    for address in ["192.0.2.1", "2001:db8::1"] {
        assert_eq!(wait_of(&nobody, address, &ann.name).await, 60);
    }
    assert_eq!(app.app.domain().password_checks(), checked, "no password was looked at");
    // An unknown name is treated alike.
    fail_from(&nobody, 15, "nobody-has-this-name").await;
    assert_eq!(wait_of(&nobody, "192.0.2.1", "nobody-has-this-name").await, 60);

    // The account is never locked permanently: each minute, one attempt from a new address is checked.
    app.advance(TimeDelta::seconds(60));
    assert_eq!(login_from(&nobody, "192.0.2.1", &ann.name, WRONG).await.status, 401);
    assert_eq!(wait_of(&nobody, "192.0.2.2", &ann.name).await, 60);

    // From a known address, login and password change work after a delay.
    let started = Instant::now();
    let change = json!({ "current": WRONG, "new": "Different456" });
    let answer = graphql_from(&ann, HOME, CHANGE, &change).await;
    assert_eq!(answer.user_error("passwordChange").0, "INVALID_CREDENTIALS");
    assert!(started.elapsed() >= Duration::from_secs(1), "it was not delayed");
    assert_eq!(outcome(&graphql_from(&ann, "192.0.2.2", CHANGE, &change).await), 429);
    let started = Instant::now();
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    assert!(started.elapsed() >= Duration::from_secs(1), "it was not delayed");

    app.advance(TimeDelta::minutes(150));
    assert_eq!(login_from(&nobody, "192.0.2.2", &ann.name, PASSWORD).await.status, 200);
}

#[tokio::test]
async fn a_delayed_login_holds_neither_a_connection_nor_a_hashing_slot() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    fail_from(&nobody, 15, &ann.name).await;
    let checked = app.app.domain().password_checks();
    // More logins than connections.
    let logins = join_all((0..8).map(|_| login_from(&nobody, HOME, &ann.name, PASSWORD)));
    let looking = until("all of them to be delayed", async || {
        let domain = app.app.domain();
        let counted = "SELECT COUNT(*) AS number FROM login_attempts WHERE failures = 8";
        let are_counted = app.database.number(counted).await == 1;
        let is_idle = domain.pools().write.used == 0 && domain.password_queue() == 0;
        (are_counted && is_idle && domain.password_checks() == checked).then_some(())
    });
    let (answers, ()) = tokio::join!(logins, looking);
    assert!(answers.iter().all(|answer| answer.status == 200));
}

#[tokio::test]
async fn a_new_password_ends_the_trust_in_addresses_and_forgives_the_guesses_at_the_old_one() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let thief = "198.51.100.66";
    for address in [HOME, thief] {
        assert_eq!(login_from(&nobody, address, &ann.name, PASSWORD).await.status, 200);
    }
    fail_from(&nobody, 15, &ann.name).await;
    let new = "Different456";
    let answer = graphql_from(&ann, HOME, CHANGE, &json!({ "current": PASSWORD, "new": new })).await;
    assert!(
        answer.data()["passwordChange"]["accessToken"].is_string(),
        "{}",
        answer.text
    );
    // Guesses at the old password do not count any more; guesses at the new one do.
    for address in ["192.0.2.7", "192.0.2.8"] {
        assert_eq!(login_from(&nobody, address, &ann.name, new).await.status, 200);
    }
    for number in 100..115 {
        for _ in 0..10 {
            assert_eq!(
                login_from(&nobody, &attacker(number), &ann.name, WRONG).await.status,
                401
            );
        }
    }
    assert_eq!(wait_of(&nobody, thief, &ann.name).await, 60);
    assert_eq!(login_from(&nobody, HOME, &ann.name, new).await.status, 200);
}

/// Runs the daily cleanup.
async fn forget_ended(app: &TestApp) {
    app.app.domain().sessions().forget_ended(&Actor::System).await.unwrap();
}

#[tokio::test]
async fn an_address_is_known_for_90_days_and_not_by_a_refresh() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let known = "SELECT COUNT(*) AS number FROM login_addresses";
    assert_eq!(app.database.number(known).await, 0);
    let refresh = json!({ "refresh_token": ann.refresh_token });
    let answer = post_from(&nobody, HOME, "/auth/refresh", &refresh).await;
    assert_eq!(answer.status, 200);
    assert_eq!(app.database.number(known).await, 0);
    for address in [HOME, HOME, "2001:db8::1", "2001:db8::2"] {
        assert_eq!(login_from(&nobody, address, &ann.name, PASSWORD).await.status, 200);
    }
    assert_eq!(app.database.number(known).await, 2);
    app.advance(TimeDelta::days(90));
    forget_ended(&app).await;
    assert_eq!(app.database.number(known).await, 2);
    app.advance(TimeDelta::seconds(1));
    forget_ended(&app).await;
    assert_eq!(app.database.number(known).await, 0);
    // Known addresses of a deleted account are deleted.
    assert_eq!(login_from(&nobody, HOME, &ann.name, PASSWORD).await.status, 200);
    let boss = app.admin().await;
    let path = format!("/api/v1/users/{}", ann.id);
    let deleted = boss.rest(Method::DELETE, &path, Value::Null).await;
    assert_eq!(deleted.status, 204, "{}", deleted.text);
    assert_eq!(app.database.number(known).await, 0);
}

#[tokio::test]
async fn concurrent_attempts_count_separately() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    for name in [ann.name.as_str(), "nobody-has-this-name"] {
        let guesses = (0..30).map(|_| login_from(&nobody, HOME, name, WRONG));
        let answers = join_all(guesses).await;
        let looked_at = answers.iter().filter(|answer| answer.status == 401).count();
        assert_eq!(looked_at, 10, "{name}");
    }
}

#[tokio::test]
async fn a_failure_in_the_future_does_not_refuse_an_attempt_that_needs_no_wait() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    for _ in 0..9 {
        assert_eq!(login_from(&nobody, HOME, &ann.name, WRONG).await.status, 401);
    }
    // The clock is set back, or that of another server is behind.
    app.advance(TimeDelta::hours(-1));
    let answer = login_from(&nobody, HOME, &ann.name, PASSWORD).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}
