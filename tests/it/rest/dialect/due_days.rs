//! Due days: those of the canonical API in a dialect with due dates, and the start of a day in a dialect with days.

use axum::http::Method;
use serde_json::{Value, json};

use super::{send, send_in, serve};

#[tokio::test]
async fn a_due_day_is_shown_and_survives_when_the_whole_task_is_sent_back() {
    let app = serve("due-dates").await;
    let ann = app.member().await;
    let day = json!({ "title": "T", "due_on": "2026-01-31" });
    let created = send_in("taskwire", &ann, Method::POST, "/tasks", day, 201).await;
    let path = format!("/tasks/{}", created.at("/id"));
    let shown = json!("2026-01-31T23:59:59Z");
    let mut whole = send(&ann, Method::GET, &path, Value::Null, 200).await.body;
    let list = send(&ann, Method::GET, "/tasks/", Value::Null, 200).await;
    assert_eq!((&whole["due_date"], list.at("/tasks/0/due_date")), (&shown, &shown));
    whole["status"] = json!("completed");
    let changed = send(&ann, Method::PUT, &path, whole, 200).await;
    assert_eq!(
        (changed.at("/status"), changed.at("/due_date")),
        (&json!("completed"), &shown)
    );
    let cleared = send(&ann, Method::PUT, &path, json!({ "due_date": null }), 200).await;
    assert_eq!(cleared.at("/due_date"), &Value::Null);
}

#[tokio::test]
async fn the_start_of_a_day_is_that_day_in_any_spelling() {
    let app = serve("tags-files-paged").await;
    let ann = app.member().await;
    let starts = [
        "2026-01-15",
        "2026-01-15T00:00",
        "2026-01-15 00:00:00",
        "2026-01-15T00:00:00.000000",
        "2026-01-15T00:00:00+00:00",
        "2026-01-15T00:00:00+02:00",
        "2026-01-15T00:00:00-08:00",
    ];
    for start in starts {
        let task = json!({ "title": "T", "due_date": start });
        let task = send(&ann, Method::POST, "/tasks", task, 201).await;
        assert_eq!(task.at("/due_date"), "2026-01-15", "{start}");
    }
    for (query, total) in [
        ("overdue=true", 0),
        ("due_before=2026-01-15T00:00:00Z", starts.len()),
        ("due_before=2026-01-14T00:00:00Z", 0),
        ("due_after=2026-01-15T00:00:00Z", starts.len()),
        ("created_before=2026-01-15T00:00:00Z", starts.len()),
        ("created_before=2026-01-14T00:00:00Z", 0),
    ] {
        let list = send(&ann, Method::GET, &format!("/tasks?{query}"), Value::Null, 200).await;
        assert_eq!(list.at("/total"), total, "{query}");
    }
    for other in ["2026-01-15T", "2026-01-15T00:00:00x", "2026-01-32T00:00:00Z"] {
        let task = json!({ "title": "T", "due_date": other });
        send(&ann, Method::POST, "/tasks", task, 422).await;
    }
}
