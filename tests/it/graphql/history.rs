//! The history of a task.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const HISTORY: &str = "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    taskHistory(id: $id, first: $first, after: $after, last: $last, before: $before) {
      totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      nodes { cursor type task { version } } } }";

/// A task of Ann that was assigned to Bob, moved, updated and tagged, a minute apart.
async fn busy_task(app: &TestApp, ann: &Person<'_>, bob: &Person<'_>) -> i64 {
    let id = ann
        .creates_task(json!({ "title": "Report", "dueDate": "2026-02-01T00:00:00Z" }))
        .await;
    let to_bob = format!(", assigneeId: \"{}\"", bob.global_id());
    for (person, mutation, arguments) in [
        (ann, "taskAssign", to_bob.as_str()),
        (bob, "taskTransition", ", status: IN_PROGRESS"),
        (
            bob,
            "taskUpdate",
            ", input: {title: \"Better\", priority: HIGH, dueDate: null}",
        ),
        (bob, "taskAddTags", ", tags: [\"b\", \"a\"]"),
    ] {
        app.advance(TimeDelta::minutes(1));
        person.changes_task(mutation, id, arguments).await;
    }
    id
}

async fn page(person: &Person<'_>, id: i64, arguments: Value) -> Value {
    let mut variables = arguments;
    variables["id"] = global_id("Task", id).into();
    person.graphql(HISTORY, variables).await.data()["taskHistory"].clone()
}

fn kinds(page: &Value) -> Vec<&str> {
    let nodes = page["nodes"].as_array().unwrap();
    nodes.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn each_event_has_its_actor_its_changes_and_a_snapshot() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let id = busy_task(&app, &ann, &bob).await;
    let answer = ann
        .graphql(
            "query($id: ID!) { task(id: $id) { history { nodes { type occurredAt actor { databaseId } taskId previousStatus status
                changes { field before after } snapshot { title version tags assignee { userId displayName } dueDate } task { version } } } } }",
            json!({ "id": global_id("Task", id) }),
        )
        .await;
    let task_id = global_id("Task", id);
    let assignee = json!({ "userId": bob.global_id(), "displayName": bob.name });
    assert_eq!(
        answer.data()["task"]["history"]["nodes"],
        json!([
            { "type": "CREATED", "occurredAt": "2026-01-15T12:00:00+00:00", "actor": { "databaseId": ann.id }, "taskId": task_id,
                "previousStatus": null, "status": "TODO", "changes": [],
                "snapshot": { "title": "Report", "version": 1, "tags": [], "assignee": null, "dueDate": "2026-02-01T00:00:00+00:00" }, "task": { "version": 5 } },
            { "type": "ASSIGNED", "occurredAt": "2026-01-15T12:01:00+00:00", "actor": { "databaseId": ann.id }, "taskId": task_id,
                "previousStatus": "TODO", "status": "TODO", "changes": [{ "field": "assignee", "before": null, "after": bob.global_id() }],
                "snapshot": { "title": "Report", "version": 2, "tags": [], "assignee": assignee, "dueDate": "2026-02-01T00:00:00+00:00" }, "task": { "version": 5 } },
            { "type": "STATUS_CHANGED", "occurredAt": "2026-01-15T12:02:00+00:00", "actor": { "databaseId": bob.id }, "taskId": task_id,
                "previousStatus": "TODO", "status": "IN_PROGRESS", "changes": [{ "field": "status", "before": "TODO", "after": "IN_PROGRESS" }],
                "snapshot": { "title": "Report", "version": 3, "tags": [], "assignee": assignee, "dueDate": "2026-02-01T00:00:00+00:00" }, "task": { "version": 5 } },
            { "type": "UPDATED", "occurredAt": "2026-01-15T12:03:00+00:00", "actor": { "databaseId": bob.id }, "taskId": task_id,
                "previousStatus": "IN_PROGRESS", "status": "IN_PROGRESS",
                "changes": [{ "field": "dueDate", "before": "2026-02-01T00:00:00+00:00", "after": null },
                    { "field": "priority", "before": "MEDIUM", "after": "HIGH" }, { "field": "title", "before": "Report", "after": "Better" }],
                "snapshot": { "title": "Better", "version": 4, "tags": [], "assignee": assignee, "dueDate": null }, "task": { "version": 5 } },
            { "type": "TAGGED", "occurredAt": "2026-01-15T12:04:00+00:00", "actor": { "databaseId": bob.id }, "taskId": task_id,
                "previousStatus": "IN_PROGRESS", "status": "IN_PROGRESS", "changes": [{ "field": "tags", "before": [], "after": ["a", "b"] }],
                "snapshot": { "title": "Better", "version": 5, "tags": ["a", "b"], "assignee": assignee, "dueDate": null }, "task": { "version": 5 } },
        ])
    );
}

