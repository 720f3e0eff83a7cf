//! Counts over tasks through REST.

use std::sync::atomic::{AtomicI64, Ordering};

use axum::http::Method;
use chrono::TimeDelta;
use futures_util::future::{join, join_all};
use serde_json::json;

use super::{create_task, create_task_at, delete, expect_status, get};
use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::process::until;

#[tokio::test]
async fn statistics_count_visible_tasks_on_both_paths() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    for (title, status, tags) in [
        ("a", "done", json!(["y"])),
        ("b", "todo", json!(["x", "y"])),
        ("c", "todo", json!([])),
        ("d", "cancelled", json!(["y"])),
    ] {
        create_task(
            &ann,
            json!({ "title": title, "status": status, "priority": "high", "due_date": "2026-01-01", "tags": tags }),
        )
        .await;
    }
    create_task(&bob, json!({ "title": "Bob's" })).await;
    let expected = json!({
        "total": 4, "completed": 1, "completion_rate": 0.25, "overdue": 2,
        "by_status": { "todo": 2, "in_progress": 0, "done": 1, "cancelled": 1 },
        "by_priority": { "low": 0, "medium": 0, "high": 4, "urgent": 0 },
        "tags": [{ "tag": "y", "count": 3 }, { "tag": "x", "count": 1 }], "by_tag": { "x": 1, "y": 3 },
        "incomplete": 3, "total_tasks": 4, "completed_tasks": 1, "pending_tasks": 2, "in_progress_tasks": 0,
        "high_priority_tasks": 4, "urgent_tasks": 0,
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
        create_task(&ann, json!({ "title": "T", "tags": ["t"] })).await["id"]
    );
    assert_eq!(stats().await["by_status"]["todo"], 1);
    let done = json!({ "completed": true });
    expect_status(ann.rest(Method::PATCH, &path, done).await, 200);
    let after = stats().await;
    assert_eq!(
        (&after["completed"], &after["completion_rate"]),
        (&json!(1), &json!(1.0))
    );
    expect_status(delete(&ann, &path).await, 204);
    assert_eq!(stats().await, empty);
}

/// The `X-Cache` header and the total.
async fn count(person: &Person<'_>) -> (String, i64) {
    let answer = expect_status(get(person, "/api/v1/tasks/stats").await, 200);
    (
        answer.header("x-cache").to_owned(),
        answer.at("/total").as_i64().unwrap(),
    )
}

/// Waits until counts are cached. On PostgreSQL, events that become settled invalidate them too.
async fn until_cached(person: &Person<'_>) {
    until("counts to be cached", async || {
        (count(person).await.0 == "HIT").then_some(())
    })
    .await;
}

#[track_caller]
fn cached(total: i64) -> (String, i64) {
    ("HIT".to_owned(), total)
}

#[track_caller]
fn counted(total: i64) -> (String, i64) {
    ("MISS".to_owned(), total)
}

#[tokio::test]
async fn counts_are_cached_for_a_minute() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    create_task(&ann, json!({ "title": "T", "due_date": "2026-01-15T12:00:30Z" })).await;
    app.database.settled().await;
    assert_eq!(count(&ann).await, counted(1));
    let first = get(&ann, "/tasks/statistics").await;
    assert_eq!(first.header("x-cache"), "HIT");
    assert_eq!(count(&bob).await, counted(0), "each has their own");
    app.advance(TimeDelta::seconds(59));
    // Tasks that become overdue show with the next count.
    assert_eq!(get(&ann, "/tasks/stats/").await.body, first.body);
    assert_eq!(first.at("/overdue"), 0);
    app.advance(TimeDelta::seconds(1));
    let later = get(&ann, "/tasks/stats").await;
    assert_eq!((later.header("x-cache"), later.at("/overdue")), ("MISS", &json!(1)));
}

#[tokio::test]
async fn cached_counts_take_two_sql_statements() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    count(&ann).await;
    let mut least = u64::MAX;
    for _ in 0..5 {
        let before = app.app.domain().statements();
        assert_eq!(count(&ann).await, cached(0));
        // The event log reader also runs a statement once a second.
        least = least.min(app.app.domain().statements() - before);
    }
    assert_eq!(least, 2);
}

