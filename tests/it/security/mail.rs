//! Abuse of mail: the server must not send an attacker's text to strangers, or fill mailboxes.

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::database::TestDatabase;
use crate::support::person::{Person, global_id};
use crate::support::smtp::{Behaviour, Email, MailServer};
use crate::support::{PASSWORD, TestApp, before_migration};

const VERIFY: &str = "mutation($token: String!) { emailVerify(token: $token) { success userErrors { code } } }";
const RESEND: &str = "mutation { emailVerificationSend { success userErrors { code field } } }";
const MOVE: &str = "mutation($id: ID!, $email: String!, $password: String) { userUpdate(id: $id, input: {email: $email, currentPassword: $password}) { user { email emailVerified } userErrors { code } } }";

async fn app(mail: &MailServer, settings: &[(&str, &str)]) -> TestApp {
    let url = mail.url();
    TestApp::start_with(&[&[("SMTP_URL", url.as_str()), ("MAIL_FROM", "tasks@acme.com")], settings].concat()).await
}

/// Registers through the API; returns the person and their id.
async fn register<'a>(app: &'a TestApp, email: &str, full_name: &str) -> (Person<'a>, i64) {
    let account = json!({ "email": email, "password": PASSWORD, "full_name": full_name });
    let nobody = app.anonymous();
    let answer = nobody.rest(Method::POST, "/api/v1/auth/register", account).await;
    assert_eq!(answer.at("/email_verified"), false, "{}", answer.text);
    let person = nobody.with_token(app, answer.at("/access_token").as_str().unwrap());
    (person, answer.at("/id").as_i64().unwrap())
}

async fn assign(by: &Person<'_>, to: i64, title: &str) {
    by.creates_task(json!({ "title": title, "assigneeId": global_id("User", to) }))
        .await;
}

/// The token of a verification mail.
fn token_in(letter: &Email) -> String {
    assert!(
        letter.header("Subject").contains("Confirm your e-mail address"),
        "{}",
        letter.text
    );
    let mut lines = letter.text.lines();
    let token = lines.find(|line| line.len() == 43 && !line.contains(' '));
    token.unwrap_or_else(|| panic!("{}", letter.text)).to_owned()
}

/// The error code for a token; `None` if it verifies an address.
async fn verify(by: &Person<'_>, token: &str) -> Option<String> {
    let answer = by.graphql(VERIFY, json!({ "token": token })).await;
    let payload = &answer.data()["emailVerify"];
    let code = payload["userErrors"][0]["code"].as_str().map(str::to_owned);
    assert_eq!(payload["success"], code.is_none(), "{}", answer.text);
    code
}

async fn is_verified(app: &TestApp, email: &str) -> bool {
    let count =
        format!("SELECT COUNT(*) AS number FROM users WHERE email = '{email}' AND email_verified_at IS NOT NULL");
    app.database.number(&count).await == 1
}

fn recipients(mail: &MailServer) -> Vec<String> {
    mail.emails().into_iter().map(|letter| letter.to).collect()
}

#[tokio::test]
async fn a_stranger_whose_address_was_registered_gets_one_mail_without_text_of_the_attacker() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail, &[]).await;
    let mallory = app.member().await;
    let (victim, id) = register(&app, "victim@example.org", "Click https://evil.example").await;
    for number in 0..3 {
        assign(&mallory, id, &format!("Your account is locked {number}")).await;
    }
    app.run_until_idle().await;
    let [letter] = &mail.emails()[..] else {
        panic!("{:?}", mail.emails())
    };
    assert_eq!(letter.to, "victim@example.org");
    assert!(
        !letter.text.contains("evil") && !letter.text.contains("locked"),
        "{}",
        letter.text
    );
    // The notifications still exist in the app.
    let count = "{ notifications { totalCount } viewer { emailVerified } }";
    let seen = victim.graphql(count, json!({})).await;
    assert_eq!(
        seen.data(),
        &json!({ "notifications": { "totalCount": 3 }, "viewer": { "emailVerified": false } })
    );

    // The token is not stored in plain text.
    let token = token_in(letter);
    let stored = format!(
        "SELECT (SELECT COUNT(*) FROM users WHERE verification_token_hash = '{token}') \
         + (SELECT COUNT(*) FROM jobs WHERE CAST(payload AS TEXT) LIKE '%{token}%') AS number"
    );
    assert_eq!(app.database.number(&stored).await, 0);
    assert_eq!(verify(&app.anonymous(), &token).await, None);
    assign(&mallory, id, "Welcome").await;
    app.run_until_idle().await;
    let letters = mail.emails();
    assert_eq!(letters.len(), 2, "{letters:?}");
    assert!(letters[1].header("Subject").contains("Welcome"));
}

