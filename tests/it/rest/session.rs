//! Registration, login and logout through REST.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{expect_refusal, expect_status, get, patch, post};
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;
use crate::support::{PASSWORD, TestApp};

const LOGIN: &str = "/api/v1/auth/login";
const LOGIN_BY_FORM: &str = "/api/v1/auth/login/access-token";
const ME: &str = "/api/v1/auth/me";
const REFRESH_REFUSED: &str = "The refresh token is not valid, expired or used already: sign in again";

async fn refresh(person: &Person<'_>, token: &str) -> Answer {
    post(person, "/api/v1/auth/refresh", json!({ "refresh_token": token })).await
}

/// Sends the OAuth2 password form.
async fn grant(person: &Person<'_>, form: &str) -> Answer {
    let request = person
        .request(Method::POST, LOGIN_BY_FORM)
        .header("content-type", "application/x-www-form-urlencoded");
    person.send(request.body(form.to_owned().into()).unwrap()).await
}

/// Sends the OAuth2 password form as a browser sends `FormData`.
async fn grant_parts(person: &Person<'_>, form: Vec<u8>) -> Answer {
    let request = person
        .request(Method::POST, LOGIN_BY_FORM)
        .header("content-type", CONTENT_TYPE);
    person.send(request.body(form.into()).unwrap()).await
}

/// The person with the access token of a response.
fn bearer<'a>(app: &'a TestApp, person: &Person<'_>, answer: &Answer) -> Person<'a> {
    person.with_token(app, answer.at("/access_token").as_str().unwrap())
}

fn refresh_token(answer: &Answer) -> String {
    answer.at("/refresh_token").as_str().unwrap().to_owned()
}

/// Checks the common fields of responses with tokens.
#[track_caller]
fn expect_tokens(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.at("/token_type"), "bearer");
    assert_eq!(answer.at("/expires_in"), 1_800);
    assert!(answer.at("/refresh_token").is_string() && answer.at("/access_token").is_string());
    assert!(!answer.text.contains("password"), "{}", answer.text);
}

#[tokio::test]
async fn registration_returns_the_account_and_signs_in() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let account =
        json!({ "email": "Ann@Example.com", "password": PASSWORD, "username": "Ann", "full_name": " Ann Example " });
    let answer = post(&nobody, "/api/v1/auth/register", account).await;
    expect_tokens(&answer, 201);
    assert_eq!(answer.at("/expires_at"), "2026-01-15T12:30:00Z");
    let id = answer.at("/id");
    let profile = json!({
        "id": id, "username": "Ann", "full_name": "Ann Example", "email": "ann@example.com", "email_verified": false,
        "time_zone": "UTC", "role": "user",
        "is_active": true, "created_at": "2026-01-15T12:00:00Z", "updated_at": "2026-01-15T12:00:00Z",
    });
    assert_eq!(answer.at("/user"), &profile);
    for (name, value) in profile.as_object().unwrap() {
        assert_eq!(&answer.body[name], value, "{name} at the top level");
    }
    assert_eq!(answer.header("location"), format!("/api/v1/users/{id}"));

    let ann = bearer(&app, &nobody, &answer);
    assert_eq!(expect_status(get(&ann, ME).await, 200).body, profile);
    expect_status(refresh(&nobody, &refresh_token(&answer)).await, 200);
}

#[tokio::test]
async fn an_address_and_a_password_are_enough_to_register() {
    let app = TestApp::start().await;
    let account = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = post(&app.anonymous(), "/api/v1/auth/register", account).await;
    expect_tokens(&answer, 201);
    assert_eq!(
        (answer.at("/username"), answer.at("/full_name")),
        (&Value::Null, &Value::Null)
    );
}

#[tokio::test]
async fn login_takes_username_or_address_in_any_letter_case() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let email = format!("{}@example.com", ann.name);
    for login in [
        json!({ "username": ann.name, "password": PASSWORD }),
        json!({ "username": ann.name.to_uppercase(), "password": PASSWORD }),
        json!({ "username": email, "password": PASSWORD }),
        json!({ "email": email, "password": PASSWORD }),
        json!({ "email": email.to_uppercase(), "password": PASSWORD }),
    ] {
        let answer = post(&nobody, LOGIN, login).await;
        expect_tokens(&answer, 200);
        assert_eq!(answer.at("/user/id"), ann.id);
        assert_eq!(answer.at("/user/email"), &json!(email));
        assert_eq!(get(&bearer(&app, &nobody, &answer), ME).await.at("/id"), ann.id);
    }
}

