//! What the database tells about requests with an idempotency key. They can contain passwords.

use axum::http::Method;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::support::TestApp;

const OTHER_KEY: &str = "0e8f7a1d4c3b2968f5a1c7d0e3b6924857ad1c0f9e82";

/// Without the key of the server, nobody can compare a guess with the database.
#[tokio::test]
async fn the_stored_hash_of_a_request_depends_on_the_key_of_the_server() {
    let app = TestApp::start().await;
    let other = app.second_node_with(&[("SECRET_KEY", OTHER_KEY)]).await;
    let (ann, bob, eve) = (app.member().await, app.member().await, other.member().await);
    let mutation = "mutation { taskCreate(input: {title: \"T\"}) { task { title } } }";
    for (path, body) in [
        ("/api/v1/tasks", json!({ "title": "T" })),
        ("/graphql", json!({ "query": mutation })),
    ] {
        for (person, hashes) in [(&ann, 1), (&bob, 1), (&eve, 2)] {
            let request = person
                .request(Method::POST, path)
                .header("idempotency-key", path)
                .header("content-type", "application/json");
            let answer = person.send(request.body(body.to_string().into()).unwrap()).await;
            assert!(answer.status.is_success(), "{}", answer.text);
            let count =
                format!("SELECT COUNT(DISTINCT request_hash) AS number FROM idempotency_keys WHERE \"key\" = '{path}'");
            assert_eq!(app.database.number(&count).await, hashes, "{path}");
        }
    }
}

/// The hash without a key, as the versions before stored it.
fn hash_without_key(method: &str, path: &str, body: &str) -> String {
    let mut hash = Sha256::new_with_prefix("rest");
    for part in [method, path, "", "application/json", "", body] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[tokio::test]
async fn a_request_from_before_the_update_is_not_done_again() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let body = json!({ "title": "T" }).to_string();
    for (replayed, tasks) in [(false, 1), (true, 1)] {
        let request = ann
            .request(Method::POST, "/api/v1/tasks")
            .header("idempotency-key", "k")
            .header("content-type", "application/json");
        let answer = ann.send(request.body(body.clone().into()).unwrap()).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        assert_eq!(answer.headers.contains_key("idempotency-replayed"), replayed);
        assert_eq!(app.database.number("SELECT COUNT(*) AS number FROM tasks").await, tasks);
        let earlier = hash_without_key("POST", "/tasks", &body);
        app.database
            .execute(&format!("UPDATE idempotency_keys SET request_hash = '{earlier}'"))
            .await;
    }
}
