//! Files through both APIs.

use axum::http::Method;
use serde_json::{Value, json};

use super::events;
use crate::support::TestApp;
use crate::support::person::global_id;

#[tokio::test]
async fn a_file_is_the_same_in_both_apis() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let document = "query($id: ID!) { task(id: $id) { version attachments {
        id databaseId filename contentType size sha256 createdAt url owner { databaseId } task { databaseId } } } }";
    let mut outcomes = Vec::new();
    for by_rest in [false, true] {
        let task = ann.creates_task(json!({ "title": "Report" })).await;
        if by_rest {
            let path = format!("/tasks/{task}/files");
            assert_eq!(ann.posts_file(&path, "a.txt", b"text").await.status, 201);
        } else {
            ann.keeps(Some(task), "a.txt", b"text").await;
        }
        let answer = ann.graphql(document, json!({ "id": global_id("Task", task) })).await;
        let file = answer.data()["task"]["attachments"][0].clone();
        let list = ann
            .rest(Method::GET, &format!("/tasks/{task}/files"), Value::Null)
            .await;
        let moment = file["createdAt"].as_str().unwrap().replace("+00:00", "Z");
        assert_eq!(
            list.at("/items/0"),
            &json!({ "id": file["databaseId"], "task_id": task, "owner_id": file["owner"]["databaseId"],
                "filename": file["filename"], "content_type": file["contentType"], "size": file["size"],
                "sha256": file["sha256"], "created_at": moment, "url": file["url"],
                "original_filename": file["filename"], "file_size": file["size"], "uploaded_at": moment,
                "file_path": format!("/api/v1/files/{}", file["databaseId"]) })
        );
        let url = file["url"].as_str().unwrap();
        let path = format!("/api/v1/files/{}", file["databaseId"]);
        assert!(url.starts_with(&format!("{path}?signature=")), "{url}");
        for url in [url, &path] {
            assert_eq!(ann.rest(Method::GET, url, Value::Null).await.text, "text");
        }
        if by_rest {
            let document = "mutation($id: ID!) { attachmentDelete(id: $id) { deletedId } }";
            ann.graphql(document, json!({ "id": file["id"] })).await.data();
        } else {
            assert_eq!(ann.rest(Method::DELETE, &path, Value::Null).await.status, 204);
        }
        let events = events(&app, task).await;
        let steps = events.iter().map(|event| (event.kind.clone(), event.changes.clone()));
        outcomes.push((answer.data()["task"]["version"].clone(), steps.collect::<Vec<_>>()));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}
