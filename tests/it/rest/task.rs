//! Tasks through REST: create, read, replace and update.

use chrono::TimeDelta;
use sea_orm::FromQueryResult;
use serde_json::{Value, json};

use super::{create_task, create_task_at, expect_refusal, expect_status, get, patch, post, put};
use crate::support::TestApp;

#[tokio::test]
async fn a_new_task_has_its_defaults_and_every_field() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let answer = post(&ann, "/api/v1/tasks", json!({ "title": "  Write the report " })).await;
    let (id, email) = (answer.at("/id"), format!("{}@example.com", ann.name));
    let task = json!({
        "id": id, "title": "Write the report", "description": null, "status": "todo", "priority": "medium",
        "due_date": null, "due_on": null, "completed": false, "completed_at": null, "owner_id": ann.id, "user_id": ann.id,
        "assignee_id": null, "owner": { "id": ann.id, "username": ann.name, "full_name": null, "email": email },
        "assignee": null, "tags": [],
        "client_key": null, "version": 1, "created_at": "2026-01-15T12:00:00Z", "updated_at": "2026-01-15T12:00:00Z",
    });
    assert_eq!(answer.body, task);
    assert_eq!(answer.header("location"), format!("/api/v1/tasks/{id}"));
    let read = get(&ann, answer.header("location")).await;
    assert_eq!(expect_status(read, 200).body, task);
}

#[tokio::test]
async fn a_new_task_takes_every_field() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let name = json!({ "full_name": "Bob Example" });
    expect_status(patch(&bob, &format!("/users/{}", bob.id), name).await, 200);
    let created = create_task(
        &ann,
        json!({ "title": "T", "description": "Two\nlines", "status": "in_progress", "priority": "urgent",
            "due_date": "2026-02-01T09:30:00Z", "assignee_id": bob.id, "tags": ["Work", " home ", "work"] }),
    )
    .await;
    let addresses = [&ann, &bob].map(|person| json!(format!("{}@example.com", person.name)));
    let mut task = json!({
        "id": created["id"], "title": "T", "description": "Two\nlines", "status": "in_progress", "priority": "urgent",
        "due_date": "2026-02-01T09:30:00Z", "due_on": null, "completed": false, "completed_at": null, "owner_id": ann.id,
        "user_id": ann.id, "assignee_id": bob.id, "owner": { "id": ann.id, "username": ann.name, "full_name": null },
        "assignee": { "id": bob.id, "username": bob.name, "full_name": "Bob Example" }, "tags": ["home", "work"],
        "client_key": null, "version": 1, "created_at": "2026-01-15T12:00:00Z", "updated_at": "2026-01-15T12:00:00Z",
    });
    // Each user sees only the address of their account, and the name of the other.
    let by_bob = expect_status(get(&bob, &format!("/api/v1/tasks/{}", created["id"])).await, 200);
    for (shown, own, address) in [
        (&created, "owner", &addresses[0]),
        (&by_bob.body, "assignee", &addresses[1]),
    ] {
        task[own]["email"] = address.clone();
        assert_eq!(*shown, task);
        task[own].as_object_mut().unwrap().remove("email");
    }
}

#[tokio::test]
async fn a_new_task_may_have_any_status_and_older_status_names() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (fields, status) in [
        (json!({ "status": "todo" }), "todo"),
        (json!({ "status": "in_progress" }), "in_progress"),
        (json!({ "status": "done" }), "done"),
        (json!({ "status": "cancelled" }), "cancelled"),
        (json!({ "status": "pending" }), "todo"),
        (json!({ "status": "completed" }), "done"),
        (json!({ "status": null }), "todo"),
        (json!({ "completed": true }), "done"),
        (json!({ "completed": false }), "todo"),
        (json!({ "completed": true, "status": "done" }), "done"),
        (json!({ "completed": false, "status": "cancelled" }), "cancelled"),
    ] {
        let mut task = fields.clone();
        task["title"] = json!("T");
        let created = create_task(&ann, task).await;
        let done = status == "done";
        let completed_at = if done {
            json!("2026-01-15T12:00:00Z")
        } else {
            Value::Null
        };
        assert_eq!(
            (&created["status"], &created["completed"], &created["completed_at"]),
            (&json!(status), &json!(done), &completed_at),
            "{fields}"
        );
    }
}

