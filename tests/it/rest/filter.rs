//! Filters of task lists through REST.

use chrono::TimeDelta;
use serde_json::json;

use super::{create_task, expect_refusal, expect_status, get, titles};
use crate::support::TestApp;
use crate::support::person::Person;

/// Titles of matching tasks, sorted. Checks that the count agrees.
async fn passing(person: &Person<'_>, query: &str) -> String {
    let path = format!("/api/v1/tasks?sort_by=title&sort_order=asc&{query}");
    let list = expect_status(get(person, &path).await, 200);
    let count = list.at("/items").as_array().unwrap().len();
    assert_eq!(list.at("/total"), count, "the count of {query}");
    titles(&list)
}

/// Five tasks that Ann sees, `a` to `e`. Bob owns `e`; Ann is its assignee.
async fn five_tasks(app: &TestApp, ann: &Person<'_>, bob: &Person<'_>) {
    for (person, task) in [
        (
            ann,
            json!({ "title": "a", "description": "Fix the Login page", "priority": "low", "due_date": "2026-01-10",
                "tags": ["red"] }),
        ),
        (
            ann,
            json!({ "title": "b", "status": "in_progress", "priority": "high", "due_date": "2026-02-01",
                "tags": ["red", "blue"], "assignee_id": bob.id }),
        ),
        (
            ann,
            json!({ "title": "c", "status": "done", "priority": "urgent", "assignee_id": ann.id }),
        ),
        (
            ann,
            json!({ "title": "d", "description": "100% of the logins", "status": "cancelled",
                "due_date": "2026-01-10", "tags": ["blue", "two words"] }),
        ),
        (bob, json!({ "title": "e", "assignee_id": ann.id })),
    ] {
        create_task(person, task).await;
        app.advance(TimeDelta::minutes(1));
    }
}

