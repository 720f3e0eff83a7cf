//! Lists of tasks: pages, order and visibility.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::{create_task, delete, expect_refusal, expect_status, get, patch, titles};
use crate::support::TestApp;
use crate::support::answer::Answer;
use crate::support::person::Person;

/// Creates tasks with these titles, a minute apart.
async fn create_all(app: &TestApp, person: &Person<'_>, titles: &[&str]) {
    for title in titles {
        create_task(person, json!({ "title": title })).await;
        app.advance(TimeDelta::minutes(1));
    }
}

async fn list(person: &Person<'_>, query: &str) -> Answer {
    expect_status(get(person, &format!("/api/v1/tasks?{query}")).await, 200)
}

/// Paging fields of a list. Checks that `pagination` agrees.
#[track_caller]
fn frame(list: &Answer) -> Value {
    let mut body = list.body.clone();
    let more = list.at("/next_cursor").is_string();
    let expected = json!({ "page": body["page"], "per_page": body["per_page"], "total_items": body["total"],
        "total_pages": body["pages"], "has_next": more, "has_prev": body["skip"] != 0 });
    let frame = body.as_object_mut().unwrap();
    assert_eq!(frame.remove("pagination"), Some(expected));
    frame.remove("items");
    frame.insert("next_cursor".to_owned(), json!(list.at("/next_cursor").is_string()));
    body
}

#[tokio::test]
async fn the_newest_task_comes_first_and_has_every_field() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_all(&app, &ann, &["a", "b", "c"]).await;
    // With equal times, the last created task is first.
    create_task(&ann, json!({ "title": "d" })).await;
    let last = create_task(&ann, json!({ "title": "e", "assignee_id": ann.id, "tags": ["t"] })).await;
    let all = list(&ann, "").await;
    assert_eq!(titles(&all), "e,d,c,b,a");
    assert_eq!(all.at("/items/0"), &last);
    assert_eq!(
        frame(&all),
        json!({ "total": 5, "page": 1, "per_page": 50, "pages": 1, "skip": 0, "limit": 50, "next_cursor": false })
    );
}

#[tokio::test]
async fn a_list_is_paged_by_offset_or_by_page() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_all(&app, &ann, &["a", "b", "c", "d", "e"]).await;
    for (query, expected, page, skip, more) in [
        ("limit=2", "e,d", 1, 0, true),
        ("skip=2&limit=2", "c,b", 2, 2, true),
        ("skip=3&limit=2", "b,a", 2, 3, false),
        ("skip=4&limit=2", "a", 3, 4, false),
        ("skip=7&limit=2", "", 4, 7, false),
        ("per_page=2", "e,d", 1, 0, true),
        ("page=1&per_page=2", "e,d", 1, 0, true),
        ("page=2&per_page=2", "c,b", 2, 2, true),
        ("page=3&per_page=2", "a", 3, 4, false),
        ("page=9&per_page=2", "", 9, 16, false),
        ("page=2&limit=2", "c,b", 2, 2, true),
        ("skip=2&per_page=2", "c,b", 2, 2, true),
    ] {
        let part = list(&ann, query).await;
        assert_eq!(titles(&part), expected, "{query}");
        assert_eq!(
            frame(&part),
            json!({ "total": 5, "page": page, "per_page": 2, "pages": 3, "skip": skip, "limit": 2, "next_cursor": more }),
            "{query}"
        );
    }
    let whole = list(&ann, "limit=5").await;
    assert_eq!(
        (whole.at("/pages"), whole.at("/next_cursor")),
        (&json!(1), &Value::Null)
    );
    assert_eq!(titles(&list(&ann, "skip=1").await), "d,c,b,a");
    assert_eq!(titles(&list(&ann, "page=2").await), "");
}

#[tokio::test]
async fn an_empty_list_has_no_pages() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let none = list(&ann, "").await;
    assert_eq!(titles(&none), "");
    assert_eq!(
        frame(&none),
        json!({ "total": 0, "page": 1, "per_page": 50, "pages": 0, "skip": 0, "limit": 50, "next_cursor": false })
    );
}

