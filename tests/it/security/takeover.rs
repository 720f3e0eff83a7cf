//! After a password change, no session of the old password is left, even if it started concurrently.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};
use taskwire::domain::actor::Actor;
use taskwire::domain::id::UserId;
use taskwire::domain::session::{Device, Tokens};

use super::support::CHANGE;
use crate::support::answer::Answer;
use crate::support::person::Person;
use crate::support::process::until;
use crate::support::{PASSWORD, TestApp};

const NEW: &str = "Different456";
const ROUNDS: usize = 4;
const INTRUDERS: usize = 6;

/// Signs in repeatedly until `is_over`; returns all sessions.
async fn signs_in(app: &TestApp, name: &str, is_over: &AtomicBool, begun: &AtomicBool) -> Vec<Tokens> {
    let mut sessions = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let login = app
            .app
            .domain()
            .sessions()
            .login(name, PASSWORD.into(), Device::default())
            .await;
        sessions.extend(login);
        begun.store(!sessions.is_empty() || begun.load(Ordering::Relaxed), Ordering::Relaxed);
    }
    sessions
}

/// Refreshes repeatedly until `is_over`; returns all token pairs.
async fn refreshes(app: &TestApp, first: String, is_over: &AtomicBool) -> Vec<Tokens> {
    let (mut token, mut sessions) = (first, Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        let next = app
            .app
            .domain()
            .sessions()
            .refresh(&token.as_str().into(), Device::default())
            .await;
        if let Ok(tokens) = next {
            token.clone_from(&tokens.refresh_token);
            sessions.push(tokens);
        }
    }
    sessions
}

/// How access with the old password ends.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Change,
    Reset,
    Deactivation,
    Deletion,
}

impl Ending {
    async fn carry_out(self, app: &TestApp, person: &Person<'_>) {
        let (users, id) = (app.app.domain().users(), UserId(person.id));
        match self {
            Self::Change => {
                let answer = change(person, PASSWORD, NEW).await;
                let changed = &answer.data()["passwordChange"];
                assert!(changed["accessToken"].is_string(), "{}", answer.text);
            }
            Self::Reset => drop(users.reset_password(&Actor::System, id, NEW.into()).await.unwrap()),
            Self::Deactivation => drop(users.set_active(&Actor::System, id, false).await.unwrap()),
            Self::Deletion => drop(users.delete(&Actor::System, id, None).await.unwrap()),
        }
    }
}

async fn change(person: &Person<'_>, current: &str, new: &str) -> Answer {
    person.graphql(CHANGE, json!({ "current": current, "new": new })).await
}

/// Whether either token of a session is still valid.
async fn is_signed_in(app: &TestApp, tokens: &Tokens) -> bool {
    let bearer = app.anonymous().with_token(app, &tokens.access_token);
    let me = bearer.rest(Method::GET, "/api/v1/auth/me", Value::Null).await;
    let refresh = json!({ "refresh_token": tokens.refresh_token });
    let refreshed = app
        .anonymous()
        .rest(Method::POST, "/api/v1/auth/refresh", refresh)
        .await;
    (me.status.as_u16(), refreshed.status.as_u16()) != (401, 401)
}

async fn no_session_survives(ending: Ending) {
    let app = TestApp::start().await;
    for round in 0..ROUNDS {
        let ann = app.member().await;
        let tokens = app.app.domain().sessions();
        let tokens = tokens
            .login(&ann.name, PASSWORD.into(), Device::default())
            .await
            .unwrap();
        let (is_over, begun) = (AtomicBool::new(false), AtomicBool::new(false));
        let logins = join_all((0..INTRUDERS).map(|_| signs_in(&app, &ann.name, &is_over, &begun)));
        let refreshes = refreshes(&app, tokens.refresh_token, &is_over);
        let end = async {
            until("the first intruder", async || {
                begun.load(Ordering::Relaxed).then_some(())
            })
            .await;
            ending.carry_out(&app, &ann).await;
            // Running requests finish, and new ones fail.
            is_over.store(true, Ordering::Relaxed);
        };
        let (logins, refreshed, ()) = tokio::join!(logins, refreshes, end);
        if matches!(ending, Ending::Deactivation) {
            // Reactivated, so that sessions that wrongly survived would work.
            let users = app.app.domain().users();
            users.set_active(&Actor::System, UserId(ann.id), true).await.unwrap();
        }
        let sessions: Vec<Tokens> = logins.into_iter().flatten().chain(refreshed).collect();
        let mut inside = 0;
        for tokens in &sessions {
            inside += usize::from(is_signed_in(&app, tokens).await);
        }
        assert_eq!(
            inside,
            0,
            "of {} sessions stay after {ending:?}, in round {round}",
            sessions.len()
        );
    }
}

