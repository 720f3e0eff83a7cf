//! Bulk changes of tasks through REST.

use serde_json::{Value, json};

use super::{create_task, expect_refusal, expect_status, get, patch, post};
use crate::support::TestApp;

const UPDATE: &str = "/api/v1/tasks/bulk";
const STATUS: &str = "/api/v1/tasks/bulk-status";

#[tokio::test]
async fn each_task_is_moved_or_has_an_error() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let fresh = create_task(&ann, json!({ "title": "Fresh" })).await["id"].clone();
    let done = create_task(&ann, json!({ "title": "Done", "status": "done" })).await["id"].clone();
    let foreign = create_task(&eve, json!({ "title": "Foreign" })).await["id"].clone();
    let body = json!({ "task_ids": [done, fresh, foreign, fresh], "target_status": "in_progress" });
    for path in [STATUS, "/tasks/bulk-status/"] {
        let answer = expect_status(post(&ann, path, body.clone()).await, 200);
        let fresh_was = if path == STATUS { "todo" } else { "in_progress" };
        assert_eq!(
            answer.body,
            json!({ "total": 3, "successful": 1, "failed": 2, "results": [
                { "task_id": done, "success": false, "previous_status": "done", "new_status": null,
                  "code": "INVALID_TRANSITION", "error": "Invalid transition from 'done' to 'in_progress'" },
                { "task_id": fresh, "success": true, "previous_status": fresh_was, "new_status": "in_progress",
                  "code": null, "error": null },
                { "task_id": foreign, "success": false, "previous_status": null, "new_status": null,
                  "code": "NOT_FOUND", "error": format!("Task {foreign} not found") },
            ] })
        );
    }
    assert_eq!(get(&ann, &format!("/tasks/{fresh}")).await.at("/version"), 2);
    // Field names of older APIs.
    let answer = post(
        &ann,
        STATUS,
        json!({ "task_ids": [fresh], "target_status": "completed" }),
    )
    .await;
    assert_eq!(answer.at("/results/0/new_status"), "done");
    let answer = post(&ann, STATUS, json!({ "task_ids": [fresh], "target_status": "pending" })).await;
    assert_eq!(answer.at("/results/0/new_status"), "todo");
}

#[tokio::test]
async fn a_change_is_read_from_update_from_updates_or_beside_the_ids() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let one = create_task(&ann, json!({ "title": "One", "due_date": "2026-02-01" })).await["id"].clone();
    let other = create_task(&ann, json!({ "title": "Other", "tags": ["kept"] })).await["id"].clone();
    let foreign = create_task(&eve, json!({ "title": "Foreign" })).await["id"].clone();
    let change = |priority: &str| json!({ "priority": priority, "due_date": null, "completed": false });
    let beside = json!({ "priority": "urgent", "due_date": null, "completed": false });
    for (priority, mut body) in [
        ("low", json!({ "update": change("low") })),
        ("high", json!({ "updates": change("high") })),
        ("urgent", beside),
    ] {
        body["task_ids"] = json!([one, foreign, other]);
        let answer = expect_status(patch(&ann, UPDATE, body).await, 200);
        assert_eq!((answer.at("/successful"), answer.at("/failed")), (&json!(2), &json!(1)));
        for (place, id) in [(0, &one), (2, &other)] {
            let task = get(&ann, &format!("/tasks/{id}")).await.body;
            assert_eq!(answer.at(&format!("/results/{place}/task")), &task);
            assert_eq!((&task["priority"], &task["due_date"]), (&json!(priority), &Value::Null));
        }
        assert_eq!(answer.at("/results/1/code"), "NOT_FOUND");
        assert_eq!(answer.at("/results/1").get("task"), None);
    }
    assert_eq!(get(&eve, &format!("/tasks/{foreign}")).await.at("/version"), 1);
    let answer = expect_status(
        patch(&ann, UPDATE, json!({ "task_ids": [one], "update": {} })).await,
        200,
    );
    assert_eq!(
        answer.at("/successful"),
        1,
        "nothing to change is no error, as with one task"
    );
}

#[tokio::test]
async fn an_error_of_one_task_is_reported_for_that_task() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let own = create_task(&ann, json!({ "title": "Own" })).await["id"].clone();
    let helped = create_task(&bob, json!({ "title": "Helped", "assignee_id": ann.id })).await["id"].clone();
    let body = json!({ "task_ids": [own, helped], "update": { "assignee_id": bob.id } });
    let answer = expect_status(patch(&ann, UPDATE, body).await, 200);
    assert_eq!(answer.at("/results/0/task/assignee_id"), bob.id);
    assert_eq!(answer.at("/results/1/code"), "FORBIDDEN");
}

