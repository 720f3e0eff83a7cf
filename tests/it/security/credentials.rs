//! Passwords are checked one at a time in every operation.

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::support::{CHANGE, GRAPHQL_LOGIN, LIMITED, WRONG, graphql_from, login_from, outcome};
use crate::graphql::refused;
use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;
use crate::support::process::until;
use crate::support::{PASSWORD, TestApp};

const HERE: &str = "203.0.113.7";

/// Sends a body and accepts the media type of the specification.
async fn send(person: &Person<'_>, body: &Value) -> Answer {
    let request = person
        .request(Method::POST, "/graphql")
        .header("content-type", "application/json")
        .header("accept", "application/graphql-response+json");
    person.send(request.body(body.to_string().into()).unwrap()).await
}

#[track_caller]
fn expect_one_at_a_time(answer: &Answer) {
    refused(answer, 400, "LIMIT_EXCEEDED");
    let message = answer.error_message();
    assert!(
        message.contains(
            "operations on credentials (register, login, passwordChange, refresh, emailVerify, emailVerificationSend, \
             userUpdate with currentPassword)"
        ),
        "{message}"
    );
    assert!(
        message.ends_with("1 is allowed. Send one request for each"),
        "{message}"
    );
}

fn login(name: &str, password: &str) -> String {
    format!("login(input: {{username: \"{name}\", password: \"{password}\"}}) {{ accessToken }}")
}

fn register(number: u32) -> String {
    format!("register(input: {{email: \"new{number}@example.com\", password: \"{PASSWORD}\"}}) {{ accessToken }}")
}

fn change(current: &str) -> String {
    format!("passwordChange(currentPassword: \"{current}\", newPassword: \"Different456\") {{ accessToken }}")
}

fn move_to(person: &Person<'_>, email: &str, current: &str) -> String {
    let id = person.global_id();
    format!(
        "userUpdate(id: \"{id}\", input: {{email: \"{email}\", currentPassword: \"{current}\"}}) {{ user {{ email }} }}"
    )
}

/// Inserts a directive before the selection of a field.
fn with_directive(field: &str, directive: &str) -> String {
    let (field, selection) = field.rsplit_once('{').unwrap();
    format!("{field} {directive} {{{selection}")
}

#[tokio::test]
async fn a_document_has_at_most_one_credential_operation() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let (right, wrong) = (login(&ann.name, PASSWORD), login(&ann.name, WRONG));
    let guesses: Vec<String> = (0..30).map(|number| format!("g{number}: {}", change(WRONG))).collect();
    let documents = [
        format!("mutation {{ {} }}", guesses.concat()),
        format!("mutation {{ a: {wrong} b: {right} }}"),
        format!("mutation {{ a: {} b: {} }}", register(1), register(2)),
        format!("mutation {{ {right} {} }}", change(PASSWORD)),
        format!(
            "mutation {{ {right} refresh(refreshToken: \"{}\") {{ accessToken }} }}",
            ann.refresh_token
        ),
        format!(
            "mutation {{ ...f }} fragment f on Mutation {{ a: {right} ...g }} fragment g on Mutation {{ b: {right} }}"
        ),
        format!(
            "mutation {{ ... on Mutation {{ a: {right} }} b: {} }}",
            with_directive(&register(3), "@include(if: true)")
        ),
        format!("mutation {{ {right} {} }}", move_to(&ann, "new@example.com", WRONG)),
        format!("mutation Two {{ a: {right} b: {right} }} query One {{ viewer {{ id }} }}"),
    ];
    let checked = app.app.domain().password_checks();
    let before = app.footprint().await;
    for document in &documents {
        let name = document.starts_with("mutation Two").then_some("Two");
        let body = json!({ "query": document, "operationName": name });
        expect_one_at_a_time(&send(&ann, &body).await);
        expect_one_at_a_time(&send(&ann, &json!([body])).await);
    }
    assert_eq!(app.app.domain().password_checks(), checked, "no password was checked");
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_credential_operation_runs_beside_others() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let login = login(&ann.name, PASSWORD);
    for document in [
        format!("mutation {{ {login} taskCreate(input: {{title: \"T\"}}) {{ task {{ id }} }} }}"),
        format!(
            "mutation {{ {login} again: {} }}",
            with_directive(&login, "@skip(if: true)")
        ),
        // Duplicate fields count once.
        format!("mutation {{ {login} {login} }}"),
    ] {
        let answer = send(&ann, &json!({ "query": document })).await;
        assert!(answer.data()["login"]["accessToken"].is_string(), "{}", answer.text);
    }
    let batch =
        json!([{ "query": format!("mutation {{ {login} }}") }, { "query": "{ viewer { id } }" }, { "query": "{" }]);
    let answer = send(&ann, &batch).await;
    assert!(answer.at("/0/data/login/accessToken").is_string(), "{}", answer.text);
    assert!(answer.at("/1/data/viewer/id").is_string(), "{}", answer.text);
}

