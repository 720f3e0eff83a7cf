//! The OpenAPI document says which errors occur.

use serde_json::{Value, json};

use super::{delete, expect_status, get, patch};
use crate::support::TestApp;

#[tokio::test]
async fn the_last_administrator_gets_the_error_of_the_document() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let document = expect_status(get(&boss, "/openapi.json").await, 200).body;
    let path = format!("/api/v1/users/{}", boss.id);
    for (method, answer) in [
        ("patch", patch(&boss, &path, json!({ "role": "user" })).await),
        ("delete", delete(&boss, &path).await),
    ] {
        let responses = &document["paths"]["/api/v1/users/{id}"][method]["responses"];
        let status = answer.status.as_u16().to_string();
        let described = responses[&status]["description"].as_str().unwrap_or_default();
        assert!(
            described.contains("no active administrator would remain"),
            "{method} {status}: {responses}"
        );
    }
}

#[tokio::test]
async fn every_write_with_a_key_may_be_a_conflict() {
    let app = TestApp::start().await;
    let document = get(&app.anonymous(), "/openapi.json").await.body;
    let mut writes = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let mut parameters = operation["parameters"].as_array().into_iter().flatten();
            if parameters.any(|one| one["name"] == "Idempotency-Key") {
                writes += 1;
                assert_ne!(operation["responses"]["409"], Value::Null, "{method} {path}");
            }
        }
    }
    assert!(writes > 10, "{writes}");
}
