//! Delivery of task events: recipients and order.

use serde_json::{Value, json};

use super::{event, watch};
use crate::support::TestApp;
use crate::support::person::global_id;
use crate::support::process::until;
use crate::support::socket::Socket;

async fn expect(socket: &mut Socket, id: &str, events: &[(&str, Value)]) {
    for (kind, title) in events {
        assert_eq!(event(socket, id).await, ((*kind).to_owned(), title.clone()));
    }
}

#[tokio::test]
async fn only_users_who_see_a_task_receive_its_events() {
    let app = TestApp::start().await;
    let (ann, bob, eve, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut sockets = Vec::new();
    for person in [&ann, &bob, &eve, &boss] {
        let mut socket = served.socket_of(person).await;
        watch(&mut socket, "1", &start).await;
        sockets.push(socket);
    }
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    let to_bob = format!(", assigneeId: \"{}\"", bob.global_id());
    ann.changes_task("taskAssign", task, &to_bob).await;
    bob.changes_task("taskTransition", task, ", status: IN_PROGRESS").await;
    ann.changes_task("taskAssign", task, "").await;
    ann.changes_task("taskUpdate", task, ", input: {title: \"Final\"}")
        .await;
    // Each of them receives this event last, so nothing else was delivered.
    for person in [&bob, &eve] {
        person.creates_task(json!({ "title": "Own" })).await;
    }
    let [of_ann, of_bob, of_eve, of_boss] = &mut sockets[..] else {
        unreachable!()
    };
    let report = || json!("Report");
    let all = [
        ("CREATED", report()),
        ("ASSIGNED", report()),
        ("STATUS_CHANGED", report()),
        ("UNASSIGNED", report()),
        ("UPDATED", json!("Final")),
    ];
    expect(of_ann, "1", &all).await;
    expect(of_boss, "1", &all).await;
    // Bob receives the unassignment, but not the later title.
    let his = [
        ("ASSIGNED", report()),
        ("STATUS_CHANGED", report()),
        ("UNASSIGNED", report()),
        ("CREATED", json!("Own")),
    ];
    expect(of_bob, "1", &his).await;
    expect(of_eve, "1", &[("CREATED", json!("Own"))]).await;
}

#[tokio::test]
async fn missed_events_are_replayed_before_live_ones_without_gaps_or_duplicates() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "1", &start).await;
    let titles: Vec<String> = (0..30).map(|number| format!("Task {number}")).collect();
    let mut after = start;
    for (number, title) in titles.iter().enumerate() {
        ann.creates_task(json!({ "title": title })).await;
        if number % 10 != 9 {
            continue;
        }
        // Receives some events, and resumes after the last one on another connection.
        let expected = &titles[number - 9..number];
        for title in expected {
            let data = socket.data("1").await;
            assert_eq!(data["taskEvents"]["task"]["title"], json!(title));
            data["taskEvents"]["cursor"].as_str().unwrap().clone_into(&mut after);
        }
        drop(socket);
        socket = served.socket_of(&ann).await;
        watch(&mut socket, "1", &after).await;
        assert_eq!(event(&mut socket, "1").await.1, json!(title));
    }
    // Resumes on another node.
    let node = app.second_node().await;
    let elsewhere = node.listen().await;
    let mut socket = elsewhere.socket_of(&ann).await;
    watch(&mut socket, "1", &after).await;
    ann.creates_task(json!({ "title": "Last" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "Task 29");
    assert_eq!(event(&mut socket, "1").await.1, "Last");
}

#[tokio::test]
async fn a_filter_selects_events() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let (one, two) = (
        ann.creates_task(json!({ "title": "One" })).await,
        ann.creates_task(json!({ "title": "Two" })).await,
    );
    let mut socket = served.socket_of(&ann).await;
    for (id, filter) in [
        ("tasks", json!({ "taskIds": [global_id("Task", two)] })),
        ("types", json!({ "types": ["STATUS_CHANGED"] })),
        ("statuses", json!({ "status": { "eq": "DONE" } })),
    ] {
        let variables = json!({ "after": start, "filter": filter });
        socket.subscribe(id, super::EVENTS, variables).await;
    }
    ann.changes_task("taskTransition", one, ", status: DONE").await;
    ann.changes_task("taskTransition", one, ", status: TODO").await;
    ann.changes_task("taskUpdate", two, ", input: {title: \"Zwei\", status: DONE}")
        .await;
    let mut received = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..2 + 3 + 3 {
        let message = socket.receive().await;
        let place = ["tasks", "types", "statuses"]
            .iter()
            .position(|id| message["id"] == *id);
        let event = &message["payload"]["data"]["taskEvents"];
        let text = format!(
            "{} {}",
            event["type"].as_str().unwrap(),
            event["snapshot"]["title"].as_str().unwrap()
        );
        received[place.unwrap()].push(text);
    }
    assert_eq!(received[0], ["CREATED Two", "STATUS_CHANGED Zwei"]);
    assert_eq!(
        received[1],
        ["STATUS_CHANGED One", "STATUS_CHANGED One", "STATUS_CHANGED Zwei"]
    );
    // A task that starts to match, one that stops, and another that starts.
    assert_eq!(
        received[2],
        ["STATUS_CHANGED One", "STATUS_CHANGED One", "STATUS_CHANGED Zwei"]
    );
}

