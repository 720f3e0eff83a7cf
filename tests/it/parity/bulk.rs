//! Bulk changes through both APIs.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::global_id;

#[tokio::test]
async fn bulk_changes_have_the_same_results_in_both_apis() {
    let app = TestApp::start().await;
    let (ann, cat) = (app.member().await, app.member().await);
    let document = "mutation($ids: [ID!]!, $to: TaskStatus!) { tasksBulkTransition(ids: $ids, status: $to) {
        total successful failed results { task { databaseId status } userErrors { code message } } } }";
    let mut outcomes = Vec::new();
    for by_rest in [false, true] {
        let fresh = ann.creates_task(json!({ "title": "Fresh" })).await;
        let done = ann.creates_task(json!({ "title": "Done", "status": "DONE" })).await;
        let foreign = cat.creates_task(json!({ "title": "Foreign" })).await;
        let ids = [fresh, done, foreign, fresh];
        let results: Vec<Value> = if by_rest {
            let body = json!({ "task_ids": ids, "target_status": "in_progress" });
            let answer = ann.rest(Method::POST, "/tasks/bulk-status", body).await;
            assert_eq!((answer.at("/total"), answer.at("/failed")), (&json!(3), &json!(2)));
            let results = answer.at("/results").as_array().unwrap().iter();
            results
                .map(|one| json!([one["new_status"], one["code"], one["error"]]))
                .collect()
        } else {
            let ids: Vec<String> = ids.iter().map(|id| global_id("Task", *id)).collect();
            let answer = ann.graphql(document, json!({ "ids": ids, "to": "IN_PROGRESS" })).await;
            let payload = &answer.data()["tasksBulkTransition"];
            assert_eq!((&payload["total"], &payload["failed"]), (&json!(3), &json!(2)));
            let results = payload["results"].as_array().unwrap().iter();
            results
                .map(|one| {
                    let error = &one["userErrors"][0];
                    // On failure GraphQL returns the unchanged task, REST does not.
                    let status = one["task"]["status"].as_str().filter(|_| error.is_null());
                    let status = status.map(str::to_lowercase);
                    json!([status, error["code"], error["message"]])
                })
                .collect()
        };
        let text = Value::from(results).to_string();
        let text = text
            // GraphQL errors have the global id.
            .replace(&global_id("Task", foreign), "FOREIGN")
            .replace(&foreign.to_string(), "FOREIGN")
            // REST has the message that clients of older APIs expect.
            .replace(
                "Task FOREIGN not found",
                "There is no task with the id FOREIGN, or you may not see it",
            )
            .replace(&done.to_string(), "DONE");
        let mut events = Vec::new();
        for id in [fresh, done, foreign] {
            for mut event in app.events(id).await {
                event.task.as_object_mut().unwrap().remove("id");
                events.push(event);
            }
        }
        outcomes.push((text, events));
    }
    assert_eq!(outcomes[0], outcomes[1]);
}
