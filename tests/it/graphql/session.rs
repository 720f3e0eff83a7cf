//! Registration, login and logout through GraphQL.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

pub const VIEWER: &str = "{ viewer { databaseId role } }";

async fn login(person: &Person<'_>, name: &str, password: &str) -> Answer {
    person
        .graphql(
            "mutation($input: LoginInput!) { login(input: $input) { accessToken refreshToken expiresAt userErrors { code field message } } }",
            json!({ "input": { "username": name, "password": password } }),
        )
        .await
}

pub async fn refresh(person: &Person<'_>, token: &str) -> Answer {
    person
        .graphql(
            "mutation($token: String!) { refresh(refreshToken: $token) { accessToken refreshToken userErrors { code field message } } }",
            json!({ "token": token }),
        )
        .await
}

pub fn token(answer: &Answer, mutation: &str, name: &str) -> String {
    answer.data()[mutation][name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {}", answer.text))
        .to_owned()
}

#[tokio::test]
async fn registration_signs_in() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let answer = nobody
        .graphql(
            "mutation($input: RegisterInput!) { register(input: $input) { accessToken expiresAt user { username email role isActive } userErrors { message } } }",
            json!({ "input": { "email": "Ann@Example.com", "password": PASSWORD, "username": "Ann" } }),
        )
        .await;
    let payload = &answer.data()["register"];
    assert_eq!(payload["expiresAt"], "2026-01-15T12:30:00+00:00");
    let ann = nobody.with_token(&app, payload["accessToken"].as_str().unwrap());
    assert_eq!(ann.graphql(VIEWER, json!({})).await.data()["viewer"]["role"], "USER");
    // By username or address, in any letter case.
    assert_eq!(
        login(&nobody, "ANN", PASSWORD).await.data()["login"]["userErrors"],
        json!([])
    );
}

#[tokio::test]
async fn the_user_beside_new_tokens_is_shown_as_they_see_themselves() {
    const USER: &str =
        "unreadNotificationCount ownedTasks { totalCount nodes { title viewerCanUpdate owner { email } } }";

    let app = TestApp::start().await;
    let (nobody, ann, bob) = (app.anonymous(), app.member().await, app.member().await);
    ann.creates_task(json!({ "title": "Own" })).await;
    bob.creates_task(json!({ "title": "For Ann", "assigneeId": ann.global_id() }))
        .await;
    let email = format!("{}@example.com", ann.name);
    let task = json!({ "title": "Own", "viewerCanUpdate": true, "owner": { "email": email } });
    let seen = json!({ "unreadNotificationCount": 1, "ownedTasks": { "totalCount": 1, "nodes": [task] } });
    let login = format!("login(input: {{username: \"{}\", password: \"{PASSWORD}\"}})", ann.name);
    let refresh = format!("refresh(refreshToken: \"{}\")", ann.refresh_token);
    let change = format!("passwordChange(currentPassword: \"{PASSWORD}\", newPassword: \"Different456\")");
    for (sender, field) in [(&nobody, &login), (&bob, &login), (&nobody, &refresh), (&ann, &change)] {
        let document = format!("mutation {{ payload: {field} {{ accessToken user {{ {USER} }} }} }}");
        let answer = sender.graphql(&document, json!({})).await;
        assert_eq!(answer.data()["payload"]["user"], seen, "{field}");
        assert!(answer.data()["payload"]["accessToken"].is_string(), "{field}");
    }
    let register = "register(input: {email: \"cat@example.com\", password: \"Password123\"})";
    let document = format!("mutation {{ {register} {{ user {{ {USER} }} }} }}");
    let answer = nobody.graphql(&document, json!({})).await;
    let seen = json!({ "unreadNotificationCount": 0, "ownedTasks": { "totalCount": 0, "nodes": [] } });
    assert_eq!(answer.data()["register"]["user"], seen);
}

#[tokio::test]
async fn other_fields_beside_a_login_belong_to_the_sender() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let create = |alias: &str| {
        format!("{alias}: taskCreate(input: {{title: \"T\"}}) {{ task {{ owner {{ databaseId email }} }} }}")
    };
    let document = format!(
        "mutation {{ {} login(input: {{username: \"{}\", password: \"{PASSWORD}\"}}) {{
           user {{ databaseId unreadNotificationCount }} }} {} }}",
        create("before"),
        ann.name,
        create("after"),
    );
    let answer = bob.graphql(&document, json!({})).await;
    let owner = json!({ "owner": { "databaseId": bob.id, "email": format!("{}@example.com", bob.name) } });
    let user = json!({ "databaseId": ann.id, "unreadNotificationCount": 0 });
    assert_eq!(
        answer.data(),
        &json!({ "before": { "task": owner }, "login": { "user": user }, "after": { "task": owner } })
    );
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let first = ann.refresh_token.clone();
    let second = refresh(&ann, &first).await;
    let (access, second) = (
        token(&second, "refresh", "accessToken"),
        token(&second, "refresh", "refreshToken"),
    );

    // After a lost response, the same token may be sent again within 10 s.
    app.advance(TimeDelta::seconds(10));
    let third = token(&refresh(&ann, &first).await, "refresh", "refreshToken");
    let ann = ann.with_token(&app, &access);
    assert!(ann.graphql(VIEWER, json!({})).await.data()["viewer"].is_object());

    app.advance(TimeDelta::seconds(1));
    assert_eq!(
        refresh(&ann, &first).await.user_error("refresh").0,
        "INVALID_CREDENTIALS"
    );
    for stolen in [second, third] {
        assert_eq!(
            refresh(&ann, &stolen).await.user_error("refresh").0,
            "INVALID_CREDENTIALS"
        );
    }
    let answer = ann.graphql(VIEWER, json!({})).await;
    assert_eq!(
        (answer.error_code(), answer.error_message()),
        ("UNAUTHENTICATED", "The session has ended: sign in again")
    );
}

