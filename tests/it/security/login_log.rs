//! Log lines of failed logins.

use axum::http::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::process::Sandbox;

fn failures(log: &str) -> Vec<serde_json::Value> {
    log.lines()
        .filter(|line| line.contains("login failed") || line.contains("wrong current password"))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
        .collect()
}

#[tokio::test]
async fn failed_logins_are_logged_with_the_address_and_a_digest_of_the_name() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("LOG_FORMAT", "json");
    sandbox.creates_user("ann").await;
    let server = sandbox.serve().await;
    for name in ["ANN", "ann@example.com", "Hunter2-typed-as-name"] {
        assert_eq!(server.login(name, "Wrong-1234").await.status, 401);
    }
    let login = "mutation { login(input: {username: \"ann\", password: \"Wrong-1234\"}) { accessToken } }";
    server.graphql("", login, json!({})).await;
    let token = server.access_token_of("ann").await;
    let change =
        "mutation { passwordChange(currentPassword: \"Wrong-1234\", newPassword: \"Other-12345\") { accessToken } }";
    server.graphql(&token, change, json!({})).await;
    let form = server
        .request("", Method::POST, "/api/v1/auth/login/access-token")
        .form(&[("username", "ann"), ("password", "Wrong-1234")]);
    assert_eq!(form.send().await.unwrap().status(), 401);
    let log = server.stop().await;

    let expected = ["ann", "ann@example.com", "hunter2-typed-as-name", "ann", "ann"];
    let lines = failures(&log);
    let logins: Vec<&serde_json::Value> = lines
        .iter()
        .filter(|line| line.to_string().contains("login failed"))
        .collect();
    assert_eq!(logins.len(), expected.len(), "{lines:?}");
    for (line, name) in logins.iter().zip(expected) {
        let text = line.to_string();
        let digest = hex::encode(Sha256::digest(name));
        assert!(text.contains(&digest[..16]) && text.contains("127.0.0.1"), "{text}");
    }
    assert_eq!(
        lines.len(),
        expected.len() + 1,
        "the wrong current password is missing: {lines:?}"
    );
    for secret in ["Wrong-1234", PASSWORD, "Hunter2", "hunter2", "ann@example.com"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}
