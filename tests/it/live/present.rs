//! An event has a snapshot and the present task. A normalised cache stores the latter by id, so its version must never
//! decrease.

use std::collections::HashMap;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::{Person, global_id};
use crate::support::socket::{Served, Socket};

const EVENTS: &str = "subscription($after: String, $filter: TaskEventFilter) {
    taskEvents(after: $after, filter: $filter) {
      type snapshot { version status title assignee { userId displayName } } task { id version status deletedAt tags } } }";

async fn subscribed(server: &Served, person: &Person<'_>, variables: Value) -> Socket {
    let mut socket = server.socket_of(person).await;
    socket.subscribe("1", EVENTS, variables).await;
    socket
}

/// Type of the next event, version of its snapshot, and version of the present task.
async fn versions(socket: &mut Socket) -> (String, i64, Option<i64>) {
    let data = socket.data("1").await;
    let event = &data["taskEvents"];
    (
        event["type"].as_str().unwrap().to_owned(),
        event["snapshot"]["version"].as_i64().unwrap(),
        event["task"]["version"].as_i64(),
    )
}

#[tokio::test]
async fn a_resumed_subscription_shows_the_present_task_beside_each_snapshot() {
    let app = TestApp::start().await;
    let (ann, boss) = (app.member().await, app.admin().await);
    let start = ann.event_cursor().await;
    let task = ann.creates_task(json!({ "title": "Card", "tags": ["a"] })).await;
    ann.changes_task("taskTransition", task, ", status: IN_PROGRESS").await;
    ann.changes_task("taskUpdate", task, ", input: {tags: [\"b\"]}").await;

    // The second node has not delivered any event yet.
    let second = app.second_node().await;
    let (first, second) = (app.listen().await, second.listen().await);
    let mut subscriptions = Vec::new();
    for (server, person) in [(&first, &ann), (&second, &ann), (&first, &boss)] {
        let only_created = json!({ "after": start, "filter": { "types": ["CREATED"] } });
        let mut socket = subscribed(server, person, only_created).await;
        let data = socket.data("1").await;
        assert_eq!(
            data["taskEvents"],
            json!({
                "type": "CREATED",
                "snapshot": { "version": 1, "status": "TODO", "title": "Card", "assignee": null },
                "task": { "id": global_id("Task", task), "version": 3, "status": "IN_PROGRESS", "deletedAt": null, "tags": ["b"] },
            })
        );
        let mut all = subscribed(server, person, json!({ "after": start })).await;
        for (kind, version) in [("CREATED", 1), ("STATUS_CHANGED", 2), ("TAGGED", 3)] {
            assert_eq!(versions(&mut all).await, (kind.to_owned(), version, Some(3)));
        }
        subscriptions.push(all);
    }
    ann.changes_task("taskUpdate", task, ", input: {title: \"Next\"}").await;
    for live in &mut subscriptions {
        assert_eq!(versions(live).await, ("UPDATED".to_owned(), 4, Some(4)));
    }
}

#[tokio::test]
async fn a_task_is_never_older_than_the_event_also_before_the_server_has_read_the_log() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let start = ann.event_cursor().await;
    let task = ann.creates_task(json!({ "title": "Card" })).await;
    // Nothing wakes the second server, which reads the log once a second. A resumed subscription reads it at once.
    let second = app.second_node().await;
    let server = second.listen().await;
    let newest_of = async |events: usize| {
        let mut socket = subscribed(&server, &ann, json!({ "after": start })).await;
        for _ in 1..events {
            versions(&mut socket).await;
        }
        versions(&mut socket).await
    };
    // The server reads and keeps the task.
    assert_eq!(newest_of(1).await, ("CREATED".to_owned(), 1, Some(1)));
    ann.changes_task("taskUpdate", task, ", input: {title: \"Next\"}").await;
    assert_eq!(newest_of(2).await, ("UPDATED".to_owned(), 2, Some(2)));
    ann.changes_task("taskPurge", task, "").await;
    assert_eq!(newest_of(3).await, ("PURGED".to_owned(), 2, None));
}