#[tokio::test]
async fn a_refresh_token_ends_after_7_days() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    app.advance(TimeDelta::days(7));
    assert_eq!(
        refresh(&ann, &ann.refresh_token).await.user_error("refresh").0,
        "INVALID_CREDENTIALS"
    );
}

#[tokio::test]
async fn logging_out_ends_one_session_or_all_of_them() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let sessions: Vec<Answer> = vec![
        login(&ann, &ann.name, PASSWORD).await,
        login(&ann, &ann.name, PASSWORD).await,
    ];
    let [second, third] = [0, 1].map(|n| ann.with_token(&app, &token(&sessions[n], "login", "accessToken")));

    ann.graphql("mutation { logout { success } }", json!({})).await.data();
    assert_eq!(ann.graphql(VIEWER, json!({})).await.error_code(), "UNAUTHENTICATED");
    assert_eq!(
        refresh(&ann, &ann.refresh_token).await.user_error("refresh").0,
        "INVALID_CREDENTIALS"
    );
    second.graphql(VIEWER, json!({})).await.data();

    second
        .graphql("mutation { logout(everywhere: true) { success } }", json!({}))
        .await
        .data();
    for person in [second, third] {
        assert_eq!(person.graphql(VIEWER, json!({})).await.error_code(), "UNAUTHENTICATED");
    }
}

#[tokio::test]
async fn a_new_password_replaces_the_old_one_and_every_session() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let change = "mutation($current: String!, $new: String!) {
        passwordChange(currentPassword: $current, newPassword: $new) { accessToken userErrors { code field message } } }";
    let answer = ann
        .graphql(change, json!({ "current": "Wrong1234", "new": "Different456" }))
        .await;
    assert_eq!(answer.user_error("passwordChange").0, "INVALID_CREDENTIALS");
    let answer = ann
        .graphql(change, json!({ "current": PASSWORD, "new": "short1" }))
        .await;
    let (code, field, message) = answer.user_error("passwordChange");
    assert_eq!((code.as_str(), field.as_str()), ("INVALID", "newPassword"));
    assert!(message.contains("8 to 128"), "{message}");

    let answer = ann
        .graphql(change, json!({ "current": PASSWORD, "new": "Different456" }))
        .await;
    let renewed = ann.with_token(&app, &token(&answer, "passwordChange", "accessToken"));
    assert_eq!(ann.graphql(VIEWER, json!({})).await.error_code(), "UNAUTHENTICATED");
    renewed.graphql(VIEWER, json!({})).await.data();
    assert_eq!(
        login(&ann, &ann.name, PASSWORD).await.user_error("login").0,
        "INVALID_CREDENTIALS"
    );
    assert_eq!(
        login(&ann, &ann.name, "Different456").await.data()["login"]["userErrors"],
        json!([])
    );
}

#[tokio::test]
async fn ten_failures_slow_an_account_down_whether_it_exists_or_not() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    for name in [ann.name.as_str(), "nobody-has-this-name"] {
        for _ in 0..10 {
            assert_eq!(
                login(&nobody, name, "Wrong1234").await.user_error("login").0,
                "INVALID_CREDENTIALS"
            );
        }
        let answer = login(&nobody, name, PASSWORD).await;
        assert_eq!(
            (answer.error_code(), answer.at("/errors/0/extensions/retryAfter")),
            ("RATE_LIMITED", &json!(1))
        );
    }
    // An account is never locked permanently, and a success resets the count.
    app.advance(TimeDelta::seconds(1));
    assert_eq!(
        login(&nobody, &ann.name, PASSWORD).await.data()["login"]["userErrors"],
        json!([])
    );
    assert_eq!(
        login(&nobody, &ann.name, "Wrong1234").await.user_error("login").0,
        "INVALID_CREDENTIALS"
    );
    assert_eq!(
        login(&nobody, &ann.name, PASSWORD).await.data()["login"]["userErrors"],
        json!([])
    );
}

#[tokio::test]
async fn a_login_for_an_unknown_user_checks_a_password_too() {
    let app = TestApp::start().await;
    let before = app.app.domain().password_checks();
    login(&app.anonymous(), "nobody-has-this-name", PASSWORD).await;
    assert_eq!(app.app.domain().password_checks() - before, 1);
}