/// All titles, by following cursors with two rows a page. `end` is appended to every query.
async fn walk(person: &Person<'_>, first: &str, end: &str) -> String {
    let mut page = list(person, &format!("{first}&{end}")).await;
    let mut found = titles(&page);
    for _ in 0..20 {
        let Some(cursor) = page.at("/next_cursor").as_str() else {
            return found;
        };
        page = list(person, &format!("limit=2&cursor={cursor}&{end}")).await;
        assert_eq!(
            (page.at("/page"), page.at("/skip")),
            (&Value::Null, &Value::Null),
            "a page after a cursor has no offset"
        );
        found = format!("{found},{}", titles(&page));
    }
    panic!("the cursors do not end: {found}");
}

#[tokio::test]
async fn cursors_page_through_each_order_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (position, title) in ["b", "A", "c", "D", "e", "f"].into_iter().enumerate() {
        let priority = ["low", "urgent"][position % 2];
        let due = (position % 3 > 0).then_some("2026-02-01");
        let status = if position < 4 { "todo" } else { "done" };
        create_task(
            &ann,
            json!({ "title": title, "priority": priority, "due_date": due, "status": status }),
        )
        .await;
        if position % 2 == 0 {
            app.advance(TimeDelta::minutes(1));
        }
    }
    for column in [
        "created_at",
        "updated_at",
        "due_date",
        "priority",
        "status",
        "title",
        "id",
    ] {
        let mut orders = Vec::new();
        for direction in ["asc", "desc"] {
            let order = format!("sort_by={column}&sort_order={direction}");
            let whole = titles(&list(&ann, &order).await);
            let mut sorted: Vec<&str> = whole.split(',').collect();
            sorted.sort_unstable();
            assert_eq!(sorted, ["A", "D", "b", "c", "e", "f"], "{order}");
            assert_eq!(walk(&ann, "limit=2", &order).await, whole, "{order}");
            // A page by offset has a cursor too.
            let rest = whole.split(',').skip(1).collect::<Vec<_>>().join(",");
            assert_eq!(walk(&ann, "skip=1&limit=2", &order).await, rest, "{order}");
            orders.push(whole);
        }
        let reversed: Vec<&str> = orders[1].rsplit(',').collect();
        assert_eq!(reversed.join(","), orders[0], "{column}");
    }
    let order = "sort_by=id&sort_order=asc&status=todo";
    assert_eq!(walk(&ann, "limit=2", order).await, "b,A,c,D");
    assert_eq!(list(&ann, &format!("limit=1&{order}")).await.at("/total"), 4);
}

#[tokio::test]
async fn a_cursor_is_not_shifted_by_created_and_deleted_tasks() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_all(&app, &ann, &["a", "b", "c", "d"]).await;
    let first = list(&ann, "limit=2").await;
    assert_eq!(titles(&first), "d,c");
    create_task(&ann, json!({ "title": "new" })).await;
    let path = format!("/api/v1/tasks/{}", first.at("/items/1/id"));
    expect_status(delete(&ann, &path).await, 204);
    let cursor = first.at("/next_cursor").as_str().unwrap();
    let second = list(&ann, &format!("limit=2&cursor={cursor}")).await;
    assert_eq!(titles(&second), "b,a");
    assert_eq!(
        frame(&second),
        json!({ "total": 4, "page": null, "per_page": 2, "pages": 2, "skip": null, "limit": 2, "next_cursor": false })
    );
}

