//! The list of a user's sessions, and ending one of them.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::session::{VIEWER, refresh, token};
use crate::support::person::{Person, global_id};
use crate::support::{PASSWORD, TestApp};

const SESSIONS: &str = "{ sessions { id userAgent createdAt lastUsedAt expiresAt isCurrent } }";
const END: &str = "mutation($id: ID!) { sessionEnd(id: $id) { session { userAgent } userErrors { code field } } }";
const NODE: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { id ... on Session { userAgent isCurrent } } }";

async fn sessions(person: &Person<'_>) -> Vec<Value> {
    let answer = person.graphql(SESSIONS, json!({})).await;
    answer.data()["sessions"].as_array().unwrap().clone()
}

/// Signs in with this user agent; returns both tokens.
async fn login_from(app: &TestApp, name: &str, client: &str) -> (String, String) {
    let query = "mutation($input: LoginInput!) { login(input: $input) { accessToken refreshToken } }";
    let body = json!({ "query": query, "variables": { "input": { "username": name, "password": PASSWORD } } });
    let nobody = app.anonymous();
    let request = nobody
        .request(axum::http::Method::POST, "/graphql")
        .header("content-type", "application/json")
        .header("user-agent", client);
    let answer = nobody.send(request.body(body.to_string().into()).unwrap()).await;
    (
        token(&answer, "login", "accessToken"),
        token(&answer, "login", "refreshToken"),
    )
}

#[tokio::test]
async fn a_person_sees_their_own_sessions_and_which_one_is_current() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    app.advance(TimeDelta::minutes(1));
    let (phone, phone_refresh) = login_from(&app, &ann.name, "phone").await;
    let phone = ann.with_token(&app, &phone);
    let seen = sessions(&ann).await;
    assert_eq!(seen.len(), 2);
    assert_eq!(
        (&seen[0]["userAgent"], &seen[0]["isCurrent"], &seen[1]["isCurrent"]),
        (&json!("phone"), &json!(false), &json!(true))
    );
    assert_eq!(sessions(&phone).await[0]["isCurrent"], true);
    // A refresh keeps the session, and its older access token stays valid.
    app.advance(TimeDelta::minutes(10));
    let answer = refresh(&app.anonymous(), &phone_refresh).await;
    token(&answer, "refresh", "accessToken");
    let seen = sessions(&phone).await;
    assert_eq!(
        (
            seen.len(),
            &seen[0]["isCurrent"],
            &seen[0]["createdAt"],
            &seen[0]["lastUsedAt"],
            &seen[0]["expiresAt"]
        ),
        (
            2,
            &json!(true),
            &json!("2026-01-15T12:01:00+00:00"),
            &json!("2026-01-15T12:11:00+00:00"),
            &json!("2026-01-22T12:11:00+00:00")
        )
    );
    // Nobody sees sessions of others, including administrators.
    assert_eq!(sessions(&boss).await.len(), 1);
    // An ended session is not listed.
    phone.graphql("mutation { logout { success } }", json!({})).await.data();
    assert_eq!(sessions(&ann).await.len(), 1);
}

#[tokio::test]
async fn a_session_is_a_node_and_can_be_ended_from_another() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let node = app.second_node().await;
    let (access, phone_refresh) = login_from(&app, &ann.name, "phone").await;
    let phone = ann.with_token(&node, &access);
    let seen = sessions(&ann).await;
    let (of_phone, own) = (&seen[0]["id"], &seen[1]["id"]);
    let before = app.app.domain().statements();
    let answer = ann.graphql(NODE, json!({ "ids": [own, of_phone, own] })).await;
    let nodes = &answer.data()["nodes"];
    assert_eq!(
        nodes[1],
        json!({ "id": of_phone, "userAgent": "phone", "isCurrent": false })
    );
    assert_eq!((&nodes[0]["isCurrent"], &nodes[0]), (&json!(true), &nodes[2]));
    assert_eq!(
        app.app.domain().statements() - before,
        3,
        "the session, those of the ids, the current one"
    );

    // Nobody ends sessions of others, including administrators.
    let not_found = json!({ "session": null, "userErrors": [{ "code": "NOT_FOUND", "field": ["id"] }] });
    assert_eq!(
        boss.graphql(NODE, json!({ "ids": [of_phone] })).await.data()["nodes"],
        json!([null])
    );
    assert_eq!(
        boss.graphql(END, json!({ "id": of_phone })).await.data()["sessionEnd"],
        not_found
    );
    phone.graphql(VIEWER, json!({})).await.data();

    let ended = ann.graphql(END, json!({ "id": of_phone })).await;
    assert_eq!(
        ended.data()["sessionEnd"],
        json!({ "session": { "userAgent": "phone" }, "userErrors": [] })
    );
    assert_eq!(phone.graphql(VIEWER, json!({})).await.error_code(), "UNAUTHENTICATED");
    let refused = refresh(&app.anonymous(), &phone_refresh).await;
    assert_eq!(refused.user_error("refresh").0, "INVALID_CREDENTIALS");
    assert_eq!(
        ann.graphql(END, json!({ "id": of_phone })).await.data()["sessionEnd"],
        not_found
    );
    assert_eq!(sessions(&ann).await.len(), 1);
    // The current session can be ended too.
    ann.graphql(END, json!({ "id": own })).await.data();
    assert_eq!(ann.graphql(VIEWER, json!({})).await.error_code(), "UNAUTHENTICATED");
}