#[tokio::test]
async fn a_changed_address_must_be_verified_unless_an_administrator_sets_it() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail, &[]).await;
    let (mallory, boss) = (app.member().await, app.admin().await);
    let (registered, id) = register(&app, "own@example.org", "M").await;
    app.run_until_idle().await;
    let token = token_in(&mail.emails()[0]);
    // With both APIs, from a verified and an unverified address to that of a stranger.
    let answer = mallory
        .graphql(
            MOVE,
            json!({ "id": mallory.global_id(), "email": "first@example.org", "password": PASSWORD }),
        )
        .await;
    assert_eq!(
        answer.data()["userUpdate"]["user"],
        json!({ "email": "first@example.org", "emailVerified": false })
    );
    let path = format!("/api/v1/users/{id}");
    let answer = registered
        .rest(
            Method::PATCH,
            &path,
            json!({ "email": "second@example.org", "current_password": PASSWORD }),
        )
        .await;
    assert_eq!(answer.at("/email_verified"), false, "{}", answer.text);
    // The token of the old address does not verify the new one.
    assert_eq!(
        verify(&registered, &token).await.as_deref(),
        Some("INVALID_CREDENTIALS")
    );
    for to in [i64::from(mallory.id), id] {
        assign(&boss, to, "Not to be mailed").await;
    }
    app.advance(TimeDelta::minutes(2));
    app.run_until_idle().await;
    for letter in mail.emails() {
        token_in(&letter);
    }
    let mut to = recipients(&mail);
    to.sort();
    assert_eq!(to, ["first@example.org", "own@example.org", "second@example.org"]);

    // A change of names does not affect the verification.
    let answer = boss
        .graphql(
            MOVE,
            json!({ "id": boss.global_id(), "email": format!("{}@EXAMPLE.com", boss.name) }),
        )
        .await;
    assert_eq!(answer.data()["userUpdate"]["user"]["emailVerified"], true);
    let answer = boss
        .rest(Method::PATCH, &path, json!({ "email": "third@example.org" }))
        .await;
    assert_eq!(answer.at("/email_verified"), true, "{}", answer.text);
    app.run_until_idle().await;
    assert_eq!(mail.emails().len(), 3);
}

#[tokio::test]
async fn a_token_is_valid_once_for_a_day_and_for_its_account() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail, &[]).await;
    register(&app, "one@example.org", "One").await;
    let (two, _) = register(&app, "two@example.org", "Two").await;
    app.run_until_idle().await;
    let letters = mail.emails();
    let token_of = |to: &str| token_in(letters.iter().find(|letter| letter.to == to).unwrap());
    let (one_token, two_token) = (token_of("one@example.org"), token_of("two@example.org"));
    // A foreign token says nothing about the address of the person who sends it.
    assert_eq!(verify(&two, &one_token).await, None);
    assert!(is_verified(&app, "one@example.org").await && !is_verified(&app, "two@example.org").await);
    assert_eq!(verify(&two, &one_token).await.as_deref(), Some("INVALID_CREDENTIALS"));
    for forged in ["", "none", "\u{0}", &two_token[..42], &two_token.to_uppercase()] {
        assert_eq!(
            verify(&two, forged).await.as_deref(),
            Some("INVALID_CREDENTIALS"),
            "{forged:?}"
        );
    }

    app.advance(TimeDelta::hours(24));
    let answer = app
        .anonymous()
        .rest(Method::POST, "/api/v1/auth/verify-email", json!({ "token": two_token }))
        .await;
    assert_eq!(answer.problem(), (401, "INVALID_CREDENTIALS", ""));
    assert!(!is_verified(&app, "two@example.org").await);
}

