//! Tasks through GraphQL.

use serde_json::json;

use crate::support::TestApp;
use crate::support::person::global_id;

#[tokio::test]
async fn a_task_is_created_changed_and_read_back() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let id = ann
        .creates_task(
            json!({ "title": "  Write the report ", "tags": ["Work", "work"], "assigneeId": bob.global_id() }),
        )
        .await;

    let answer = ann
        .graphql(
            "mutation($id: ID!, $input: TaskUpdateInput!) {
               taskUpdate(id: $id, input: $input) { task { title description priority status version tags } userErrors { message } }
             }",
            json!({ "id": global_id("Task", id), "input": { "description": "By Friday", "priority": "HIGH", "status": "DONE" } }),
        )
        .await;
    assert_eq!(
        answer.data()["taskUpdate"]["task"],
        json!({ "title": "Write the report", "description": "By Friday", "priority": "HIGH", "status": "DONE", "version": 2, "tags": ["work"] })
    );

    let answer = bob
        .graphql(
            "query($id: ID!) { task(id: $id) { owner { databaseId } assignee { username email } completedAt allowedTransitions viewerCanUpdate } }",
            json!({ "id": global_id("Task", id) }),
        )
        .await;
    assert_eq!(
        answer.data()["task"],
        json!({
            "owner": { "databaseId": ann.id }, "assignee": { "username": bob.name, "email": format!("{}@example.com", bob.name) },
            "completedAt": "2026-01-15T12:00:00+00:00", "allowedTransitions": ["TODO"], "viewerCanUpdate": true,
        })
    );
}