#[tokio::test]
async fn the_password_form_of_oauth2_signs_in_too() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    for form in [
        format!("username={}&password={PASSWORD}", ann.name),
        format!("username={}%40example.com&password={PASSWORD}", ann.name),
        format!(
            "grant_type=password&username={}&password={PASSWORD}&scope=&client_id=&client_secret=",
            ann.name
        ),
        format!(
            "grant_type=&username={}&password={PASSWORD}&scope=&client_id=&client_secret=",
            ann.name
        ),
    ] {
        let answer = grant(&nobody, &form).await;
        expect_tokens(&answer, 200);
        assert_eq!(get(&bearer(&app, &nobody, &answer), ME).await.at("/id"), ann.id);
    }
    let before = app.footprint().await;
    let answer = grant(&nobody, &format!("username={}&password=Wrong1234", ann.name)).await;
    expect_refusal(
        &answer,
        (401, "INVALID_CREDENTIALS", ""),
        "The name or the password is not right",
    );
    let answer = grant(&nobody, &format!("username={}", ann.name)).await;
    expect_refusal(&answer, (422, "INVALID", "password"), "missing field `password`");
    let client = format!(
        "grant_type=client_credentials&username={}&password={PASSWORD}",
        ann.name
    );
    expect_refusal(
        &grant(&nobody, &client).await,
        (422, "INVALID", "grant_type"),
        "'client_credentials' is not allowed; use one of password",
    );
    let answer = grant(&nobody, "").await;
    expect_refusal(&answer, (422, "INVALID", "username"), "missing field `username`");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn the_password_form_of_oauth2_may_be_form_data() {
    const SPECIAL: &str = "a&b=c+d %41 \u{e9}1";

    let app = TestApp::start().await;
    let nobody = app.anonymous();
    let account = json!({ "email": "ann@example.com", "username": "ann", "password": SPECIAL });
    expect_status(post(&nobody, "/api/v1/auth/register", account).await, 201);
    let name = Form::default().text("username", "ann");
    let whole = name.clone().text("password", SPECIAL);
    expect_tokens(&grant_parts(&nobody, whole.clone().end()).await, 200);
    let before = app.footprint().await;
    let wrong = name.clone().text("password", "Wrong1234").end();
    assert_eq!(grant_parts(&nobody, wrong).await.problem().0, 401);
    let file = name.clone().file("password", "p.txt", SPECIAL.as_bytes());
    for (form, field, message) in [
        (name.clone(), "password", "missing field `password`"),
        (whole.clone().text("more", ""), "more", "unknown field `more`"),
        (
            whole.clone().text("username", "bob"),
            "username",
            "duplicate field `username`",
        ),
        (file, "password", "the part is a file"),
    ] {
        let answer = grant_parts(&nobody, form.end()).await;
        expect_refusal(&answer, (422, "INVALID", field), message);
    }
    let huge = name.text("password", &"x".repeat(2 * 1024 * 1024)).end();
    let malformed = "not multipart/form-data as it should be";
    for (form, refused, message) in [
        (whole.broken_off(), (400, "BAD_REQUEST", ""), malformed),
        (huge, (413, "PAYLOAD_TOO_LARGE", ""), "The body is larger than"),
    ] {
        expect_refusal(&grant_parts(&nobody, form).await, refused, message);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_password_of_another_type_is_not_repeated() {
    const NUMBER: i64 = 9_182_736_455;
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let account = format!("/api/v1/users/{}", ann.id);
    for (field, answer) in [
        (
            "password",
            post(&nobody, LOGIN, json!({ "username": ann.name, "password": NUMBER })).await,
        ),
        (
            "refresh_token",
            post(&nobody, "/api/v1/auth/refresh", json!({ "refresh_token": NUMBER })).await,
        ),
        (
            "current_password",
            patch(
                &ann,
                &account,
                json!({ "email": "new@example.com", "current_password": NUMBER }),
            )
            .await,
        ),
    ] {
        expect_refusal(&answer, (422, "INVALID", field), &format!("{field}: expected a string"));
        assert!(!answer.text.contains(&NUMBER.to_string()), "{}", answer.text);
    }
}

#[tokio::test]
async fn errors_do_not_say_whether_name_or_password_is_wrong() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let before = app.footprint().await;
    for login in [
        json!({ "username": ann.name, "password": "Wrong1234" }),
        json!({ "username": ann.name, "password": "" }),
        json!({ "username": "nobody-has-this-name", "password": PASSWORD }),
        json!({ "email": "nobody@example.com", "password": PASSWORD }),
        json!({ "username": "", "password": PASSWORD }),
    ] {
        let answer = post(&nobody, LOGIN, login).await;
        assert_eq!(answer.problem(), (401, "INVALID_CREDENTIALS", ""));
        assert_eq!(answer.detail(), "The name or the password is not right");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_login_names_exactly_one_account() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (login, field, allowed) in [
        (json!({ "password": PASSWORD }), "username", "give username or email"),
        (
            json!({ "username": "ann", "email": "ann@example.com", "password": PASSWORD }),
            "username",
            "not both",
        ),
        (json!({ "username": "ann" }), "password", "missing field `password`"),
    ] {
        let answer = post(&nobody, LOGIN, login).await;
        expect_refusal(&answer, (422, "INVALID", field), allowed);
    }
}

#[tokio::test]
async fn after_ten_failures_login_is_delayed_and_the_error_says_how_long() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let login = async |password: &str| {
        let login = json!({ "username": ann.name, "password": password });
        post(&nobody, LOGIN, login).await
    };
    for _ in 0..10 {
        assert_eq!(login("Wrong1234").await.problem().0, 401);
    }
    let answer = login(PASSWORD).await;
    expect_refusal(&answer, (429, "RATE_LIMITED", ""), "try again in 1 s");
    assert_eq!(answer.header("retry-after"), "1");
    app.advance(TimeDelta::seconds(1));
    expect_tokens(&login(PASSWORD).await, 200);
}

#[tokio::test]
async fn a_refresh_token_works_once_and_its_reuse_ends_the_session() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let answer = refresh(&nobody, &ann.refresh_token).await;
    expect_tokens(&answer, 200);
    assert_eq!(answer.at("/user/id"), ann.id);
    let (renewed, second) = (bearer(&app, &ann, &answer), refresh_token(&answer));
    assert_ne!(second, ann.refresh_token);
    expect_status(get(&renewed, ME).await, 200);

    app.advance(TimeDelta::seconds(11));
    for spent in [&ann.refresh_token, &second] {
        let answer = refresh(&nobody, spent).await;
        expect_refusal(&answer, (401, "INVALID_CREDENTIALS", ""), REFRESH_REFUSED);
    }
    let answer = get(&renewed, ME).await;
    expect_refusal(
        &answer,
        (401, "UNAUTHENTICATED", ""),
        "The session has ended: sign in again",
    );
}

