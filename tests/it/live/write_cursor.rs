//! The payload of a write has the cursor of its event.

use serde_json::{Value, json};

use super::watch;
use crate::support::TestApp;
use crate::support::person::{Person, global_id};

/// Mutations with their arguments. `TASK` and `BOB` are placeholders for ids.
const WRITES: [(&str, &str); 10] = [
    ("taskUpdate", "(id: TASK, input: {title: \"Other\"})"),
    ("taskAssign", "(id: TASK, assigneeId: BOB)"),
    ("taskTransition", "(id: TASK, status: IN_PROGRESS)"),
    ("taskAddTags", "(id: TASK, tags: [\"a\"])"),
    ("taskRemoveTags", "(id: TASK, tags: [\"a\"])"),
    ("tasksBulkUpdate", "(ids: [TASK], input: {priority: LOW})"),
    ("tasksBulkTransition", "(ids: [TASK], status: DONE)"),
    ("taskDelete", "(id: TASK)"),
    ("taskRestore", "(id: TASK)"),
    ("tasksBulkDelete", "(ids: [TASK])"),
];

/// The cursor in the payload of a single or bulk mutation.
async fn cursor_of(person: &Person<'_>, mutation: &str, arguments: &str) -> Value {
    let selection = if mutation.starts_with("tasksBulk") {
        "{ results { cursor userErrors { message } } }"
    } else {
        "{ cursor userErrors { message } }"
    };
    let document = format!("mutation {{ payload: {mutation}{arguments} {selection} }}");
    let answer = person.graphql(&document, json!({})).await;
    let payload = &answer.data()["payload"];
    let payload = payload.pointer("/results/0").unwrap_or(payload);
    assert_eq!(payload["userErrors"], json!([]), "{mutation}");
    payload["cursor"].clone()
}

#[tokio::test]
async fn each_write_returns_the_cursor_of_its_event_and_a_write_without_one_returns_none() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "1", &start).await;

    let create = "mutation { taskCreate(input: {title: \"T\"}) { cursor task { id databaseId } } }";
    let created = ann.graphql(create, json!({})).await;
    let created = &created.data()["taskCreate"];
    let quoted = |id: &str| format!("\"{id}\"");
    let fill = |arguments: &str| {
        let arguments = arguments.replace("TASK", &quoted(created["task"]["id"].as_str().unwrap()));
        arguments.replace("BOB", &quoted(&bob.global_id()))
    };
    let mut returned = vec![created["cursor"].clone()];
    for (mutation, arguments) in WRITES {
        returned.push(cursor_of(&ann, mutation, &fill(arguments)).await);
    }
    returned.push(cursor_of(&ann, "taskPurge", &fill("(id: TASK)")).await);
    returned.push(cursor_of(&ann, "tasksBulkCreate", "(inputs: [{title: \"T\", tags: [\"t\"]}])").await);
    let mut received = Vec::new();
    for _ in &returned {
        received.push(socket.data("1").await["taskEvents"]["cursor"].clone());
    }
    assert_eq!(returned, received);

    // A subscription resumes from this cursor.
    let mut resumed = served.socket_of(&ann).await;
    watch(&mut resumed, "1", returned[10].as_str().unwrap()).await;
    assert_eq!(resumed.data("1").await["taskEvents"]["cursor"], returned[11]);

    let task = ann.creates_task(json!({ "title": "Same", "tags": ["t"] })).await;
    for (mutation, arguments) in [
        ("taskUpdate", "(id: TASK, input: {title: \"Same\"})"),
        ("taskAssign", "(id: TASK)"),
        ("taskTransition", "(id: TASK, status: TODO)"),
        ("taskAddTags", "(id: TASK, tags: [\"t\"])"),
        ("taskRemoveTags", "(id: TASK, tags: [\"none\"])"),
        ("tasksBulkUpdate", "(ids: [TASK], input: {tags: [\"t\"]})"),
    ] {
        let arguments = arguments.replace("TASK", &quoted(&global_id("Task", task)));
        assert_eq!(cursor_of(&ann, mutation, &arguments).await, Value::Null, "{mutation}");
    }
}

#[tokio::test]
async fn a_refused_write_has_no_cursor() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let task = ann.creates_task(json!({ "title": "T" })).await;
    let stale = "mutation($id: ID!) { taskUpdate(id: $id, expectedVersion: 7, input: {title: \"U\"}) {
        cursor task { version } userErrors { code } } }";
    let answer = ann.graphql(stale, json!({ "id": global_id("Task", task) })).await;
    assert_eq!(
        answer.data()["taskUpdate"],
        json!({ "cursor": null, "task": { "version": 1 }, "userErrors": [{ "code": "CONFLICT" }] })
    );
}