#[tokio::test]
async fn a_task_is_shown_while_it_exists_and_is_visible() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let server = app.listen().await;
    let start = bob.event_cursor().await;
    let mut live = subscribed(&server, &bob, json!({ "after": start })).await;
    let task = ann
        .creates_task(json!({ "title": "T", "assigneeId": bob.global_id() }))
        .await;
    assert_eq!(versions(&mut live).await, ("CREATED".to_owned(), 1, Some(1)));
    // A task in the trash is still shown.
    ann.changes_task("taskDelete", task, "").await;
    let data = live.data("1").await;
    assert!(data["taskEvents"]["task"]["deletedAt"].is_string(), "{data}");
    ann.changes_task("taskRestore", task, "").await;
    assert_eq!(versions(&mut live).await, ("RESTORED".to_owned(), 3, Some(3)));
    // Bob is unassigned: he receives that event, without the present task.
    ann.changes_task("taskAssign", task, "").await;
    assert_eq!(versions(&mut live).await, ("UNASSIGNED".to_owned(), 4, None));
    ann.changes_task("taskUpdate", task, ", input: {title: \"Hers\"}").await;

    // After resuming, the present task is null in all his events.
    let mut resumed = subscribed(&server, &bob, json!({ "after": start })).await;
    for (kind, version) in [("CREATED", 1), ("DELETED", 2), ("RESTORED", 3), ("UNASSIGNED", 4)] {
        assert_eq!(versions(&mut resumed).await, (kind.to_owned(), version, None));
    }
    // After he is assigned again, all his events have the present task. Events from between are not delivered.
    let back = format!(", assigneeId: \"{}\"", bob.global_id());
    ann.changes_task("taskAssign", task, &back).await;
    assert_eq!(versions(&mut resumed).await, ("ASSIGNED".to_owned(), 6, Some(6)));
    let mut resumed = subscribed(&server, &bob, json!({ "after": start })).await;
    for version in [1, 2, 3, 4, 6] {
        let (_, past, present) = versions(&mut resumed).await;
        assert_eq!((past, present), (version, Some(6)));
    }
    // The task is purged.
    ann.changes_task("taskPurge", task, "").await;
    assert_eq!(versions(&mut resumed).await, ("PURGED".to_owned(), 6, None));
}

#[tokio::test]
async fn subscriptions_of_a_connection_never_show_decreasing_versions() {
    // This one reads users and files for each event, so the other one could overtake it.
    const SLOW: &str = "subscription($after: String) { taskEvents(after: $after) {
        actor { displayName } task { id version owner { displayName } attachments { id } history(last: 5) { totalCount } } } }";
    const QUICK: &str = "subscription($after: String) { taskEvents(after: $after) { task { id version } } }";
    const CHANGES: usize = 30;
    let app = TestApp::start().await;
    let ann = app.member().await;
    let server = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = server.socket_of(&ann).await;
    for (id, query) in [("slow", SLOW), ("quick", QUICK)] {
        socket.subscribe(id, query, json!({ "after": start })).await;
    }
    let mut tasks = Vec::new();
    for _ in 0..8 {
        tasks.push(ann.creates_task(json!({ "title": "Card" })).await);
    }
    let changing = tasks.iter().map(async |task| {
        for change in 0..CHANGES {
            ann.changes_task("taskUpdate", *task, &format!(", input: {{title: \"{change}\"}}"))
                .await;
        }
    });
    let receiving = async {
        let mut shown: HashMap<String, i64> = HashMap::new();
        for _ in 0..2 * tasks.len() * (CHANGES + 1) {
            let message = socket.receive().await;
            let task = &message["payload"]["data"]["taskEvents"]["task"];
            let version = task["version"].as_i64().unwrap_or_else(|| panic!("{message}"));
            let before = shown.insert(task["id"].as_str().unwrap().to_owned(), version);
            assert!(before <= Some(version), "{message} after version {before:?}");
        }
        shown
    };
    let (_, shown) = tokio::join!(join_all(changing), receiving);
    let last = i64::try_from(CHANGES).unwrap() + 1;
    assert!(shown.into_values().all(|version| version == last));
}