#[tokio::test]
async fn filters_of_older_apis_return_the_matching_tasks() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    for (query, expected) in [
        ("created_after=2026-01-15T12:02:00Z", "c,d,e"),
        ("created_before=2026-01-15T12:02:00Z", "a,b,c"),
        ("created_after=2026-01-15&created_before=2026-01-15", "a,b,c,d,e"),
        ("created_before=2026-01-14", ""),
        ("created_after=2026-01-16", ""),
        ("tag=red&tag=blue", "a,b,d"),
        ("tags=red&tags=blue", "a,b,d"),
        ("tags=red,blue&tag_mode=all", "b"),
        ("tags=red&tags=blue&tag_mode=all", "b"),
        ("tags=red,blue&tag_mode=any", "a,b,d"),
        ("completed=yes", "c"),
        ("completed=No&overdue=ON", "a"),
        ("completed=T", "c"),
    ] {
        assert_eq!(passing(&ann, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn each_filter_returns_the_matching_tasks() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    let (owned, assigned) = (format!("owner_id={}", bob.id), format!("assignee_id={}", bob.id));
    let mine = format!("assignee_id={}", ann.id);
    for (query, expected) in [
        ("", "a,b,c,d,e"),
        ("status=todo", "a,e"),
        ("status=pending", "a,e"),
        ("status=in_progress", "b"),
        ("status=done", "c"),
        ("status=completed", "c"),
        ("status=cancelled", "d"),
        ("status=done,cancelled", "c,d"),
        ("status=done%2C%20cancelled", "c,d"),
        ("priority=medium", "d,e"),
        ("priority=low,urgent", "a,c"),
        ("tag=red", "a,b"),
        ("tag=RED", "a,b"),
        ("tag=green", ""),
        ("tag=two%20words", "d"),
        ("tag=two+words", "d"),
        ("tags=red", "a,b"),
        ("tags=red,blue", "a,b,d"),
        ("tag=red&tags=blue", "b"),
        ("search=login", "a,d"),
        ("search=LOGIN+fix", "a"),
        ("search=100%25", "d"),
        ("search=zzz", ""),
        ("search=", "a,b,c,d,e"),
        ("completed=true", "c"),
        ("completed=false", "a,b,d,e"),
        ("completed=True", "c"),
        ("completed=0", "a,b,d,e"),
        ("overdue=true", "a"),
        ("overdue=false", "b,c,d,e"),
        (owned.as_str(), "e"),
        (assigned.as_str(), "b"),
        (mine.as_str(), "c,e"),
        ("owner_id=999999", ""),
        ("due_before=2026-02-01", "a,d"),
        ("due_before=2026-01-10", ""),
        ("due_before=2026-01-10T00:00:01Z", "a,d"),
        ("due_after=2026-01-10", "b"),
        ("due_after=2026-01-09T23:59:59", "a,b,d"),
        ("due_after=2026-01-10T01:00:00%2B02:00", "a,b,d"),
        ("due_after=2026-01-09&due_before=2026-01-11", "a,d"),
        ("due_before=9999-12-31T23:59:59Z", "a,b,d"),
        ("due_after=0001-01-01", "a,b,d"),
    ] {
        assert_eq!(passing(&ann, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_due_day_is_due_at_its_end_in_utc() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (title, due) in [
        ("day", json!({ "due_on": "2026-02-01" })),
        ("moment", json!({ "due_date": "2026-02-01T12:00:00Z" })),
        ("never", json!({})),
    ] {
        let mut task = due;
        task["title"] = json!(title);
        create_task(&ann, task).await;
    }
    for (query, expected) in [
        ("due_before=2026-02-01", ""),
        ("due_before=2026-02-01T13:00:00Z", "moment"),
        ("due_before=2026-02-01T23:59:59.999999Z", "moment"),
        ("due_before=2026-02-02", "day,moment"),
        ("due_after=2026-02-01", "day,moment"),
        ("due_after=2026-02-01T13:00:00Z", "day"),
        ("due_after=2026-02-01T23:59:59.999998Z", "day"),
        ("due_after=2026-02-01T23:59:59.999999Z", ""),
        ("due_after=2026-02-02", ""),
        ("due_after=2026-02-01T13:00:00Z&due_before=2026-02-02", "day"),
    ] {
        assert_eq!(passing(&ann, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn filters_are_combined_with_and() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    five_tasks(&app, &ann, &bob).await;
    for (query, expected) in [
        ("status=todo&priority=low", "a"),
        ("status=todo&completed=true", ""),
        ("status=todo,done&tag=red&overdue=true&search=fix", "a"),
        ("priority=low,high&due_after=2026-01-31", "b"),
    ] {
        assert_eq!(passing(&ann, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn a_filter_never_shows_invisible_tasks() {
    let app = TestApp::start().await;
    let (ann, bob, cat) = (app.member().await, app.member().await, app.member().await);
    let boss = app.admin().await;
    five_tasks(&app, &ann, &bob).await;
    let of_ann = format!("owner_id={}", ann.id);
    for query in [of_ann.as_str(), "completed=false", "search=login", "tag=red"] {
        assert_eq!(passing(&cat, query).await, "", "{query}");
    }
    assert_eq!(passing(&bob, &of_ann).await, "b");
    assert_eq!(passing(&boss, &of_ann).await, "a,b,c,d");
}

#[tokio::test]
async fn an_overdue_task_is_open_and_past_its_due_date() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_task(&ann, json!({ "title": "due now", "due_date": "2026-01-15T12:00:00Z" })).await;
    assert_eq!(passing(&ann, "overdue=true").await, "");
    app.advance(TimeDelta::seconds(1));
    assert_eq!(passing(&ann, "overdue=true").await, "due now");
    assert_eq!(passing(&ann, "overdue=false").await, "");
}

#[tokio::test]
async fn a_bound_outside_of_the_allowed_years_is_refused() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_task(&ann, json!({ "title": "T", "due_date": "2026-02-01" })).await;
    for field in ["due_before", "due_after"] {
        for moment in ["9999-12-31T23:59:59-14:00", "%2B12026-01-01T00:00:00", "0000-12-31"] {
            let answer = get(&ann, &format!("/api/v1/tasks?{field}={moment}")).await;
            expect_refusal(&answer, (422, "INVALID", field), "the years 1 to 9999 are allowed");
        }
    }
}