#[tokio::test]
async fn a_history_is_paged_both_ways_in_the_order_of_the_writes() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let id = busy_task(&app, &ann, &bob).await;
    let first = page(&ann, id, json!({ "first": 2 })).await;
    assert_eq!(
        (kinds(&first), &first["totalCount"]),
        (vec!["CREATED", "ASSIGNED"], &json!(5))
    );
    assert_eq!(
        (&first["pageInfo"]["hasPreviousPage"], &first["pageInfo"]["hasNextPage"]),
        (&json!(false), &json!(true))
    );
    // The edge has the cursor of the event.
    assert_eq!(first["pageInfo"]["endCursor"], first["nodes"][1]["cursor"]);
    let rest = page(&ann, id, json!({ "first": 9, "after": first["pageInfo"]["endCursor"] })).await;
    assert_eq!(kinds(&rest), ["STATUS_CHANGED", "UPDATED", "TAGGED"]);
    assert_eq!(
        (&rest["pageInfo"]["hasPreviousPage"], &rest["pageInfo"]["hasNextPage"]),
        (&json!(true), &json!(false))
    );
    let back = page(
        &ann,
        id,
        json!({ "last": 2, "before": rest["pageInfo"]["startCursor"] }),
    )
    .await;
    assert_eq!(back["nodes"], first["nodes"]);
    assert_eq!(
        (&back["pageInfo"]["hasPreviousPage"], &back["pageInfo"]["hasNextPage"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(kinds(&page(&ann, id, json!({ "last": 1 })).await), ["TAGGED"]);
    let end = rest["pageInfo"]["endCursor"].clone();
    let beyond = page(&ann, id, json!({ "after": end })).await;
    assert_eq!((kinds(&beyond), &beyond["totalCount"]), (vec![], &json!(5)));
    assert_eq!(beyond["pageInfo"]["hasPreviousPage"], true);
}

#[tokio::test]
async fn only_users_who_see_the_task_see_its_history() {
    let app = TestApp::start().await;
    let (ann, bob, eve, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let id = busy_task(&app, &ann, &bob).await;
    for person in [&ann, &bob, &boss] {
        assert_eq!(page(person, id, json!({})).await["totalCount"], 5);
    }
    assert_eq!(page(&eve, id, json!({})).await, Value::Null);
    assert_eq!(page(&eve, 999_999, json!({})).await, Value::Null);
    // After Bob is unassigned he sees no event, including his own.
    ann.changes_task("taskAssign", id, "").await;
    assert_eq!(page(&bob, id, json!({})).await, Value::Null);
}

#[tokio::test]
async fn a_task_in_the_trash_keeps_its_history() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = ann.creates_task(json!({ "title": "T" })).await;
    ann.changes_task("taskDelete", id, "").await;
    assert_eq!(page(&ann, id, json!({})).await, Value::Null);
    let trash = "{ tasks(filter: {includeDeleted: true}) { nodes { history { totalCount nodes { type changes { field before after } } } } } }";
    let answer = ann.graphql(trash, json!({})).await;
    let history = answer.at("/data/tasks/nodes/0/history");
    assert_eq!(
        (history["totalCount"].clone(), kinds(history)),
        (json!(2), vec!["CREATED", "DELETED"])
    );
    assert_eq!(
        history["nodes"][1]["changes"],
        json!([{ "field": "deletedAt", "before": null, "after": "2026-01-15T12:00:00+00:00" }])
    );
    ann.changes_task("taskRestore", id, "").await;
    assert_eq!(
        kinds(&page(&ann, id, json!({})).await),
        ["CREATED", "DELETED", "RESTORED"]
    );
}

#[tokio::test]
async fn an_invalid_or_foreign_cursor_is_refused_with_its_field() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let id = global_id("Task", ann.creates_task(json!({ "title": "T" })).await);
    let foreign = URL_SAFE_NO_PAD.encode(json!(["f00d", 1, 1]).to_string());
    for (arguments, starts_with) in [
        (json!({ "after": "7" }), "after is not the cursor of an event"),
        (
            json!({ "last": 2, "before": "" }),
            "before is not the cursor of an event",
        ),
        (json!({ "after": foreign }), "after is a cursor of another event log"),
        (json!({ "first": 101 }), "first is 101; 0 to 100 are allowed"),
    ] {
        let mut variables = arguments;
        variables["id"] = id.clone().into();
        let answer = ann.graphql(HISTORY, variables).await;
        assert_eq!(answer.error_code(), "BAD_USER_INPUT");
        assert!(answer.error_message().starts_with(starts_with), "{}", answer.text);
    }
}