#[tokio::test]
async fn a_batch_has_at_most_one_credential_operation() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let entry = |field: String| json!({ "query": format!("mutation {{ {field} }}") });
    let right = || entry(login(&ann.name, PASSWORD));
    let task = || entry("taskCreate(input: {title: \"T\"}) { task { id } }".to_owned());
    let checked = app.app.domain().password_checks();
    let before = app.footprint().await;
    for batch in [
        json!([right(), right()]),
        json!([task(), right(), entry(change(WRONG))]),
        json!([entry(register(1)), task(), entry(register(2)), { "query": "{" }]),
        json!([task(), entry(format!("a: {} b: {}", change(WRONG), change(PASSWORD)))]),
    ] {
        expect_one_at_a_time(&send(&ann, &batch).await);
        let form = Form::default()
            .text("operations", &batch.to_string())
            .text("map", "{}")
            .end();
        let request = ann
            .request(Method::POST, "/graphql")
            .header("content-type", CONTENT_TYPE)
            .header("accept", "application/graphql-response+json")
            .header("graphql-preflight", "1");
        expect_one_at_a_time(&ann.send(request.body(form.into()).unwrap()).await);
    }
    assert_eq!(app.app.domain().password_checks(), checked, "no password was checked");
    assert_eq!(app.footprint().await, before, "nothing else was run either");
}

#[tokio::test]
async fn a_password_change_counts_for_the_password_limit() {
    let app = TestApp::start_with(&[LIMITED, ("RATE_LIMIT_STRICT_PER_MINUTE", "3")]).await;
    let ann = app.member().await;
    let wrong = json!({ "current": WRONG, "new": "Different456" });
    for _ in 0..3 {
        let answer = graphql_from(&ann, HERE, CHANGE, &wrong).await;
        assert_eq!(answer.user_error("passwordChange").0, "INVALID_CREDENTIALS");
    }
    let checked = app.app.domain().password_checks();
    refused(&graphql_from(&ann, HERE, CHANGE, &wrong).await, 429, "RATE_LIMITED");
    assert_eq!(
        login_from(&app.anonymous(), HERE, &ann.name, PASSWORD).await.status,
        429
    );
    assert_eq!(app.app.domain().password_checks(), checked);
}

#[tokio::test]
async fn a_wrong_current_password_counts_as_a_failed_login() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let nobody = app.anonymous();
    let change = async |person: &Person<'_>, current: &str| {
        graphql_from(
            person,
            HERE,
            CHANGE,
            &json!({ "current": current, "new": "Different456" }),
        )
        .await
    };
    for _ in 0..10 {
        assert_eq!(
            change(&ann, WRONG).await.user_error("passwordChange").0,
            "INVALID_CREDENTIALS"
        );
        assert_eq!(login_from(&nobody, HERE, &bob.name, WRONG).await.status, 401);
    }
    let checked = app.app.domain().password_checks();
    // Guesses by one operation delay the other too, also with the right password.
    for (person, retry) in [
        (&ann, change(&ann, PASSWORD).await),
        (&bob, change(&bob, PASSWORD).await),
    ] {
        assert_eq!(
            (outcome(&retry), retry.at("/errors/0/extensions/retryAfter")),
            (429, &json!(1))
        );
        assert_eq!(login_from(&nobody, HERE, &person.name, PASSWORD).await.status, 429);
        let login = json!({ "name": person.name, "password": PASSWORD });
        assert_eq!(outcome(&graphql_from(&nobody, HERE, GRAPHQL_LOGIN, &login).await), 429);
    }
    assert_eq!(app.app.domain().password_checks(), checked, "no password was checked");
    app.advance(chrono::TimeDelta::seconds(1));
    assert!(change(&ann, PASSWORD).await.data()["passwordChange"]["accessToken"].is_string());
}

#[tokio::test]
async fn a_session_has_one_password_hashed_at_a_time() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let wrong = json!({ "current": WRONG, "new": "Different456" });
    let guess = async |number: usize| {
        let address = format!("203.0.113.{number}");
        graphql_from(&ann, &address, CHANGE, &wrong).await
    };
    let mut most = 0;
    let mut guesses = Box::pin(join_all((0..12).map(guess)));
    let answers = loop {
        tokio::select! {
            answers = &mut guesses => break answers,
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {
                most = most.max(app.app.domain().password_queue());
            }
        }
    };
    assert!(
        answers
            .iter()
            .all(|answer| answer.user_error("passwordChange").0 == "INVALID_CREDENTIALS")
    );
    assert_eq!(most, 1, "passwords at a time");
    // Sessions do not wait for each other.
    let both = [&ann, &bob].map(|person| {
        let right = json!({ "current": PASSWORD, "new": "Different456" });
        async move { graphql_from(person, HERE, CHANGE, &right).await }
    });
    for answer in join_all(both).await {
        assert!(
            answer.data()["passwordChange"]["accessToken"].is_string(),
            "{}",
            answer.text
        );
    }
    until("all hashes to end", async || {
        (app.app.domain().password_queue() == 0).then_some(())
    })
    .await;
}
