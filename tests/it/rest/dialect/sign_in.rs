//! Accounts and tokens in all dialects: inactive and deleted users, taken names.

use axum::http::Method;
use serde_json::{Value, json};

use super::{APIS, PASSWORD, expect_members, send, send_in, serve};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;

async fn deactivate(boss: &Person<'_>, user: &Person<'_>) {
    let path = format!("/users/{}", user.id);
    send(boss, Method::PATCH, &path, json!({ "is_active": false }), 200).await;
}

async fn login_by_form(nobody: &Person<'_>, name: &str) -> Answer {
    let request = nobody
        .request(Method::POST, "/auth/login/access-token")
        .header("content-type", "application/x-www-form-urlencoded");
    let form = format!("username={name}&password={PASSWORD}");
    nobody.send(request.body(form.into()).unwrap()).await
}

#[tokio::test]
async fn an_inactive_account_has_the_status_of_the_old_api_if_the_password_is_right() {
    for (dialect, status, code) in [
        ("taskwire", 403, "FORBIDDEN"),
        ("skip-limit", 403, "FORBIDDEN"),
        ("accounts", 400, "FORBIDDEN"),
        ("due-dates", 400, "FORBIDDEN"),
        ("workflow", 401, "UNAUTHORIZED"),
    ] {
        let app = serve(dialect).await;
        let (boss, ann, nobody) = (app.admin().await, app.member().await, app.anonymous());
        deactivate(&boss, &ann).await;
        let login = json!({ "username": ann.name, "password": PASSWORD });
        let answer = send(&nobody, Method::POST, "/auth/login", login, status).await;
        assert!(answer.detail().contains("deactivated"), "{dialect}: {}", answer.text);
        assert_eq!(answer.at("/error/code"), code, "{dialect}");
        assert_eq!(login_by_form(&nobody, &ann.name).await.status, status, "{dialect}");
        let wrong = json!({ "username": ann.name, "password": "Wrong1234" });
        let answer = send(&nobody, Method::POST, "/auth/login", wrong, 401).await;
        assert!(!answer.detail().contains("deactivated"), "{dialect}: {}", answer.text);
    }
}

#[tokio::test]
async fn front_ends_may_send_the_login_form_as_form_data() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let form = Form::default()
        .text("username", &ann.name)
        .text("password", PASSWORD)
        .text("remember", "on");
    for dialect in APIS {
        let request = nobody
            .request(Method::POST, "/auth/login/access-token")
            .header("x-rest-dialect", dialect)
            .header("content-type", CONTENT_TYPE);
        let answer = nobody.send(request.body(form.clone().end().into()).unwrap()).await;
        assert_eq!(answer.status, 200, "{dialect}: {}", answer.text);
        expect_members(&answer.body, "access_token:text");
    }
}

#[tokio::test]
async fn a_request_without_a_valid_token_is_refused() {
    let app = TestApp::start().await;
    let (boss, gone, idle) = (app.admin().await, app.member().await, app.member().await);
    send(&boss, Method::DELETE, &format!("/users/{}", gone.id), Value::Null, 204).await;
    deactivate(&boss, &idle).await;
    let nobody = app.anonymous();
    let forged = nobody.with_token(&app, "forged");
    for dialect in APIS {
        let status = if dialect == "due-dates" { 403 } else { 401 };
        for person in [&nobody, &forged, &gone, &idle] {
            let answer = send_in(dialect, person, Method::GET, "/auth/me", Value::Null, status).await;
            expect_members(&answer.body, "detail:text");
            assert_eq!(answer.header("www-authenticate"), "Bearer", "{dialect}");
        }
        let other_scheme = nobody
            .request(Method::GET, "/auth/me")
            .header("x-rest-dialect", dialect)
            .header("authorization", "Basic YW5uOnNlY3JldA==");
        let answer = nobody.send(other_scheme.body(Vec::new().into()).unwrap()).await;
        assert_eq!(answer.status, status, "{dialect}");
    }
}

#[tokio::test]
async fn a_taken_name_or_address_is_named() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (name, address) = (ann.name.clone(), format!("{}@example.com", ann.name));
    for (dialect, field, value, status, pointer, expected) in [
        (
            "due-dates",
            "username",
            &name,
            400,
            "/detail",
            "Username already registered",
        ),
        (
            "due-dates",
            "email",
            &address,
            400,
            "/detail",
            "Email already registered",
        ),
        ("tags-files", "username", &name, 409, "/field", "username"),
        ("tags-files", "email", &address, 409, "/field", "email"),
    ] {
        let mut account = json!({ "username": "new", "email": "new@example.com", "password": PASSWORD });
        account[field] = json!(value);
        let nobody = app.anonymous();
        let answer = send_in(dialect, &nobody, Method::POST, "/auth/register", account, status).await;
        assert_eq!(answer.at(pointer), expected, "{dialect}");
    }
}

#[tokio::test]
async fn a_username_keeps_its_case_and_a_login_ignores_it() {
    let app = serve("due-dates").await;
    let nobody = app.anonymous();
    let account = json!({ "username": "Ann", "email": "ann@example.com", "password": PASSWORD });
    let answer = send(&nobody, Method::POST, "/auth/register", account, 201).await;
    assert_eq!(answer.at("/username"), "Ann");
    let login = json!({ "username": "aNN", "password": PASSWORD });
    send(&nobody, Method::POST, "/auth/login", login, 200).await;
    assert_eq!(login_by_form(&nobody, "ann").await.status, 200);
}

#[tokio::test]
async fn an_absent_full_name_is_an_empty_string_in_accounts() {
    let app = serve("accounts").await;
    let account = json!({ "email": "ann@example.com", "password": PASSWORD });
    let answer = send(&app.anonymous(), Method::POST, "/api/v1/auth/register", account, 201).await;
    assert_eq!(answer.at("/full_name"), "");
}

#[tokio::test]
async fn a_wrong_refresh_token_is_unauthorized_in_workflow() {
    let app = serve("workflow").await;
    let refresh = json!({ "refresh_token": "none" });
    let answer = send(&app.anonymous(), Method::POST, "/api/v1/auth/refresh", refresh, 401).await;
    assert_eq!(answer.at("/error/code"), "UNAUTHORIZED");
}

#[tokio::test]
async fn a_login_ignores_the_name_that_the_old_api_does_not_have() {
    let app = TestApp::start().await;
    let (ann, nobody) = (app.member().await, app.anonymous());
    let address = format!("{}@example.com", ann.name);
    for dialect in APIS {
        let (name, value) = match dialect {
            "accounts" | "workflow" => ("email", &address),
            _ => ("username", &ann.name),
        };
        let mut login = json!({ "username": "", "email": "", "password": PASSWORD });
        login[name] = json!(value);
        let answer = send_in(dialect, &nobody, Method::POST, "/auth/login", login, 200).await;
        expect_members(&answer.body, "access_token:text");
    }
}

#[tokio::test]
async fn a_registration_ignores_the_fields_that_the_old_api_does_not_have() {
    let app = TestApp::start().await;
    let nobody = app.anonymous();
    for (dialect, unknown, value) in [
        ("skip-limit", "full_name", json!(7)),
        ("accounts", "username", json!("")),
        ("tags-files", "full_name", json!("x".repeat(300))),
        ("workflow", "username", json!("Ada Lovelace")),
    ] {
        let email = format!("{dialect}@example.com");
        let mut account = json!({ "email": email, "username": dialect, "password": PASSWORD });
        account[unknown] = value;
        send_in(dialect, &nobody, Method::POST, "/auth/register", account, 201).await;
    }
}
