//! The OpenAPI document says which errors occur.

use serde_json::{Value, json};

use super::{create_task, delete, expect_status, get, patch, titles};
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

#[tokio::test]
async fn a_tag_in_a_list_of_tags_may_have_spaces_inside() {
    const SHORT: &str = r"[^\s,\u0000-\u001f\u007f-\u009f]";

    let app = TestApp::start().await;
    let ann = app.member().await;
    let document = get(&ann, "/openapi.json").await.body;
    let one = format!(r"{SHORT}([^,\u0000-\u001f\u007f-\u009f]{{0,48}}{SHORT})?");
    let parameters = document["paths"]["/api/v1/tasks"]["get"]["parameters"]
        .as_array()
        .unwrap();
    for name in ["tag", "tags"] {
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name).unwrap();
        assert_eq!(parameter["schema"]["pattern"], format!("^{one}(,{one})*$"), "{name}");
    }
    create_task(&ann, json!({ "title": "T", "tags": ["big project"] })).await;
    let list = get(&ann, "/tasks?tag=big%20project,other&tags=big+project").await;
    assert_eq!(titles(&expect_status(list, 200)), "T");
}
