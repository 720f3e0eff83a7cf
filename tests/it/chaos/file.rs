//! The file of a SQLite database, deleted or replaced under the running server.

use std::fs;
use std::path::Path;

use axum::http::Method;
use serde_json::json;

use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Sandbox, read, until};

/// Damages the file. From then on, no write is acknowledged, and the server reports why it is not ready.
async fn is_noticed(trouble: impl FnOnce(&Path)) {
    if is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let task = json!({ "title": "Kept" });
    let created = server.rest(&token, Method::POST, "/api/v1/tasks", task.clone()).await;
    assert_eq!(created.status, 201, "{}", created.text);

    trouble(Path::new(database.url().trim_start_matches("sqlite:")));
    let refused = server.rest(&token, Method::POST, "/api/v1/tasks", task.clone()).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    let mutation = "mutation { taskCreate(input: { title: \"Lost\" }) { task { id } } }";
    let refused = server.graphql(&token, mutation, json!({})).await;
    assert!(refused.text.contains("UNAVAILABLE"), "{}", refused.text);
    until("the server to be unready", async || {
        let answer = read(server.request("", Method::GET, "/readyz")).await.unwrap();
        (answer.status == 503 && answer.text.contains("deleted or replaced")).then_some(())
    })
    .await;
    assert!(server.log().contains("deleted or replaced"), "{}", server.log());
}

#[tokio::test]
async fn a_file_that_is_deleted_is_noticed_before_another_write_is_acknowledged() {
    is_noticed(|file| fs::remove_file(file).unwrap()).await;
}

#[tokio::test]
async fn a_file_that_is_replaced_is_noticed_before_another_write_is_acknowledged() {
    is_noticed(|file| {
        let other = file.with_extension("other");
        fs::copy(file, &other).unwrap();
        fs::rename(&other, file).unwrap();
    })
    .await;
}