#[tokio::test]
async fn logout_revokes_both_tokens() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let login = post(&ann, LOGIN, json!({ "username": ann.name, "password": PASSWORD })).await;
    let other = bearer(&app, &ann, &login);

    let answer = post(&ann, "/api/v1/auth/logout", Value::Null).await;
    assert_eq!(expect_status(answer, 204).text, "");
    for answer in [
        get(&ann, ME).await,
        post(&ann, "/api/v1/auth/logout", Value::Null).await,
    ] {
        expect_refusal(
            &answer,
            (401, "UNAUTHENTICATED", ""),
            "The session has ended: sign in again",
        );
    }
    let answer = refresh(&ann, &ann.refresh_token).await;
    expect_refusal(&answer, (401, "INVALID_CREDENTIALS", ""), REFRESH_REFUSED);
    // The other session stays valid.
    expect_status(get(&other, ME).await, 200);
}

#[tokio::test]
async fn logout_everywhere_ends_all_sessions() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let login = post(&ann, LOGIN, json!({ "username": ann.name, "password": PASSWORD })).await;
    let other = bearer(&app, &ann, &login);
    expect_status(post(&other, "/api/v1/auth/logout?all=true", Value::Null).await, 204);
    for person in [&ann, &other] {
        assert_eq!(get(person, ME).await.problem().0, 401);
    }
    for token in [&ann.refresh_token, &refresh_token(&login)] {
        assert_eq!(refresh(&ann, token).await.problem().0, 401);
    }
}

#[tokio::test]
async fn login_works_with_an_old_token_in_the_request() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    app.advance(TimeDelta::minutes(31));
    assert_eq!(get(&ann, ME).await.problem().0, 401);
    expect_tokens(&refresh(&ann, &ann.refresh_token).await, 200);
    let login = json!({ "username": ann.name, "password": PASSWORD });
    expect_tokens(&post(&ann, LOGIN, login).await, 200);
}

#[tokio::test]
async fn a_deactivated_account_is_signed_out_at_once_and_cannot_sign_in() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let path = format!("/api/v1/users/{}", ann.id);
    let login = json!({ "username": ann.name, "password": PASSWORD });
    let answer = patch(&boss, &path, json!({ "is_active": false })).await;
    assert_eq!(expect_status(answer, 200).at("/is_active"), &json!(false));
    let before = app.footprint().await;
    for answer in [
        get(&ann, ME).await,
        post(&ann, "/api/v1/tasks", json!({ "title": "T" })).await,
    ] {
        expect_refusal(&answer, (401, "UNAUTHENTICATED", ""), "The session has ended");
    }
    assert_eq!(refresh(&ann, &ann.refresh_token).await.problem().0, 401);
    let answer = post(&ann, LOGIN, login.clone()).await;
    expect_refusal(&answer, (403, "FORBIDDEN", ""), "This account is deactivated");
    assert_eq!(app.footprint().await, before);

    // After reactivation the old tokens stay revoked.
    expect_status(patch(&boss, &path, json!({ "is_active": true })).await, 200);
    assert_eq!(get(&ann, ME).await.problem().0, 401);
    assert_eq!(refresh(&ann, &ann.refresh_token).await.problem().0, 401);
    expect_tokens(&post(&ann, LOGIN, login).await, 200);
}
