//! Bounds of due dates, which include their day, in the dialect that has them.

use axum::http::Method;
use serde_json::{Value, json};

use super::{send, send_in, serve, titles};

#[tokio::test]
async fn bounds_include_their_day_also_without_a_day_before_or_after() {
    let app = serve("tags-files-paged").await;
    let ann = app.member().await;
    send(
        &ann,
        Method::POST,
        "/tasks",
        json!({ "title": "A", "due_date": "2026-01-30" }),
        201,
    )
    .await;
    // A due day, as the canonical API stores it, is a `due_date` too.
    let day = json!({ "title": "B", "due_on": "2026-01-31" });
    send_in("taskwire", &ann, Method::POST, "/tasks", day, 201).await;
    send(&ann, Method::POST, "/tasks", json!({ "title": "C" }), 201).await;
    for (query, found) in [
        ("due_before=2026-01-29", ""),
        ("due_before=2026-01-30", "A"),
        ("due_before=2026-01-31", "A,B"),
        ("due_after=2026-01-30", "A,B"),
        ("due_after=2026-01-31", "B"),
        ("due_after=2026-02-01", ""),
        ("due_after=2026-01-31&due_before=2026-01-31", "B"),
        ("due_before=9999-12-31", "A,B"),
        ("due_after=0001-01-01", "A,B"),
    ] {
        let list = send(&ann, Method::GET, &format!("/tasks?{query}"), Value::Null, 200).await;
        assert_eq!(titles(list.at("/tasks")), found, "{query}");
    }
}
