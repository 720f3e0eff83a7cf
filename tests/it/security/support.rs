//! Requests from given addresses, with limits counted in memory or in Redis.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::support::answer::Answer;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::person::Person;
use crate::support::redis::{REDIS_TIMEOUT, RedisServer};
use crate::support::{PASSWORD, TestApp};

pub const LIMITED: (&str, &str) = ("RATE_LIMIT_ENABLED", "true");
pub const WRONG: &str = "Wrong-1234";
pub const LOGIN: &str = "/api/v1/auth/login";

/// Two servers: limits counted in memory, and in Redis. Without its Redis the second one would keep working.
pub async fn in_memory_and_redis(settings: &[(&str, &str)]) -> Vec<(TestApp, Option<RedisServer>)> {
    let settings = [&[LIMITED], settings].concat();
    let redis = RedisServer::start().await;
    let url = redis.url();
    let with_redis = [&settings[..], &[("REDIS_URL", &url), REDIS_TIMEOUT]].concat();
    vec![
        (TestApp::start_with(&settings).await, None),
        (TestApp::start_with(&with_redis).await, Some(redis)),
    ]
}

/// Asserts that limits were counted in Redis, if there is one.
pub async fn assert_counted(redis: Option<&RedisServer>, name: &str) {
    if let Some(redis) = redis {
        let keys: Vec<String> = redis
            .ask(redis::cmd("KEYS").arg(format!("taskwire:limit:{name}:*")))
            .await;
        assert!(!keys.is_empty(), "nothing of {name} is in Redis");
    }
}

/// Lets a request come from this address.
pub fn from(address: &str, request: Builder) -> Builder {
    let peer = SocketAddr::new(address.parse().unwrap(), 40_000);
    request.extension(ConnectInfo(peer))
}

/// Posts JSON from an address.
pub async fn post_from(person: &Person<'_>, address: &str, path: &str, body: &Value) -> Answer {
    let request = from(address, person.request(Method::POST, path)).header("content-type", "application/json");
    person.send(request.body(body.to_string().into()).unwrap()).await
}

/// Runs a GraphQL operation from an address.
pub async fn graphql_from(person: &Person<'_>, address: &str, query: &str, variables: &Value) -> Answer {
    let body = json!({ "query": query, "variables": variables });
    let request = from(address, person.request(Method::POST, "/graphql"))
        .header("content-type", "application/json")
        .header("accept", "application/graphql-response+json");
    person.send(request.body(body.to_string().into()).unwrap()).await
}

/// Sends a login over REST.
pub async fn login_from(person: &Person<'_>, address: &str, name: &str, password: &str) -> Answer {
    post_from(
        person,
        address,
        LOGIN,
        &json!({ "username": name, "password": password }),
    )
    .await
}

/// Uploads a file over REST.
pub async fn upload_from(person: &Person<'_>, address: &str, path: &str) -> Answer {
    let form = Form::default().file("file", "a.txt", b"text").end();
    let request = from(address, person.request(Method::POST, path)).header("content-type", CONTENT_TYPE);
    person.send(request.body(form.into()).unwrap()).await
}

/// A login by the OAuth2 password form.
pub fn form_from(person: &Person<'_>, address: &str) -> Request<Body> {
    let body = format!("username={}&password={PASSWORD}", person.name);
    from(address, person.request(Method::POST, "/api/v1/auth/login/access-token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.into())
        .unwrap()
}

pub const CHANGE: &str = "mutation($current: String!, $new: String!) {
    passwordChange(currentPassword: $current, newPassword: $new) { accessToken refreshToken userErrors { code field message } } }";
pub const GRAPHQL_LOGIN: &str = "mutation($name: String!, $password: String!) {
    login(input: {username: $name, password: $password}) { accessToken refreshToken userErrors { code field message } } }";
pub const GRAPHQL_REGISTER: &str = "mutation($email: String!, $password: String!) {
    register(input: {email: $email, password: $password}) { accessToken userErrors { code field message } } }";
pub const GRAPHQL_REFRESH: &str = "mutation($token: String!) { refresh(refreshToken: $token) { accessToken refreshToken userErrors { code field message } } }";

/// The HTTP status, or the equivalent of the GraphQL error code.
pub fn outcome(answer: &Answer) -> u16 {
    let code = answer.body.pointer("/errors/0/extensions/code");
    if code == Some(&json!("RATE_LIMITED")) {
        return 429;
    }
    answer.status.as_u16()
}