#[tokio::test]
async fn a_session_keeps_its_id_and_one_that_has_expired_is_not_listed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (_, first) = login_from(&app, &ann.name, "phone").await;
    let before = sessions(&ann).await[0]["id"].clone();
    refresh(&app.anonymous(), &first).await.data();
    let seen = sessions(&ann).await;
    assert_eq!((seen.len(), &seen[0]["id"]), (2, &before));
    app.advance(TimeDelta::days(8));
    let (fresh, _) = login_from(&app, &ann.name, "laptop").await;
    let seen = sessions(&ann.with_token(&app, &fresh)).await;
    assert_eq!((seen.len(), &seen[0]["userAgent"]), (1, &json!("laptop")));
}

#[tokio::test]
async fn a_session_that_is_too_old_for_the_list_is_found_and_ended() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (access, refresh_token) = login_from(&app, &ann.name, "phone").await;
    let phone = ann.with_token(&app, &access);
    let of_phone = sessions(&ann).await[0]["id"].clone();
    app.database
        .execute(
            "INSERT INTO sessions
               (created_at, updated_at, user_id, family, refresh_token_hash, last_used_at, expires_at)
             WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 100)
             SELECT created_at, updated_at, user_id, 'family' || n, 'hash' || n, last_used_at, expires_at
             FROM sessions, numbers WHERE user_agent = 'phone'",
        )
        .await;
    let listed = sessions(&ann).await;
    assert_eq!(listed.len(), 100);
    assert!(listed.iter().all(|session| session["id"] != of_phone));

    let seen = json!({ "id": of_phone, "userAgent": "phone", "isCurrent": true });
    let answer = phone.graphql(NODE, json!({ "ids": [of_phone] })).await;
    assert_eq!(answer.data()["nodes"], json!([seen]));
    let ended = ann.graphql(END, json!({ "id": of_phone })).await;
    assert_eq!(
        ended.data()["sessionEnd"],
        json!({ "session": { "userAgent": "phone" }, "userErrors": [] })
    );
    assert_eq!(phone.graphql(VIEWER, json!({})).await.error_code(), "UNAUTHENTICATED");
    let refused = refresh(&app.anonymous(), &refresh_token).await;
    assert_eq!(refused.user_error("refresh").0, "INVALID_CREDENTIALS");
}

#[tokio::test]
async fn a_later_refresh_token_is_not_another_session() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let renewed = refresh(&app.anonymous(), &ann.refresh_token).await;
    let renewed = ann.with_token(&app, &token(&renewed, "refresh", "accessToken"));
    let first = sessions(&renewed).await[0]["id"].clone();
    // The first token has the id 1, the second one the id 2.
    assert_eq!(first, global_id("Session", 1));
    let second = global_id("Session", 2);
    let answer = renewed.graphql(NODE, json!({ "ids": [first, second] })).await;
    assert_eq!(
        answer.data()["nodes"],
        json!([{ "id": first, "userAgent": null, "isCurrent": true }, null])
    );
    let answer = renewed.graphql(END, json!({ "id": second })).await;
    assert_eq!(answer.data()["sessionEnd"]["session"], Value::Null);
}
