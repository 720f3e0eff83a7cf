//! Invalid parameters: errors name the parameter and what is allowed.

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{create_task, expect_refusal, expect_status, get};
use crate::support::TestApp;

/// Refused parameters of a task list, each with the field and message of the error.
const REFUSED: &[(&str, &str, &str)] = &[
    ("limit=101", "limit", "limit is 101; 1 to 100 are allowed"),
    ("limit=0", "limit", "limit is 0; 1 to 100 are allowed"),
    ("per_page=101", "per_page", "per_page is 101; 1 to 100 are allowed"),
    ("per_page=0", "per_page", "per_page is 0; 1 to 100 are allowed"),
    ("page=0", "page", "page is 0; the first page is 1"),
    ("limit=-1", "limit", "'-1' is not a whole number from 0 to 2147483647"),
    ("limit=ten", "limit", "'ten' is not a whole number"),
    ("limit=1.5", "limit", "'1.5' is not a whole number"),
    ("limit=", "limit", "'' is not a whole number"),
    ("limit=2147483648", "limit", "from 0 to 2147483647"),
    ("skip=-1", "skip", "'-1' is not a whole number"),
    ("page=99999999999999999999", "page", "from 0 to 2147483647"),
    ("skip=1&page=1", "page", "choose one of them"),
    ("skip=1&cursor=c", "page", "choose one of them"),
    ("page=1&cursor=c", "page", "choose one of them"),
    ("limit=1&per_page=1", "per_page", "choose one of them"),
    (
        "status=open",
        "status",
        "'open' is not allowed; use one of todo, in_progress, done, cancelled",
    ),
    ("status=todo,open", "status", "'open' is not allowed"),
    ("status=", "status", "use one of todo"),
    (
        "priority=important",
        "priority",
        "'important' is not allowed; use one of low, medium, high, urgent",
    ),
    (
        "completed=maybe",
        "completed",
        "'maybe' is not allowed; use true or false",
    ),
    ("overdue=2", "overdue", "'2' is not allowed; use true or false"),
    ("assignee_id=ann", "assignee_id", "'ann' is not a whole number"),
    ("assignee_id=-1", "assignee_id", "'-1' is not a whole number"),
    ("owner_id=0x1", "owner_id", "'0x1' is not a whole number"),
    ("owner_id=2147483648", "owner_id", "from 0 to 2147483647"),
    (
        "due_before=tomorrow",
        "due_before",
        "'tomorrow' is not a date; use RFC 3339, such as 2026-01-31T09:30:00Z, or a date alone, such as 2026-01-31",
    ),
    ("due_after=2026-02-30", "due_after", "'2026-02-30' is not a date"),
    ("due_after=", "due_after", "'' is not a date"),
    (
        "sort_by=colour",
        "sort_by",
        "'colour' is not allowed; use one of created_at, updated_at, due_date, due_on, priority, status, title, \
            deleted_at, id, completed, completed_at, owner_id, user_id, assignee_id, description, version",
    ),
    ("sort_by=-colour", "sort_by", "'colour' is not allowed"),
    ("sort_by=-id&sort_order=asc", "sort_order", "use one of them"),
    (
        "tag_mode=both",
        "tag_mode",
        "'both' is not allowed; use one of any, all",
    ),
    ("created_after=tomorrow", "created_after", "'tomorrow' is not a date"),
    (
        "created_before=2026-02-30",
        "created_before",
        "'2026-02-30' is not a date",
    ),
    (
        "sort_order=up",
        "sort_order",
        "'up' is not allowed; use one of asc, desc",
    ),
    ("tag=", "tags", "1 to 50 are allowed"),
    ("tags=a,,b", "tags", "1 to 50 are allowed"),
    ("status=todo&status=done", "status", "duplicate field `status`"),
    ("limit=1&limit=1", "limit", "duplicate field `limit`"),
];

/// Unknown parameters.
const UNKNOWN: [(&str, &str, &str); 2] = [
    (
        "colour=red",
        "colour",
        "unknown parameter `colour`, expected one of `skip`, `limit`, `page`, `per_page`, `cursor`, `status`",
    ),
    ("Status=todo", "Status", "expected one of"),
];

#[tokio::test]
async fn an_invalid_parameter_is_refused_by_name_with_what_is_allowed() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    create_task(&boss, json!({ "title": "T" })).await;
    for path in ["/api/v1/tasks", "/api/v1/tasks/admin/all"] {
        for (query, field, allowed) in REFUSED {
            let answer = get(&boss, &format!("{path}?{query}")).await;
            expect_refusal(&answer, (422, "INVALID", field), allowed);
        }
        for (query, field, allowed) in UNKNOWN {
            let answer = get(&boss, &format!("{path}?{query}")).await;
            expect_refusal(&answer, (400, "UNKNOWN_PARAMETER", field), allowed);
        }
    }
}

#[tokio::test]
async fn all_errors_of_a_list_are_reported_at_once() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = get(&ann, "/api/v1/tasks?tag=&limit=101&page=0").await;
    assert_eq!(answer.problem().0, 422);
    let details = answer.at("/error/details").as_array().unwrap();
    let fields: Vec<&Value> = details.iter().map(|detail| &detail["field"]).collect();
    assert_eq!(fields, ["tags", "limit", "page"]);
}