#[tokio::test]
async fn a_new_token_is_mailed_at_most_once_a_minute_and_replaces_the_last_one() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail, &[("PUBLIC_URL", "https://tasks.example.com/")]).await;
    let (ann, id) = register(&app, "ann@example.org", "Ann").await;
    app.run_until_idle().await;
    let token_of = |letter: &Email| {
        let text = letter.shown();
        let (_, rest) = text
            .split_once("https://tasks.example.com/verify-email?token=")
            .unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    let early = ann.graphql(RESEND, json!({})).await;
    assert_eq!(early.error_code(), "RATE_LIMITED");
    // Changing the address does not help: one mail is queued, and goes to the last address.
    for number in 0..4 {
        let email = format!("stranger{number}@example.org");
        ann.graphql(
            MOVE,
            json!({ "id": global_id("User", id), "email": email, "password": PASSWORD }),
        )
        .await
        .data();
    }
    app.run_until_idle().await;
    assert_eq!(mail.emails().len(), 1);
    app.advance(TimeDelta::seconds(60));
    app.run_until_idle().await;
    assert_eq!(recipients(&mail), ["ann@example.org", "stranger3@example.org"]);
    let early = ann
        .rest(Method::POST, "/api/v1/auth/verify-email/resend", Value::Null)
        .await;
    assert_eq!(early.problem(), (429, "RATE_LIMITED", ""));

    app.advance(TimeDelta::seconds(60));
    let sent = ann
        .rest(Method::POST, "/api/v1/auth/verify-email/resend", Value::Null)
        .await;
    assert_eq!(sent.status, 202, "{}", sent.text);
    app.run_until_idle().await;
    let letters = mail.emails();
    assert_eq!(letters.len(), 3);
    assert_eq!(
        verify(&ann, &token_of(&letters[1])).await.as_deref(),
        Some("INVALID_CREDENTIALS")
    );
    assert_eq!(verify(&ann, &token_of(&letters[2])).await, None);
    let done = ann.graphql(RESEND, json!({})).await;
    assert_eq!(
        done.data()["emailVerificationSend"],
        json!({ "success": false, "userErrors": [{ "code": "INVALID", "field": ["email"] }] })
    );
}

#[tokio::test]
async fn without_a_mail_server_nothing_is_queued_and_a_request_for_a_token_is_refused() {
    let app = TestApp::start().await;
    let (ann, _) = register(&app, "ann@example.org", "Ann").await;
    let refused = ann
        .rest(Method::POST, "/api/v1/auth/verify-email/resend", Value::Null)
        .await;
    assert_eq!(refused.problem(), (422, "INVALID", "email"));
    let jobs = "SELECT COUNT(*) AS number FROM jobs WHERE kind = 'verify_email'";
    assert_eq!(app.database.number(jobs).await, 0);
}

#[tokio::test]
async fn guesses_of_tokens_count_for_the_strict_limit() {
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_STRICT_PER_MINUTE", "3")]).await;
    let nobody = app.anonymous();
    let body = json!({ "token": "none" });
    for _ in 0..2 {
        assert!(verify(&nobody, "none").await.is_some());
    }
    let path = "/api/v1/auth/verify-email";
    assert_eq!(nobody.rest(Method::POST, path, body.clone()).await.status, 401);
    assert_eq!(nobody.rest(Method::POST, path, body).await.status, 429);
    let answer = nobody.graphql(VERIFY, json!({ "token": "none" })).await;
    assert_eq!(answer.error_code(), "RATE_LIMITED");
}

