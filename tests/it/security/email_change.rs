//! A stolen session must not be enough to take over the account by its e-mail address.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::{LIMITED, WRONG, from, graphql_from, outcome};
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const HERE: &str = "203.0.113.7";
const UPDATE: &str = "mutation($id: ID!, $input: UserUpdateInput!) {
    userUpdate(id: $id, input: $input) { user { email } userErrors { code field message } } }";
const MISSING: &str = "current_password is missing: a new e-mail address needs the password of the account";

async fn update(person: &Person<'_>, id: &str, input: &Value) -> Answer {
    graphql_from(person, HERE, UPDATE, &json!({ "id": id, "input": input })).await
}

async fn patch(person: &Person<'_>, id: i32, input: &Value) -> Answer {
    let path = format!("/api/v1/users/{id}");
    let request = from(HERE, person.request(Method::PATCH, &path)).header("content-type", "application/json");
    person.send(request.body(input.to_string().into()).unwrap()).await
}

async fn email(person: &Person<'_>) -> Value {
    let me = person.rest(Method::GET, "/auth/me", Value::Null).await;
    me.at("/email").clone()
}

#[tokio::test]
async fn a_new_address_needs_the_password() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (id, before) = (ann.global_id(), email(&ann).await);

    let answer = update(&ann, &id, &json!({ "email": "eve@example.com", "username": "eve" })).await;
    let (code, field, message) = answer.user_error("userUpdate");
    let missing = MISSING.replace("current_password", "currentPassword");
    assert_eq!((code.as_str(), message), ("INVALID", missing), "{field}");
    assert_eq!(
        *answer.at("/data/userUpdate/userErrors/0/field"),
        json!(["input", "currentPassword"])
    );
    let answer = patch(&ann, ann.id, &json!({ "email": "eve@example.com" })).await;
    assert_eq!((answer.status.as_u16(), answer.detail()), (422, MISSING));

    let wrong = json!({ "email": "eve@example.com", "currentPassword": WRONG });
    let answer = update(&ann, &id, &wrong).await;
    assert_eq!(answer.user_error("userUpdate").0, "INVALID_CREDENTIALS");
    let wrong = json!({ "email": "eve@example.com", "current_password": WRONG });
    assert_eq!(patch(&ann, ann.id, &wrong).await.status, 401);
    // Nothing was written.
    assert_eq!(email(&ann).await, before);
    let me = ann.rest(Method::GET, "/auth/me", Value::Null).await;
    assert_eq!(*me.at("/username"), json!(ann.name));

    let right = json!({ "email": "ann@example.org", "currentPassword": PASSWORD });
    assert_eq!(
        *update(&ann, &id, &right).await.at("/data/userUpdate/user/email"),
        "ann@example.org"
    );
    let right = json!({ "email": "ann@example.net", "current_password": PASSWORD });
    assert_eq!(*patch(&ann, ann.id, &right).await.at("/email"), "ann@example.net");
}

#[tokio::test]
async fn other_changes_need_no_password() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let before = email(&ann).await;
    let checked = app.app.domain().password_checks();
    // The present address in another letter case, and a name.
    let same = before.as_str().unwrap().to_uppercase();
    let answer = update(&ann, &ann.global_id(), &json!({ "email": same, "fullName": "Ann" })).await;
    assert_eq!(*answer.at("/data/userUpdate/user/email"), before, "{}", answer.text);
    // Administrators set the addresses of others.
    let answer = patch(&boss, ann.id, &json!({ "email": "ann@example.org" })).await;
    assert_eq!(*answer.at("/email"), "ann@example.org", "{}", answer.text);
    assert_eq!(app.app.domain().password_checks(), checked);
    // Their own address needs their password.
    let answer = patch(&boss, boss.id, &json!({ "email": "boss@example.org" })).await;
    assert_eq!((answer.status.as_u16(), answer.detail()), (422, MISSING));
}

#[tokio::test]
async fn guesses_count_as_failed_logins_and_for_the_password_limit() {
    let app = TestApp::start_with(&[LIMITED, ("RATE_LIMIT_STRICT_PER_MINUTE", "4")]).await;
    let ann = app.member().await;
    let wrong = json!({ "email": "eve@example.com", "currentPassword": WRONG });
    for _ in 0..2 {
        let answer = update(&ann, &ann.global_id(), &wrong).await;
        assert_eq!(answer.user_error("userUpdate").0, "INVALID_CREDENTIALS");
        let literal = format!(
            "mutation {{ userUpdate(id: \"{}\", input: {{currentPassword: \"x\"}}) {{ user {{ id }} }} }}",
            ann.global_id()
        );
        assert_eq!(outcome(&graphql_from(&ann, HERE, &literal, &Value::Null).await), 200);
    }
    let checked = app.app.domain().password_checks();
    assert_eq!(outcome(&update(&ann, &ann.global_id(), &wrong).await), 429);
    let answer = patch(
        &ann,
        ann.id,
        &json!({ "email": "e@example.com", "current_password": WRONG }),
    )
    .await;
    assert_eq!(answer.status, 429);
    assert_eq!(
        (
            answer.header("x-ratelimit-limit"),
            answer.header("x-ratelimit-remaining")
        ),
        ("4", "0")
    );
    assert_eq!(app.app.domain().password_checks(), checked, "no password was looked at");
    // Requests without a password still work.
    let name = json!({ "fullName": "Ann", "currentPassword": null });
    assert_eq!(outcome(&update(&ann, &ann.global_id(), &name).await), 200);
    assert_eq!(patch(&ann, ann.id, &json!({ "full_name": "Ann" })).await.status, 200);
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_is_delayed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = |password: &str| json!({ "email": "ann@example.org", "current_password": password });
    for _ in 0..10 {
        assert_eq!(patch(&ann, ann.id, &body(WRONG)).await.status, 401);
    }
    let answer = patch(&ann, ann.id, &body(PASSWORD)).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "1"));
    app.advance(chrono::TimeDelta::seconds(1));
    assert_eq!(patch(&ann, ann.id, &body(PASSWORD)).await.status, 200);
}
