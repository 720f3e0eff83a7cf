//! Rows written directly as JSON equal rows resolved by the library. One asynchronous field selects the latter.

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};

const USER: &str = "__typename id databaseId username displayName fullName email emailVerified timeZone role isActive createdAt updatedAt";
const ATTACHMENT: &str = "id databaseId filename contentType size sha256 createdAt owner { id } task { title }";
const TASK: &str = "id databaseId title description status priority dueDate dueOn isOverdue completedAt version createdAt \
    updatedAt deletedAt clientKey tags viewerCanUpdate viewerCanDelete viewerCanAssign viewerCanPurge allowedTransitions \
    kind: __typename same: title";
const EVENT: &str = "cursor type occurredAt actor { id username } taskId previousStatus status changes { field before after } \
    snapshot { taskId version title description status priority dueDate dueOn tags owner { userId displayName } \
      assignee { userId displayName } createdAt updatedAt completedAt deletedAt }";

/// Queries of rows, each with an asynchronous field that lets the library resolve them.
fn queries() -> [(String, &'static str); 6] {
    let task = format!("{TASK} owner {{ {USER} }} assignee {{ {USER} }} attachments {{ {ATTACHMENT} }}");
    let history = "waits: history(first: 1) { nodes { cursor } }";
    [
        (format!("tasks(first: 50) {{ nodes {{ {task} @ }} }}"), history),
        (
            format!("tasks(first: 50) {{ edges {{ cursor node {{ {task} @ }} }} }}"),
            history,
        ),
        (
            format!("users(first: 50) {{ nodes {{ {USER} @ }} }}"),
            "waits: unreadNotificationCount",
        ),
        (
            format!(
                "notifications(first: 50) {{ nodes {{ id databaseId kind taskId taskTitle previousStatus status isRead readAt createdAt \
                   actor {{ {USER} }} task {{ {task} @ }} }} }}"
            ),
            history,
        ),
        (
            format!("tasks(first: 50) {{ nodes {{ history(first: 9) {{ nodes {{ {EVENT} @ }} }} }} }}"),
            "waits: task { id }",
        ),
        (
            format!("tasks(first: 50) {{ nodes {{ attachments {{ {ATTACHMENT} @ }} }} }}"),
            "waits: url",
        ),
    ]
}

/// Removes the asynchronous fields.
fn without_waits(mut value: Value) -> Value {
    match &mut value {
        Value::Object(fields) => {
            fields.remove("waits");
            fields
                .values_mut()
                .for_each(|field| *field = without_waits(field.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| *item = without_waits(item.take())),
        _ => {}
    }
    value
}

async fn fills(app: &TestApp) -> (Person<'_>, Person<'_>) {
    let (ann, bob) = (app.member().await, app.member().await);
    let whole = ann
        .creates_task(json!({
            "title": "\"Quoted\" \\ ä\u{1F600}\n", "description": "Line\u{2028}x", "priority": "URGENT",
            "dueDate": "2026-01-02T03:04:05.678Z", "tags": ["a", "b"], "assigneeId": bob.global_id(), "clientKey": "k",
        }))
        .await;
    ann.creates_task(json!({ "title": "Bare" })).await;
    bob.creates_task(json!({ "title": "Day", "dueOn": "2026-01-02", "assigneeId": ann.global_id() }))
        .await;
    ann.keeps(Some(whole), "note.txt", b"Hello").await;
    let id = global_id("Task", whole);
    let done = ann
        .graphql(
            "mutation($id: ID!) { taskUpdate(id: $id, input: {status: DONE, description: null}) { userErrors { code } } }",
            json!({ "id": id }),
        )
        .await;
    assert_eq!(done.at("/data/taskUpdate/userErrors"), &json!([]));
    (ann, bob)
}

#[tokio::test]
async fn rows_written_as_json_equal_rows_resolved_by_the_library() {
    let app = TestApp::start().await;
    let (ann, bob) = fills(&app).await;
    let admin = app.admin().await;
    for (selection, waits) in queries() {
        for person in [&ann, &bob, &admin] {
            let at_once = person
                .graphql(&format!("{{ {} }}", selection.replace('@', "")), json!({}))
                .await;
            let resolved = person
                .graphql(&format!("{{ {} }}", selection.replace('@', waits)), json!({}))
                .await;
            assert_eq!(
                at_once.data(),
                &without_waits(resolved.data().clone()),
                "{selection} of {}",
                person.name
            );
        }
    }
}