#[tokio::test]
async fn an_address_has_an_hourly_mail_limit_over_all_servers() {
    let mail = MailServer::start(Behaviour::IsBusy).await;
    let app = app(&mail, &[("MAIL_MAX_PER_HOUR", "3")]).await;
    let url = mail.url();
    let other = app
        .second_node_with(&[("SMTP_URL", &url), ("MAIL_MAX_PER_HOUR", "3")])
        .await;
    let (ann, bob) = (app.member().await, app.member().await);
    assign(&ann, bob.id.into(), "Number 0").await;
    app.run_until_idle().await;
    assert_eq!((mail.offers(), mail.emails().len()), (1, 0));
    // Mails that the mail server refused do not count.
    mail.set_behaviour(Behaviour::Accepts);
    for number in 1..8 {
        assign(&ann, bob.id.into(), &format!("Number {number}")).await;
    }
    tokio::join!(app.run_until_idle(), other.run_until_idle());
    let letters = mail.emails();
    assert_eq!(letters.len(), 3, "{letters:?}");
    let is_last = |letter: &&Email| letter.text.contains("last mail to you in this hour");
    assert_eq!(letters.iter().filter(is_last).count(), 1);
    let count = bob.graphql("{ notifications { totalCount } }", json!({})).await;
    assert_eq!(count.data()["notifications"]["totalCount"], 8);

    // The limit is per address and per clock hour.
    app.advance(TimeDelta::minutes(20));
    let cat = app.member().await;
    assign(&ann, cat.id.into(), "For somebody else").await;
    app.run_until_idle().await;
    assert_eq!(mail.emails().last().unwrap().to, format!("{}@example.com", cat.name));
    app.advance(TimeDelta::minutes(40));
    let before = mail.emails().len();
    let dan = app.member().await;
    assign(&dan, bob.id.into(), "Later").await;
    app.run_until_idle().await;
    let letters = mail.emails();
    assert_eq!(letters.len(), before + 1, "{letters:?}");
    assert!(letters[before].header("Subject").contains("Later"));
}

#[tokio::test]
async fn a_mail_above_the_limit_leaves_the_token_of_the_last_one_valid() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail, &[("MAIL_MAX_PER_HOUR", "1")]).await;
    let (ann, _) = register(&app, "ann@example.org", "Ann").await;
    app.run_until_idle().await;
    app.advance(TimeDelta::minutes(1));
    let sent = ann.graphql(RESEND, json!({})).await;
    assert_eq!(sent.data()["emailVerificationSend"]["success"], true, "{}", sent.text);
    app.run_until_idle().await;
    let letters = mail.emails();
    assert_eq!(letters.len(), 1, "{letters:?}");
    assert_eq!(verify(&ann, &token_in(&letters[0])).await, None);
}

#[tokio::test]
async fn text_of_others_is_shortened_quoted_and_without_links_and_has_an_unsubscribe_header() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = app(&mail, &[]).await;
    let (mallory, bob) = (app.member().await, app.member().await);
    let name = "Your bank\" http://evil.example/login now";
    let change = json!({ "full_name": name });
    let path = format!("/api/v1/users/{}", mallory.id);
    assert_eq!(mallory.rest(Method::PATCH, &path, change).await.status, 200);
    assign(
        &mallory,
        bob.id.into(),
        &format!("Go to www.evil.example {}", "x".repeat(200)),
    )
    .await;
    app.run_until_idle().await;
    let letters = mail.emails();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    let text = letter.shown();
    assert!(
        text.contains(
            "\"Your bank' http[:]//evil[.]example/login now\" assigned the task \"Go to www[.]evil[.]example xxx"
        ),
        "{text}"
    );
    for part in ["http:/", "evil.example", &"x".repeat(80)] {
        assert!(!text.contains(part), "{part}: {text}");
    }
    assert_eq!(
        letter.header("List-Unsubscribe"),
        "<mailto:tasks@acme.com?subject=unsubscribe>"
    );
}

#[tokio::test]
async fn the_migration_marks_addresses_of_existing_accounts_as_verified() {
    let database = TestDatabase::create_empty().await;
    let app = before_migration(&database, "m20261128_000014_verified_email").await;
    database
        .execute(
            "INSERT INTO users (created_at, updated_at, email, password_hash, role, is_active) VALUES \
             ('2026-01-01 00:00:00+00:00', '2026-01-02 00:00:00+00:00', 'ann@example.com', 'x', 'user', true)",
        )
        .await;
    app.domain().migrate_up(None).await.unwrap();
    let verified = "SELECT COUNT(*) AS number FROM users WHERE email_verified_at = created_at";
    assert_eq!(database.number(verified).await, 1);
}
