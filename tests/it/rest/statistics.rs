//! Counts over tasks through REST.

use serde_json::json;

use super::{delete, expect_status, get, make};
use crate::support::TestApp;

#[tokio::test]
async fn statistics_count_what_one_sees_under_both_names() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    for (title, status, tags) in [
        ("a", "done", json!(["y"])),
        ("b", "todo", json!(["x", "y"])),
        ("c", "todo", json!([])),
        ("d", "cancelled", json!(["y"])),
    ] {
        make(
            &ann,
            json!({ "title": title, "status": status, "priority": "high", "due_date": "2026-01-01", "tags": tags }),
        )
        .await;
    }
    make(&bob, json!({ "title": "Bob's" })).await;
    let expected = json!({
        "total": 4, "completed": 1, "completion_rate": 0.25, "overdue": 2,
        "by_status": { "todo": 2, "in_progress": 0, "done": 1, "cancelled": 1 },
        "by_priority": { "low": 0, "medium": 0, "high": 4, "urgent": 0 },
        "tags": [{ "tag": "y", "count": 3 }, { "tag": "x", "count": 1 }],
    });
    for path in [
        "/api/v1/tasks/statistics",
        "/api/v1/tasks/stats",
        "/tasks/statistics/",
        "/tasks/stats",
    ] {
        assert_eq!(expect_status(get(&ann, path).await, 200).body, expected, "{path}");
    }
    for (person, total) in [(&bob, 1), (&boss, 5)] {
        assert_eq!(get(person, "/api/v1/tasks/stats").await.at("/total"), total);
    }
}

#[tokio::test]
async fn statistics_follow_every_change() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let stats = async || get(&ann, "/api/v1/tasks/statistics").await.body;
    let empty = stats().await;
    assert_eq!(
        (&empty["total"], &empty["completion_rate"], &empty["tags"]),
        (&json!(0), &json!(0.0), &json!([]))
    );
    let path = format!(
        "/api/v1/tasks/{}",
        make(&ann, json!({ "title": "T", "tags": ["t"] })).await["id"]
    );
    assert_eq!(stats().await["by_status"]["todo"], 1);
    let done = json!({ "completed": true });
    expect_status(ann.rest(axum::http::Method::PATCH, &path, done).await, 200);
    let after = stats().await;
    assert_eq!(
        (&after["completed"], &after["completion_rate"]),
        (&json!(1), &json!(1.0))
    );
    expect_status(delete(&ann, &path).await, 204);
    assert_eq!(stats().await, empty);
}