#[tokio::test]
async fn a_list_is_sorted_by_each_column() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let mut paths = Vec::new();
    for (title, status, priority, due) in [
        ("beta", "done", "urgent", Some("2026-03-01")),
        ("Alpha", "todo", "low", None),
        ("gamma", "in_progress", "high", Some("2026-02-01")),
    ] {
        let task = json!({ "title": title, "status": status, "priority": priority, "due_date": due });
        paths.push(format!("/api/v1/tasks/{}", create_task(&ann, task).await["id"]));
        app.advance(TimeDelta::minutes(1));
    }
    expect_status(
        ann.rest(axum::http::Method::PATCH, &paths[1], json!({ "description": "D" }))
            .await,
        200,
    );
    for (query, expected) in [
        ("sort_by=title&sort_order=asc", "Alpha,beta,gamma"),
        ("sort_by=title&sort_order=desc", "gamma,beta,Alpha"),
        ("sort_by=status&sort_order=asc", "Alpha,gamma,beta"),
        ("sort_by=priority&sort_order=desc", "beta,gamma,Alpha"),
        ("sort_by=due_date&sort_order=asc", "gamma,beta,Alpha"),
        ("sort_by=updated_at&sort_order=desc", "Alpha,gamma,beta"),
        ("sort_by=created_at&sort_order=asc", "beta,Alpha,gamma"),
        ("sort_by=id&sort_order=desc", "gamma,Alpha,beta"),
        ("sort_order=asc", "beta,Alpha,gamma"),
        ("sort_order=desc", "gamma,Alpha,beta"),
    ] {
        assert_eq!(titles(&list(&ann, query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn a_list_is_sorted_by_every_column_that_a_task_shows_and_cursors_follow() {
    let app = TestApp::start().await;
    let (boss, bob) = (app.admin().await, app.member().await);
    for (person, task) in [
        (
            &boss,
            json!({ "title": "a", "description": "beta", "status": "done", "due_on": "2026-02-01" }),
        ),
        (&bob, json!({ "title": "b", "description": "Äpfel" })),
        (
            &boss,
            json!({ "title": "c", "description": "Alpha", "assignee_id": bob.id, "due_on": "2026-01-31" }),
        ),
        (&bob, json!({ "title": "d", "status": "done", "assignee_id": boss.id })),
    ] {
        create_task(person, task).await;
        app.advance(TimeDelta::minutes(1));
    }
    let path = format!(
        "/api/v1/tasks/{}",
        list(&boss, "sort_by=id&sort_order=asc").await.at("/items/1/id")
    );
    expect_status(patch(&boss, &path, json!({ "priority": "low" })).await, 200);
    for (column, expected) in [
        ("completed", "b,c,a,d"),
        ("completed_at", "a,d,b,c"),
        ("owner_id", "a,c,b,d"),
        ("user_id", "a,c,b,d"),
        ("assignee_id", "d,c,a,b"),
        ("description", "d,c,a,b"),
        ("version", "a,c,d,b"),
        ("due_on", "c,a,b,d"),
    ] {
        for ascending in [format!("sort_by={column}&sort_order=asc"), format!("sort_by=-{column}")] {
            let all = list(&boss, &ascending).await;
            assert_eq!(titles(&all), expected, "{ascending}");
            let mut seen = Vec::new();
            let mut cursor = String::new();
            while let Some(next) = {
                let part = list(&boss, &format!("{ascending}&limit=1{cursor}")).await;
                seen.push(titles(&part));
                part.at("/next_cursor").as_str().map(str::to_owned)
            } {
                cursor = format!("&cursor={next}");
            }
            assert_eq!(seen.join(","), expected, "{ascending}");
        }
        let reversed: Vec<&str> = expected.rsplit(',').collect();
        assert_eq!(
            titles(&list(&boss, &format!("sort_by={column}")).await),
            reversed.join(","),
            "{column}"
        );
    }
}

#[tokio::test]
async fn members_list_tasks_they_own_or_are_assigned_to_and_administrators_all() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    create_task(&ann, json!({ "title": "anns" })).await;
    create_task(&ann, json!({ "title": "shared", "assignee_id": bob.id })).await;
    create_task(&bob, json!({ "title": "bobs" })).await;
    for (person, expected, total) in [
        (&ann, "shared,anns", 2),
        (&bob, "bobs,shared", 2),
        (&boss, "bobs,shared,anns", 3),
    ] {
        let all = list(person, "").await;
        assert_eq!((titles(&all).as_str(), all.at("/total")), (expected, &json!(total)));
    }
    for path in ["/api/v1/tasks/admin/all", "/tasks/admin/all/"] {
        let answer = expect_status(get(&boss, &format!("{path}?limit=2")).await, 200);
        assert_eq!(titles(&answer), "bobs,shared");
        assert_eq!(answer.body, list(&boss, "limit=2").await.body);
        let answer = get(&ann, path).await;
        let refusal = "Only an administrator may list all tasks";
        expect_refusal(&answer, (403, "FORBIDDEN", ""), refusal);
    }
}