#[tokio::test]
async fn an_invalid_request_writes_nothing() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = create_task(&ann, json!({ "title": "Kept" })).await["id"].clone();
    let many: Vec<i32> = (1..=101).collect();
    let before = app.footprint().await;
    for (body, field, message) in [
        (json!({ "update": { "title": "T" } }), "task_ids", "missing field"),
        (json!({ "task_ids": [id] }), "update", "nothing is to be changed"),
        (
            json!({ "task_ids": [id], "update": { "title": "T" }, "title": "U" }),
            "update",
            "not both",
        ),
        (
            json!({ "task_ids": [id], "update": { "colour": "red" } }),
            "colour",
            "unknown field",
        ),
        (json!({ "task_ids": [id], "colour": "red" }), "colour", "unknown field"),
        (
            json!({ "task_ids": [id], "update": { "title": "" } }),
            "title",
            "1 to 255",
        ),
        (
            json!({ "task_ids": [id], "status": "open" }),
            "status",
            "use one of todo",
        ),
        (
            json!({ "task_ids": [id], "title": "T", "expected_version": 1 }),
            "expected_version",
            "unknown field",
        ),
        (
            json!({ "task_ids": [id], "update": { "title": "T", "expected_version": 1 } }),
            "expected_version",
            "use expected_versions beside task_ids",
        ),
        (
            json!({ "task_ids": many, "title": "T" }),
            "task_ids",
            "101 ids were given; up to 100 are allowed",
        ),
        (
            json!({ "task_ids": ["1"], "title": "T" }),
            "task_ids[0]",
            "invalid type",
        ),
    ] {
        expect_refusal(&patch(&ann, UPDATE, body).await, (422, "INVALID", field), message);
    }
    for (body, field, message) in [
        (json!({ "task_ids": [id] }), "target_status", "missing field"),
        (
            json!({ "task_ids": [id], "target_status": "open" }),
            "target_status",
            "use one of todo",
        ),
        (
            json!({ "task_ids": many, "target_status": "done" }),
            "task_ids",
            "up to 100 are allowed",
        ),
        (
            json!({ "task_ids": [id], "target_status": "done", "more": 1 }),
            "more",
            "unknown field",
        ),
    ] {
        expect_refusal(&post(&ann, STATUS, body).await, (422, "INVALID", field), message);
    }
    assert_eq!(app.footprint().await, before);
}

#[tokio::test]
async fn the_path_of_bulk_updates_is_not_read_as_a_task_id() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for path in ["/api/v1/tasks/bulk", "/tasks/bulk/"] {
        expect_refusal(
            &get(&ann, path).await,
            (405, "METHOD_NOT_ALLOWED", ""),
            "GET does not work on",
        );
    }
}

#[tokio::test]
async fn a_task_with_another_version_than_expected_is_not_changed() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let create_one = async || create_task(&ann, json!({ "title": "T" })).await["id"].clone();
    for is_update in [true, false] {
        let (fresh, stale) = (create_one().await, create_one().await);
        patch(
            &ann,
            &format!("/tasks/{stale}"),
            json!({ "title": "Changed meanwhile" }),
        )
        .await;
        let versions = json!([{ "task_id": fresh, "version": 1 }, { "task_id": stale, "version": 1 }]);
        let body = |versions: &Value| {
            if is_update {
                json!({ "task_ids": [fresh, stale], "expected_versions": versions, "update": { "priority": "low" } })
            } else {
                json!({ "task_ids": [fresh, stale], "expected_versions": versions, "target_status": "done" })
            }
        };
        let send = async |body: Value| {
            if is_update {
                patch(&ann, UPDATE, body).await
            } else {
                post(&ann, STATUS, body).await
            }
        };
        let answer = expect_status(send(body(&versions)).await, 200);
        assert_eq!(
            (answer.at("/results/0/success"), answer.at("/results/1/code")),
            (&json!(true), &json!("CONFLICT")),
            "{}",
            answer.text
        );
        let unknown = json!([{ "task_id": 999_999, "version": 1 }]);
        expect_refusal(
            &send(body(&unknown)).await,
            (422, "INVALID", "expected_versions"),
            "is not among the tasks to be changed",
        );
    }
}