#[tokio::test]
async fn the_largest_allowed_numbers_are_accepted() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    create_task(&ann, json!({ "title": "T" })).await;
    for query in [
        "limit=100",
        "per_page=100",
        "skip=2147483647",
        "page=2147483647&per_page=100",
        "owner_id=2147483647",
        "assignee_id=0",
        "due_before=9999-12-31T23:59:59Z",
        "due_after=0001-01-01",
    ] {
        expect_status(get(&ann, &format!("/api/v1/tasks?{query}")).await, 200);
    }
}

#[tokio::test]
async fn routes_without_parameters_refuse_them() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    let id = create_task(&boss, json!({ "title": "Kept" })).await["id"].clone();
    let before = app.footprint().await;
    for (method, path, body) in [
        (Method::GET, format!("/api/v1/tasks/{id}"), Value::Null),
        (Method::POST, "/api/v1/tasks".to_owned(), json!({ "title": "T" })),
        (Method::PATCH, format!("/tasks/{id}"), json!({ "title": "T" })),
        (Method::DELETE, format!("/tasks/{id}/force/"), Value::Null),
        (Method::GET, "/api/v1/tasks/statistics".to_owned(), Value::Null),
        (Method::GET, format!("/api/v1/users/{}", boss.id), Value::Null),
        (Method::GET, "/api/v1/auth/me".to_owned(), Value::Null),
    ] {
        let answer = boss.rest(method, &format!("{path}?colour=red"), body).await;
        let allowed = "unknown parameter `colour`; this path takes none";
        expect_refusal(&answer, (400, "UNKNOWN_PARAMETER", "colour"), allowed);
    }
    for (method, path, field, allowed) in [
        (
            Method::GET,
            "/api/v1/users?role=admin",
            "role",
            "expected one of `skip`, `limit`, `page`, `per_page`, `cursor`",
        ),
        (
            Method::GET,
            "/api/v1/users?limit=101",
            "limit",
            "limit is 101; 1 to 100 are allowed",
        ),
        (
            Method::DELETE,
            "/api/v1/users/1?heir=2",
            "heir",
            "expected `transfer_to`",
        ),
        (
            Method::DELETE,
            "/api/v1/users/1?transfer_to=bob",
            "transfer_to",
            "'bob' is not a whole number",
        ),
        (
            Method::POST,
            "/api/v1/auth/logout?all=maybe",
            "all",
            "'maybe' is not allowed; use true or false",
        ),
        (
            Method::POST,
            "/api/v1/auth/logout?everywhere=1",
            "everywhere",
            "expected `all`",
        ),
    ] {
        let answer = boss.rest(method, path, Value::Null).await;
        let refusal = if allowed.starts_with("expected") {
            (400, "UNKNOWN_PARAMETER", field)
        } else {
            (422, "INVALID", field)
        };
        expect_refusal(&answer, refusal, allowed);
    }
    assert_eq!(app.footprint().await, before);
}

/// A cursor in the format of the server, with any content.
fn cursor(content: &Value) -> String {
    URL_SAFE_NO_PAD.encode(content.to_string())
}

#[tokio::test]
async fn an_invalid_or_foreign_cursor_is_refused() {
    let app = TestApp::start().await;
    let boss = app.admin().await;
    for title in ["A", "B"] {
        create_task(&boss, json!({ "title": title })).await;
    }
    let page = get(&boss, "/api/v1/tasks?limit=1").await;
    let real = page.at("/next_cursor").as_str().unwrap();
    let not_ours = "cursor is not a cursor of this server; use a cursor that came with an earlier page, unchanged";
    for (path, cursor) in [
        ("tasks", "garbage".to_owned()),
        ("tasks", String::new()),
        ("tasks", "x".repeat(5_000)),
        ("tasks", format!("{real}x")),
        ("tasks", cursor(&json!({}))),
        ("tasks", cursor(&json!(["created-", ["today"], 1]))),
        ("tasks", cursor(&json!(["created-", [i64::MAX], 1]))),
        ("tasks", cursor(&json!(["created-", [], 1]))),
        ("tasks", cursor(&json!(["created-", [null], 1]))),
        ("tasks", cursor(&json!(["created-", [1], 2_147_483_648_i64]))),
        ("tasks?sort_by=title&", cursor(&json!(["title-", ["a\u{0}"], 1]))),
        (
            "tasks?sort_by=priority&",
            cursor(&json!(["priority-created-", [40_000, 1], 1])),
        ),
        ("users", "garbage".to_owned()),
    ] {
        let separator = if path.ends_with('&') { "" } else { "?" };
        let answer = get(&boss, &format!("/api/v1/{path}{separator}cursor={cursor}")).await;
        expect_refusal(&answer, (400, "BAD_USER_INPUT", "cursor"), not_ours);
    }
    let other = "cursor is a cursor of a list in another order";
    for path in [
        "tasks?sort_by=title",
        "tasks?sort_order=asc",
        "tasks?sort_by=id&sort_order=desc",
        "users?limit=1",
    ] {
        let answer = get(&boss, &format!("/api/v1/{path}&cursor={real}")).await;
        expect_refusal(&answer, (400, "BAD_USER_INPUT", "cursor"), other);
    }
}