#[tokio::test]
async fn a_date_may_have_no_time_or_a_time_zone() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    for (given, kept) in [
        ("2026-02-01", "2026-02-01T00:00:00Z"),
        ("2026-02-01T09:30:00Z", "2026-02-01T09:30:00Z"),
        ("2026-02-01T01:30:00+02:00", "2026-01-31T23:30:00Z"),
        ("2026-02-01T09:30:00", "2026-02-01T09:30:00Z"),
        ("2026-02-01T09:30", "2026-02-01T09:30:00Z"),
        ("2026-02-01 09:30:00.250000", "2026-02-01T09:30:00.250Z"),
        ("2026-02-01T09:30:00.250Z", "2026-02-01T09:30:00.250Z"),
        ("0001-01-01", "0001-01-01T00:00:00Z"),
        ("9999-12-31", "9999-12-31T00:00:00Z"),
    ] {
        let path = create_task_at(&ann, json!({ "title": "T", "due_date": given })).await;
        assert_eq!(get(&ann, &path).await.at("/due_date"), kept, "{given}");
        let answer = patch(&ann, &path, json!({ "due_date": null })).await;
        assert_eq!(answer.at("/due_date"), &Value::Null);
        let answer = patch(&ann, &path, json!({ "due_date": given })).await;
        assert_eq!(answer.at("/due_date"), kept, "{given}");
    }
}

/// A task with a value in every field.
fn full(assignee: i32) -> Value {
    json!({ "title": "T", "description": "D", "status": "in_progress", "priority": "high", "due_date": "2026-02-01",
        "assignee_id": assignee, "tags": ["a", "b"] })
}

/// The fields of a task that clients can set.
fn settable(task: &Value) -> Value {
    let names = [
        "title",
        "description",
        "status",
        "priority",
        "due_date",
        "assignee_id",
        "tags",
    ];
    names
        .iter()
        .map(|name| ((*name).to_owned(), task[*name].clone()))
        .collect()
}

#[tokio::test]
async fn a_replacement_needs_every_field_and_resets_null_fields() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let created = create_task(&ann, full(bob.id)).await;
    let path = format!("/api/v1/tasks/{}", created["id"]);
    app.advance(TimeDelta::minutes(1));
    let before = app.footprint().await;
    let answer = put(&ann, &path, json!({ "title": "New", "tags": [] })).await;
    let missing = "PUT replaces the whole task, and the body leaves out description, status, priority, due_date, \
        assignee_id; name every field, or use PATCH to change some";
    expect_refusal(&answer, (422, "INVALID", "description"), missing);
    assert_eq!(app.footprint().await, before);
    let reset = json!({ "title": "New", "description": null, "status": "todo", "priority": "medium", "due_date": null,
        "assignee_id": null, "tags": [] });
    let answer = expect_status(put(&ann, &path, reset).await, 200);
    assert_eq!(
        settable(&answer.body),
        json!({ "title": "New", "description": null, "status": "todo", "priority": "medium", "due_date": null,
            "assignee_id": null, "tags": [] })
    );
    let names = [
        "id",
        "owner_id",
        "owner",
        "created_at",
        "assignee",
        "version",
        "updated_at",
    ];
    assert_eq!(
        names.map(|name| answer.body[name].clone()),
        [
            created["id"].clone(),
            json!(ann.id),
            created["owner"].clone(),
            json!("2026-01-15T12:00:00Z"),
            Value::Null,
            json!(2),
            json!("2026-01-15T12:01:00Z"),
        ]
    );
    assert_eq!(get(&ann, &path).await.body, answer.body);
}

#[tokio::test]
async fn a_replacement_sets_all_fields() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let path = create_task_at(&ann, json!({ "title": "Old", "tags": ["old"] })).await;
    let answer = expect_status(put(&ann, &path, full(bob.id)).await, 200);
    let mut expected = full(bob.id);
    expected["due_date"] = json!("2026-02-01T00:00:00Z");
    assert_eq!(settable(&answer.body), expected);
    assert_eq!(answer.at("/assignee/username"), &json!(bob.name));
    // A repeated replacement changes nothing.
    let again = expect_status(put(&ann, &path, full(bob.id)).await, 200);
    assert_eq!(again.body, answer.body);
}

