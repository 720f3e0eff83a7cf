//! Reusing a refresh token within the grace period of 10 s starts no second token chain. A refresh does not outlive a
//! logout at the same time.

use std::collections::BTreeSet;

use axum::http::Method;
use futures_util::future::join_all;
use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::{Value, json};

use super::support::GRAPHQL_REFRESH;
use crate::support::TestApp;
use crate::support::database::is_postgres;
use crate::support::process::until;

async fn by_graphql(app: &TestApp, token: &str) -> String {
    let answer = app
        .anonymous()
        .graphql(GRAPHQL_REFRESH, json!({ "token": token }))
        .await;
    let next = answer.data()["refresh"]["refreshToken"].as_str();
    next.unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

async fn by_rest(app: &TestApp, token: &str) -> String {
    let body = json!({ "refresh_token": token });
    let answer = app.anonymous().rest(Method::POST, "/auth/refresh", body).await;
    let next = answer.at("/refresh_token").as_str();
    next.unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

async fn stored(app: &TestApp) -> i64 {
    app.database.number("SELECT COUNT(*) AS number FROM sessions").await
}

#[tokio::test]
async fn a_repeated_refresh_gets_the_same_token_from_every_api_and_server() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    let first = &ann.refresh_token;
    let next = by_graphql(&app, first).await;
    let before = stored(&app).await;
    assert_ne!(&next, first);
    assert_eq!(by_graphql(&app, first).await, next);
    assert_eq!(by_rest(&app, first).await, next);
    assert_eq!(by_rest(&other, first).await, next);
    assert_eq!(stored(&app).await, before, "sessions");

    // Also after the next token was used, so that one token never has two chains.
    let third = by_rest(&app, &next).await;
    assert_eq!(by_graphql(&app, first).await, next);
    assert_eq!(by_graphql(&other, &next).await, third);
    assert_eq!(stored(&app).await, before + 1, "sessions");

    // The repeated token works, and ends with its session.
    let body = json!({ "refresh_token": third });
    let answer = app.anonymous().rest(Method::POST, "/auth/refresh", body).await;
    let person = ann.with_token(&app, answer.at("/access_token").as_str().unwrap());
    assert_eq!(person.rest(Method::POST, "/auth/logout", Value::Null).await.status, 204);
    for token in [first, &next, &third] {
        let body = json!({ "refresh_token": token });
        assert_eq!(
            app.anonymous().rest(Method::POST, "/auth/refresh", body).await.status,
            401
        );
    }
}

#[tokio::test]
async fn concurrent_refreshes_get_the_same_token() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    let before = stored(&app).await;
    let asked = (0..12).map(|number| {
        let node = if number % 2 == 0 { &app } else { &other };
        let token = &ann.refresh_token;
        async move {
            if number % 3 == 0 {
                by_graphql(node, token).await
            } else {
                by_rest(node, token).await
            }
        }
    });
    let tokens: BTreeSet<String> = join_all(asked).await.into_iter().collect();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    assert_eq!(stored(&app).await, before + 1, "sessions");
}

#[tokio::test]
async fn the_next_token_cannot_be_computed_by_a_server_with_another_key() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    by_graphql(&app, &ann.refresh_token).await;
    let key = [("SECRET_KEY", "another-key-of-more-than-thirty-two-bytes")];
    // With another key the token cannot be derived: the user must sign in again, and nothing is stored.
    let node = app.second_node_with(&key).await;
    let before = stored(&app).await;
    let body = json!({ "refresh_token": ann.refresh_token });
    let answer = node.anonymous().rest(Method::POST, "/auth/refresh", body).await;
    assert_eq!((answer.status.as_u16(), stored(&app).await), (401, before));
}

/// Waits until this number of statements waits for a lock.
async fn until_blocked(app: &TestApp, statements: i64) {
    let blocked = "SELECT COUNT(*) AS number FROM pg_stat_activity \
                   WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("the statements to wait", async || {
        (app.database.number(blocked).await == statements).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_logout_also_ends_the_token_of_a_refresh_that_is_not_committed_yet() {
    // SQLite has one writer at a time.
    if !is_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let connection = app.database.connect().await;
    for path in ["/auth/logout", "/auth/logout?all=true"] {
        let ann = app.member().await;
        let lock = format!("SELECT id FROM sessions WHERE user_id = {} FOR UPDATE", ann.id);
        let transaction = connection.begin().await.unwrap();
        transaction.execute_unprepared(&lock).await.unwrap();
        let logout = async {
            until_blocked(&app, 1).await;
            ann.rest(Method::POST, path, Value::Null).await
        };
        let release = async {
            until_blocked(&app, 2).await;
            transaction.rollback().await.unwrap();
        };
        let (next, left, ()) = tokio::join!(by_rest(&app, &ann.refresh_token), logout, release);
        assert_eq!(left.status, 204, "{}", left.text);
        let body = json!({ "refresh_token": next });
        let answer = app.anonymous().rest(Method::POST, "/auth/refresh", body).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    connection.close().await.unwrap();
}