/// Task versions by subscription number, until all subscriptions have received the expected ones.
async fn versions(socket: &mut Socket, expected: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let mut received = vec![Vec::new(); expected.len()];
    for _ in 0..expected.iter().map(Vec::len).sum() {
        let message = socket.receive().await;
        let number: usize = message["id"].as_str().unwrap().parse().unwrap();
        let version = &message["payload"]["data"]["taskEvents"]["snapshot"]["version"];
        received[number].push(version.as_i64().unwrap_or_else(|| panic!("{message}")));
    }
    // Any wrongly delivered event would arrive before this response.
    socket.subscribe("last", "{ viewer { id } }", json!({})).await;
    assert!(socket.data("last").await["viewer"]["id"].is_string());
    received
}

#[tokio::test]
async fn a_filter_matches_the_task_before_or_after_the_event_live_and_in_replay() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let served = app.listen().await;
    let start = boss.event_cursor().await;
    let (a, b) = (ann.global_id(), bob.global_id());
    let all: Vec<i64> = (1..=10).collect();
    let (filters, expected): (Vec<Value>, Vec<Vec<i64>>) = [
        (json!({}), all.clone()),
        (json!({ "status": { "eq": "IN_PROGRESS" } }), vec![6, 7]),
        (json!({ "status": { "nin": ["TODO"] } }), vec![6, 7]),
        (json!({ "priority": { "gte": "HIGH" } }), vec![3, 4]),
        (json!({ "assignee": { "eq": b } }), vec![5, 6, 7]),
        (
            json!({ "assignee": { "isNull": true } }),
            vec![1, 2, 3, 4, 5, 7, 8, 9, 10],
        ),
        (json!({ "assignee": { "neq": b } }), vec![1, 2, 3, 4, 5, 7, 8, 9, 10]),
        (json!({ "owner": { "in": [a] } }), all),
        (json!({ "owner": { "nin": [a] } }), vec![]),
        (
            json!({ "tag": { "any": ["RED", "green"] } }),
            vec![2, 3, 4, 5, 6, 7, 8, 9],
        ),
        (json!({ "tag": { "all": ["red", "blue"] } }), vec![8, 9]),
        // All conditions must match before, or all must match after the event.
        (
            json!({ "status": { "eq": "TODO" }, "assignee": { "eq": b } }),
            vec![5, 6],
        ),
        (
            json!({ "priority": { "eq": "HIGH" }, "types": ["UPDATED"] }),
            vec![3, 4],
        ),
        (json!({ "priority": { "eq": "HIGH" }, "types": ["CREATED"] }), vec![]),
    ]
    .into_iter()
    .unzip();
    let subscribe = async || {
        let mut socket = served.socket_of(&boss).await;
        for (number, filter) in filters.iter().enumerate() {
            let variables = json!({ "after": start, "filter": filter });
            socket.subscribe(&number.to_string(), super::EVENTS, variables).await;
        }
        socket
    };
    let mut live = subscribe().await;
    let task = ann.creates_task(json!({ "title": "Card" })).await;
    let assign = format!(", assigneeId: \"{b}\"");
    // Each mutation adds one version.
    for (mutation, arguments) in [
        ("taskAddTags", ", tags: [\"red\"]"),
        ("taskUpdate", ", input: {priority: HIGH}"),
        ("taskUpdate", ", input: {priority: LOW}"),
        ("taskAssign", &assign),
        ("taskTransition", ", status: IN_PROGRESS"),
        ("taskUpdate", ", input: {status: TODO, assigneeId: null}"),
        ("taskAddTags", ", tags: [\"blue\"]"),
        ("taskUpdate", ", input: {tags: []}"),
        ("taskDelete", ""),
    ] {
        ann.changes_task(mutation, task, arguments).await;
    }
    assert_eq!(versions(&mut live, &expected).await, expected);
    let mut replay = subscribe().await;
    assert_eq!(versions(&mut replay, &expected).await, expected);
}