#[tokio::test]
async fn an_update_distinguishes_absent_null_and_value() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let created = create_task(&ann, full(ann.id)).await;
    let path = format!("/api/v1/tasks/{}", created["id"]);

    let answer = expect_status(patch(&ann, &path, json!({})).await, 200);
    assert_eq!(answer.body, created);
    for (field, value) in [
        ("title", json!("Other")),
        ("description", json!("")),
        ("status", json!("done")),
        ("priority", json!("low")),
        ("due_date", json!("2026-03-01T00:00:00Z")),
        ("tags", json!(["c"])),
    ] {
        let mut expected = settable(&get(&ann, &path).await.body);
        expected[field] = value.clone();
        let answer = expect_status(patch(&ann, &path, json!({ field: value })).await, 200);
        assert_eq!(settable(&answer.body), expected, "{field}");
    }
    for (field, empty) in [
        ("description", Value::Null),
        ("due_date", Value::Null),
        ("assignee_id", Value::Null),
        ("tags", json!([])),
    ] {
        let mut expected = settable(&get(&ann, &path).await.body);
        expected[field] = empty;
        let answer = expect_status(patch(&ann, &path, json!({ field: null })).await, 200);
        assert_eq!(settable(&answer.body), expected, "{field}");
    }
    assert_eq!(get(&ann, &path).await.at("/version"), 11);
}

#[tokio::test]
async fn completed_sets_a_task_done_and_reopens_it() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "T", "status": "in_progress" })).await;
    app.advance(TimeDelta::minutes(10));
    let facts = async |change: Value| {
        let task = expect_status(patch(&ann, &path, change).await, 200).body;
        json!([task["status"], task["completed"], task["completed_at"], task["version"]])
    };
    let done = json!(["done", true, "2026-01-15T12:10:00Z", 2]);
    assert_eq!(facts(json!({ "completed": true })).await, done);
    app.advance(TimeDelta::minutes(10));
    for same in [
        json!({ "completed": true }),
        json!({ "status": "completed" }),
        json!({ "status": "done" }),
    ] {
        assert_eq!(facts(same).await, done, "the same again is no change");
    }
    assert_eq!(
        facts(json!({ "completed": false })).await,
        json!(["todo", false, null, 3])
    );
    assert_eq!(
        facts(json!({ "status": "pending" })).await,
        json!(["todo", false, null, 3])
    );
}

#[tokio::test]
async fn a_transition_moves_a_task_along_the_workflow() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let path = create_task_at(&ann, json!({ "title": "T", "tags": ["a"] })).await;
    for (target, status, version) in [
        ("in_progress", "in_progress", 2),
        ("in_progress", "in_progress", 2),
        ("completed", "done", 3),
        ("pending", "todo", 4),
        ("cancelled", "cancelled", 5),
        ("todo", "todo", 6),
    ] {
        let answer = post(&ann, &format!("{path}/transition"), json!({ "target_status": target })).await;
        let task = expect_status(answer, 200).body;
        assert_eq!(
            (&task["status"], &task["version"], &task["tags"]),
            (&json!(status), &json!(version), &json!(["a"]))
        );
        assert_eq!(get(&ann, &path).await.body, task);
    }
}

#[derive(Debug, FromQueryResult)]
struct Event {
    #[sea_orm(from_alias = "type")]
    kind: String,
    actor_id: Option<i32>,
    task: Value,
}

#[tokio::test]
async fn each_write_has_an_event_and_a_write_without_changes_has_none() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = create_task(&ann, json!({ "title": "T" })).await;
    let path = format!("/api/v1/tasks/{}", task["id"]);
    for (person, answer) in [
        (
            &ann,
            post(&ann, &format!("{path}/assign"), json!({ "assignee_id": bob.id })).await,
        ),
        (&bob, patch(&bob, &path, json!({ "title": "Other" })).await),
        (&bob, patch(&bob, &path, json!({ "title": "Other" })).await),
        (&bob, patch(&bob, &path, json!({ "completed": true })).await),
        (&ann, post(&ann, &format!("{path}/tags"), json!(["t"])).await),
        (
            &ann,
            put(
                &ann,
                &path,
                json!({ "title": "Other", "description": null, "status": "done", "priority": "medium",
                    "due_date": null, "assignee_id": bob.id, "tags": [] }),
            )
            .await,
        ),
    ] {
        assert_eq!(answer.status, 200, "{} {}", person.name, answer.text);
    }
    let sql = format!(
        "SELECT * FROM task_events WHERE task_id = {} ORDER BY transaction_id, id",
        task["id"]
    );
    let events: Vec<Event> = app.database.rows(&sql).await;
    let logged: Vec<Value> = events
        .iter()
        .map(|event| json!([event.kind, event.actor_id, event.task["version"], event.task["title"]]))
        .collect();
    assert_eq!(
        Value::Array(logged),
        json!([
            ["CREATED", ann.id, 1, "T"],
            ["ASSIGNED", ann.id, 2, "T"],
            ["UPDATED", bob.id, 3, "Other"],
            ["STATUS_CHANGED", bob.id, 4, "Other"],
            ["TAGGED", ann.id, 5, "Other"],
            ["UNTAGGED", ann.id, 6, "Other"],
        ])
    );
}