#[tokio::test]
async fn no_session_survives_a_password_change() {
    no_session_survives(Ending::Change).await;
}

#[tokio::test]
async fn no_session_survives_a_password_reset() {
    no_session_survives(Ending::Reset).await;
}

#[tokio::test]
async fn no_session_survives_a_deactivation() {
    no_session_survives(Ending::Deactivation).await;
}

#[tokio::test]
async fn no_session_survives_a_deletion() {
    no_session_survives(Ending::Deletion).await;
}

/// Waits until this many requests hash a password or wait for it.
async fn until_hashed(app: &TestApp, requests: usize) {
    until("passwords to be hashed", async || {
        (app.app.domain().password_queue() >= requests).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_concurrent_password_change_does_not_undo_a_reset() {
    for ending in [Ending::Reset, Ending::Deactivation, Ending::Deletion] {
        let app = TestApp::start().await;
        for round in 0..ROUNDS {
            let thief = app.member().await;
            let end = async {
                until_hashed(&app, 1).await;
                ending.carry_out(&app, &thief).await;
            };
            let (changed, ()) = tokio::join!(change(&thief, PASSWORD, "Of-a-thief-1"), end);
            let login = app.app.domain().sessions();
            let as_thief = login.login(&thief.name, "Of-a-thief-1".into(), Device::default()).await;
            assert!(as_thief.is_err(), "{ending:?} in round {round}: {}", changed.text);
            let token = changed.body.pointer("/data/passwordChange/accessToken");
            if let Some(token) = token.and_then(Value::as_str) {
                let me = thief.with_token(&app, token);
                assert_eq!(me.rest(Method::GET, "/auth/me", Value::Null).await.status, 401);
            }
        }
    }
}

#[tokio::test]
async fn of_concurrent_password_changes_one_succeeds() {
    let app = TestApp::start().await;
    for _ in 0..ROUNDS {
        let ann = app.member().await;
        let other = app.app.domain().sessions();
        let other = other
            .login(&ann.name, PASSWORD.into(), Device::default())
            .await
            .unwrap();
        let other = ann.with_token(&app, &other.access_token);
        // From two sessions, one of them twice.
        let changes = join_all([
            change(&ann, PASSWORD, "Number-one-1"),
            change(&other, PASSWORD, "Number-two-2"),
            change(&other, PASSWORD, "Number-two-2"),
        ]);
        let mut counted = Vec::new();
        for answer in changes.await {
            let token = answer.body.pointer("/data/passwordChange/accessToken");
            counted.extend(token.and_then(Value::as_str).map(str::to_owned));
        }
        assert_eq!(counted.len(), 1);
        let me = ann.with_token(&app, &counted[0]);
        assert_eq!(me.rest(Method::GET, "/auth/me", Value::Null).await.status, 200);
    }
}

#[tokio::test]
async fn a_session_that_ended_concurrently_sets_no_password() {
    let app = TestApp::start().await;
    for _ in 0..ROUNDS {
        let ann = app.member().await;
        let logout = async {
            until_hashed(&app, 1).await;
            ann.graphql("mutation { logout(everywhere: true) { success } }", json!({}))
                .await
        };
        let (changed, logout) = tokio::join!(change(&ann, PASSWORD, NEW), logout);
        let token = changed.body.pointer("/data/passwordChange/accessToken");
        let token = token.and_then(Value::as_str);
        // In either order, the ended session does not continue with new tokens.
        if logout.body.pointer("/data/logout/success") == Some(&json!(true))
            && let Some(token) = token
        {
            let signed_in = ann.with_token(&app, token);
            let me = signed_in.rest(Method::GET, "/auth/me", Value::Null).await;
            assert_eq!(me.status, 401);
        }
        let domain = app.app.domain();
        let login = domain.sessions().login(&ann.name, PASSWORD.into(), Device::default());
        let is_old = login.await.is_ok();
        assert_eq!(token.is_some(), !is_old, "{}", changed.text);
    }
}