#[tokio::test]
async fn demotion_and_deactivation_take_effect_at_once_on_every_node() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.admin().await, app.admin().await);
    let node = app.second_node().await;
    let elsewhere = ann.with_token(&node, ann.access_token.as_deref().unwrap());
    let other = format!("{{ user(id: \"{}\") {{ email }} }}", boss.global_id());
    let answer = elsewhere.graphql(&other, json!({})).await;
    assert!(answer.data()["user"]["email"].is_string(), "{}", answer.text);

    let demote = "mutation($id: ID!) { userSetRole(id: $id, role: USER) { user { role } userErrors { message } } }";
    assert_eq!(
        boss.graphql(demote, json!({ "id": ann.global_id() })).await.data()["userSetRole"]["user"]["role"],
        "USER"
    );
    let answer = elsewhere.graphql(&other, json!({})).await;
    assert_eq!(answer.data()["user"]["email"], Value::Null);
    assert_eq!(
        elsewhere.graphql(VIEWER, json!({})).await.data()["viewer"]["role"],
        "USER"
    );

    let deactivate =
        "mutation($id: ID!) { userSetActive(id: $id, isActive: false) { user { isActive } userErrors { message } } }";
    boss.graphql(deactivate, json!({ "id": ann.global_id() })).await.data();
    assert_eq!(
        elsewhere.graphql(VIEWER, json!({})).await.error_code(),
        "UNAUTHENTICATED"
    );
    assert_eq!(
        refresh(&ann, &ann.refresh_token).await.user_error("refresh").0,
        "INVALID_CREDENTIALS"
    );
    let answer = login(&ann, &ann.name, PASSWORD).await;
    assert_eq!(answer.user_error("login").0, "FORBIDDEN");
}

#[tokio::test]
async fn the_last_active_admin_stays() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    for mutation in [
        "mutation($id: ID!) { done: userSetRole(id: $id, role: USER) { user { id } userErrors { code field message } } }",
        "mutation($id: ID!) { done: userSetActive(id: $id, isActive: false) { user { id } userErrors { code field message } } }",
        "mutation($id: ID!) { done: userDelete(id: $id) { user { id } userErrors { code field message } } }",
    ] {
        let (code, _, message) = boss
            .graphql(mutation, json!({ "id": boss.global_id() }))
            .await
            .user_error("done");
        assert_eq!(code, "FORBIDDEN");
        assert!(message.contains("last active administrator"), "{message}");
    }
    assert_eq!(boss.graphql(VIEWER, json!({})).await.data()["viewer"]["role"], "ADMIN");
}

#[tokio::test]
async fn expired_forged_and_refresh_tokens_are_refused_with_the_reason() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let access = ann.access_token.clone().unwrap();
    let (body, signature) = access.rsplit_once('.').unwrap();
    let forged = format!("{body}.{}", signature.chars().rev().collect::<String>());
    let unsigned = unsigned(body);
    for (token, reason) in [
        (ann.refresh_token.as_str(), "not valid"),
        (forged.as_str(), "not valid"),
        (unsigned.as_str(), "not valid"),
        ("", "not valid"),
    ] {
        let answer = ann.with_token(&app, token).graphql(VIEWER, json!({})).await;
        assert_eq!(answer.error_code(), "UNAUTHENTICATED", "{token}");
        assert!(answer.error_message().contains(reason), "{}", answer.text);
    }
    app.advance(TimeDelta::minutes(30));
    let answer = ann.graphql(VIEWER, json!({})).await;
    assert_eq!(answer.error_code(), "UNAUTHENTICATED");
    assert!(answer.error_message().contains("expired"), "{}", answer.text);
    // Login works with an invalid token in the request.
    assert_eq!(
        login(&ann, &ann.name, PASSWORD).await.data()["login"]["userErrors"],
        json!([])
    );
}

/// The token with the algorithm "none" and no signature.
fn unsigned(body: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let (header, claims) = body.split_once('.').unwrap();
    let mut header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    header["alg"] = json!("none");
    format!("{}.{claims}.", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[tokio::test]
async fn concurrent_requests_get_their_own_session() {
    let app = TestApp::start().await;
    let people = [
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    ];
    let ask = async |person: &Person<'_>| {
        let answer = person.graphql("{ viewer { databaseId role } }", json!({})).await;
        answer.data()["viewer"].clone()
    };
    let asked = (0..40).map(|number| ask(&people[number % 4]));
    for (number, viewer) in futures_util::future::join_all(asked).await.iter().enumerate() {
        let role = if number % 4 == 3 { "ADMIN" } else { "USER" };
        assert_eq!(*viewer, json!({ "databaseId": people[number % 4].id, "role": role }));
    }
    let logout = "mutation { logout { success } }";
    people[0].graphql(logout, json!({})).await;
    let asked = people
        .iter()
        .map(async |person| person.graphql("{ viewer { databaseId } }", json!({})).await);
    let answers = futures_util::future::join_all(asked).await;
    let is_known: Vec<bool> = answers
        .iter()
        .map(|answer| answer.text.contains("databaseId"))
        .collect();
    assert_eq!(
        is_known,
        [false, true, true, true],
        "only the user who logged out is unknown"
    );
}