#[tokio::test]
async fn task_status_changed_delivers_only_transitions_of_that_task() {
    let app = TestApp::start().await;
    let (ann, eve) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    let other = ann.creates_task(json!({ "title": "Other" })).await;
    let query = "subscription($id: ID!, $after: String) {
        taskStatusChanged(taskId: $id, after: $after) { type previousStatus status snapshot { version } } }";
    let mut socket = served.socket_of(&ann).await;
    socket
        .subscribe("1", query, json!({ "id": global_id("Task", task), "after": start }))
        .await;
    ann.changes_task("taskUpdate", task, ", input: {title: \"Better\"}")
        .await;
    ann.changes_task("taskTransition", other, ", status: DONE").await;
    ann.changes_task("taskTransition", task, ", status: IN_PROGRESS").await;
    ann.changes_task("taskUpdate", task, ", input: {status: DONE}").await;
    for (before, after, version) in [("TODO", "IN_PROGRESS", 3), ("IN_PROGRESS", "DONE", 4)] {
        assert_eq!(
            socket.data("1").await["taskStatusChanged"],
            json!({ "type": "STATUS_CHANGED", "previousStatus": before, "status": after, "snapshot": { "version": version } })
        );
    }
    // An invisible task gets the same error as an unknown one.
    let mut socket = served.socket_of(&eve).await;
    for id in [task, 4_711] {
        socket
            .subscribe("1", query, json!({ "id": global_id("Task", id) }))
            .await;
        assert_eq!(socket.error_code("1").await, "NOT_FOUND");
    }
}

#[tokio::test]
async fn without_a_cursor_a_subscription_receives_new_events() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let mut socket = served.socket_of(&bob).await;
    socket
        .subscribe("1", "subscription { taskEvents { type task { title } } }", json!({}))
        .await;
    let notifications =
        "subscription { notificationReceived { notification { kind taskTitle task { title } actor { username } } } }";
    let mut notified = served.socket_of(&bob).await;
    notified.subscribe("1", notifications, json!({})).await;
    // The start of a subscription is not acknowledged, so tasks are created until events arrive.
    let input = json!({ "title": "For Bob", "assigneeId": bob.global_id() });
    let received = async { (socket.data("1").await, notified.data("1").await) };
    let creates = until("never", async || {
        ann.creates_task(input.clone()).await;
        None::<()>
    });
    let (event, notification) = tokio::select! {
        received = received => received,
        () = creates => unreachable!(),
    };
    assert_eq!(
        event["taskEvents"],
        json!({ "type": "CREATED", "task": { "title": "For Bob" } })
    );
    assert_eq!(
        notification["notificationReceived"]["notification"],
        json!({ "kind": "ASSIGNED", "taskTitle": "For Bob", "task": { "title": "For Bob" }, "actor": { "username": ann.name } })
    );
}

#[tokio::test]
async fn an_unusable_cursor_requires_a_resync() {
    let app = TestApp::start().await;
    let other = TestApp::start().await;
    let (ann, stranger) = (app.member().await, other.member().await);
    // Both databases are copies of one template, including the log.
    other
        .database
        .execute("UPDATE event_log SET identity = 'another'")
        .await;
    let served = app.listen().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "1", &stranger.event_cursor().await).await;
    assert_eq!(socket.error_code("1").await, "RESYNC_REQUIRED");
}