#[tokio::test]
async fn graphql_and_rest_share_cached_counts() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let query = "{ taskStatistics { total byPriority { priority count } } }";
    let answer = ann.graphql(query, json!({})).await;
    assert_eq!(answer.data()["taskStatistics"]["total"], 0);
    assert_eq!(count(&ann).await, cached(0));
    ann.creates_task(json!({ "title": "T" })).await;
    app.database.settled().await;
    assert_eq!(ann.graphql(query, json!({})).await.data()["taskStatistics"]["total"], 1);
    assert_eq!(count(&ann).await, cached(1));
}

#[tokio::test]
async fn a_change_of_any_task_invalidates_all_cached_counts() {
    let app = TestApp::start().await;
    let (ann, bob, eve) = (app.member().await, app.member().await, app.member().await);
    let (boss, chief) = (app.admin().await, app.admin().await);
    let path = create_task_at(&ann, json!({ "title": "T" })).await;
    let at = |end: &str| format!("{path}{end}");
    let assign = |to: serde_json::Value| json!({ "assignee_id": to });
    let status = |to: &str| json!({ "target_status": to });
    let null = serde_json::Value::Null;
    for (method, path, body) in [
        (Method::POST, at("/assign"), assign(json!(bob.id))),
        (Method::PATCH, path.clone(), json!({ "priority": "low" })),
        (Method::POST, at("/tags"), json!(["x"])),
        (Method::POST, at("/transition"), status("done")),
        (Method::POST, at("/assign"), assign(null.clone())),
        (Method::DELETE, path.clone(), null.clone()),
        (Method::POST, at("/restore"), null.clone()),
        (Method::DELETE, at("/force"), null),
    ] {
        app.database.settled().await;
        app.advance(TimeDelta::seconds(60));
        for person in [&ann, &bob, &eve, &boss] {
            until_cached(person).await;
        }
        // Administrators share their counts.
        assert_eq!(count(&chief).await.0, "HIT", "{method} {path}");
        let done = ann.rest(method.clone(), &path, body).await;
        assert!(done.status.is_success(), "{}", done.text);
        for person in [&ann, &bob, &eve, &boss] {
            assert_eq!(count(person).await.0, "MISS", "{} after {method} {path}", person.name);
        }
    }
}

#[tokio::test]
async fn a_cache_time_of_zero_disables_the_cache() {
    let app = TestApp::start_with(&[("STATISTICS_CACHE_SECONDS", "0")]).await;
    let ann = app.member().await;
    for _ in 0..3 {
        assert_eq!(count(&ann).await, counted(0));
    }
}

#[tokio::test]
async fn counts_never_miss_an_acknowledged_write() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    never_misses_an_acknowledged_write(&[&ann], &[&ann, &ann], 0).await;
    app.database.settled().await;
    app.advance(TimeDelta::seconds(60));
    until_cached(&ann).await;
    assert_eq!(count(&ann).await, cached(40));
}

#[tokio::test]
async fn a_change_on_one_server_is_counted_on_all_at_once() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    let there = ann.with_token(&other, ann.access_token.as_deref().unwrap());
    assert_eq!(count(&there).await, counted(0));
    create_task(&ann, json!({ "title": "T" })).await;
    assert_eq!(count(&there).await, counted(1));
    assert_eq!(count(&ann).await, counted(1));
    never_misses_an_acknowledged_write(&[&ann, &there], &[&ann, &there, &there], 1).await;
}

/// Writes and reads concurrently. A read that starts after a write was acknowledged must count it.
async fn never_misses_an_acknowledged_write(writers: &[&Person<'_>], readers: &[&Person<'_>], existing: i64) {
    const EACH: i64 = 40;
    let answered = AtomicI64::new(existing);
    let all = existing + EACH * i64::try_from(writers.len()).unwrap();
    let writing = join_all(writers.iter().map(async |writer| {
        for number in 0..EACH {
            create_task(writer, json!({ "title": format!("T{number}") })).await;
            answered.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let reading = join_all(readers.iter().map(async |reader| {
        loop {
            let before = answered.load(Ordering::SeqCst);
            let (source, total) = count(reader).await;
            assert!(total >= before, "{source} {total} when {before} were answered");
            if before == all {
                assert_eq!(total, all);
                return;
            }
        }
    }));
    join(writing, reading).await;
}
