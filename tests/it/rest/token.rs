//! Invalid access tokens: the error names the reason, and nothing is written.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use jsonwebtoken::{Algorithm, EncodingKey, Header, decode_header, encode};
use serde_json::{Value, json};

use super::{expect_refusal, expect_status, get, post};
use crate::support::person::Person;
use crate::support::{SECRET_KEY, TestApp};

const NOT_A_TOKEN: &str = "The access token is not valid: sign in again";

/// The parts of a valid token, to build altered ones.
struct Parts {
    header: Header,
    claims: Value,
}

impl Parts {
    fn of(token: &str) -> Self {
        let claims = token.split('.').nth(1).unwrap();
        Self {
            header: decode_header(token).unwrap(),
            claims: serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap(),
        }
    }

    fn with_header(&self, change: impl FnOnce(&mut Header)) -> Self {
        let mut header = self.header.clone();
        change(&mut header);
        Self {
            header,
            claims: self.claims.clone(),
        }
    }

    fn with_claim(&self, name: &str, value: Value) -> Self {
        let mut claims = self.claims.clone();
        claims[name] = value;
        Self {
            header: self.header.clone(),
            claims,
        }
    }

    fn without_claim(&self, name: &str) -> Self {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name).unwrap();
        Self {
            header: self.header.clone(),
            claims,
        }
    }

    fn signed_with(&self, key: &str) -> String {
        encode(&self.header, &self.claims, &EncodingKey::from_secret(key.as_bytes())).unwrap()
    }

    /// With the algorithm "none" and this signature.
    fn unsigned(&self, signature: &str) -> String {
        let mut header = serde_json::to_value(&self.header).unwrap();
        header["alg"] = json!("none");
        let [header, claims] = [&header, &self.claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{claims}.{signature}")
    }
}

async fn expect_signed_out(person: &Person<'_>, reason: &str) {
    let answer = post(person, "/api/v1/tasks", json!({ "title": "T" })).await;
    expect_refusal(&answer, (401, "UNAUTHENTICATED", ""), reason);
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn a_forged_token_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let token = ann.access_token.clone().unwrap();
    let parts = Parts::of(&token);
    let before = app.footprint().await;
    // A rebuilt valid token works, so the following tokens fail for their own reason.
    let same = ann.with_token(&app, &parts.signed_with(SECRET_KEY));
    expect_status(get(&same, "/api/v1/auth/me").await, 200);

    let (body, signature) = token.rsplit_once('.').unwrap();
    let reversed: String = signature.chars().rev().collect();
    for forged in [
        parts.signed_with("another-secret-of-somebody-0123456789-abcdef"),
        parts.signed_with(""),
        parts.unsigned(""),
        parts.unsigned(signature),
        format!("{body}."),
        format!("{body}.{reversed}"),
        body.to_owned(),
        parts
            .with_header(|header| header.alg = Algorithm::HS512)
            .signed_with(SECRET_KEY),
        parts
            .with_header(|header| header.typ = Some("JWT".to_owned()))
            .signed_with(SECRET_KEY),
        parts.with_header(|header| header.typ = None).signed_with(SECRET_KEY),
        parts
            .with_header(|header| header.kid = Some("other".to_owned()))
            .signed_with(SECRET_KEY),
        parts.with_claim("iss", json!("somebody-else")).signed_with(SECRET_KEY),
        parts.with_claim("aud", json!("other-apps")).signed_with(SECRET_KEY),
        parts.with_claim("sub", json!("admin")).signed_with(SECRET_KEY),
        parts.with_claim("exp", json!("never")).signed_with(SECRET_KEY),
        parts.without_claim("exp").signed_with(SECRET_KEY),
        parts.without_claim("aud").signed_with(SECRET_KEY),
        parts.without_claim("sid").signed_with(SECRET_KEY),
    ] {
        expect_signed_out(&ann.with_token(&app, &forged), NOT_A_TOKEN).await;
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_token_with_the_session_of_another_user_is_refused() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let parts = Parts::of(ann.access_token.as_deref().unwrap());
    let before = app.footprint().await;
    for other in [
        parts.with_claim("sub", json!(boss.id.to_string())),
        parts.with_claim("sid", json!(999_999)),
    ] {
        let other = ann.with_token(&app, &other.signed_with(SECRET_KEY));
        expect_signed_out(&other, "The session has ended: sign in again").await;
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn refresh_and_access_tokens_are_not_interchangeable() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    expect_signed_out(&ann.with_token(&app, &ann.refresh_token), NOT_A_TOKEN).await;
    let swapped = json!({ "refresh_token": ann.access_token });
    let answer = post(&app.anonymous(), "/api/v1/auth/refresh", swapped).await;
    let reason = "The refresh token is not valid, expired or used already: sign in again";
    expect_refusal(&answer, (401, "INVALID_CREDENTIALS", ""), reason);
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn a_token_expires_after_30_minutes() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let before = app.footprint().await;
    app.advance(TimeDelta::minutes(30) - TimeDelta::seconds(1));
    expect_status(get(&ann, "/api/v1/auth/me").await, 200);
    app.advance(TimeDelta::seconds(1));
    expect_signed_out(
        &ann,
        "The access token has expired: get a new one with the refresh token",
    )
    .await;
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn without_a_bearer_token_nobody_is_signed_in() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let token = ann.access_token.clone().unwrap();
    let nobody = app.anonymous();
    let before = app.footprint().await;
    expect_signed_out(&nobody, "send an access token as 'Authorization: Bearer <token>'").await;
    for value in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic dXNlcjpwYXNz".to_owned(),
        format!("Token {token}"),
        token.clone(),
        format!("Bearer {token} {token}"),
    ] {
        let request = nobody
            .request(Method::GET, "/api/v1/tasks")
            .header("authorization", &value);
        let answer = nobody.send(request.body(String::new().into()).unwrap()).await;
        expect_refusal(&answer, (401, "UNAUTHENTICATED", ""), NOT_A_TOKEN);
    }
    // Tokens in URLs and cookies are ignored, because both leak.
    let request = nobody
        .request(Method::GET, "/api/v1/tasks")
        .header("cookie", format!("access_token={token}"));
    let answer = nobody.send(request.body(String::new().into()).unwrap()).await;
    assert_eq!(answer.problem().0, 401);
    let answer = get(&nobody, &format!("/api/v1/tasks?access_token={token}")).await;
    assert_eq!(answer.problem().0, 401);
    assert_eq!(app.footprint().await, before);
}
