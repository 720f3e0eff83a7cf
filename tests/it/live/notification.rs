//! Delivery of notifications: once each, in order, over any transport and any server.

use std::collections::HashMap;

use chrono::TimeDelta;
use futures_util::future::join_all;
use serde_json::{Value, json};
use taskwire::domain::actor::Actor;

use super::legacy::{older, start};
use super::watch;
use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::socket::{Served, Socket};

const NOTIFIED: &str = "subscription($after: String) { notificationReceived(after: $after) {
    cursor unreadCount notification { kind taskTitle isRead } } }";

async fn listen(socket: &mut Socket, after: &Value) {
    socket.subscribe("1", NOTIFIED, json!({ "after": after })).await;
}

/// A socket with the task events of a user from now on.
async fn present_events(served: &Served, person: &Person<'_>) -> Socket {
    let mut socket = served.socket_of(person).await;
    watch(&mut socket, "1", &person.event_cursor().await).await;
    socket
}

async fn next(socket: &mut Socket) -> Value {
    socket.data("1").await["notificationReceived"].clone()
}

fn kind_and_title(received: &Value) -> (&str, &str) {
    let text = |field: &str| received["notification"][field].as_str().unwrap();
    (text("kind"), text("taskTitle"))
}

async fn hands(from: &Person<'_>, to: &Person<'_>, title: &str) -> i64 {
    from.creates_task(json!({ "title": title, "assigneeId": to.global_id() }))
        .await
}

async fn moves(person: &Person<'_>, task: i64, status: &str) {
    person
        .changes_task("taskTransition", task, &format!(", status: {status}"))
        .await;
}

/// Runs the job that notifies of due dates.
async fn reminds(app: &TestApp) {
    app.app
        .domain()
        .notifications()
        .notify_due(&Actor::System)
        .await
        .unwrap();
}

/// Triggers notifications of every kind for Bob; returns them in order.
async fn happens(app: &TestApp, ann: &Person<'_>, bob: &Person<'_>) -> [(&'static str, &'static str); 6] {
    let one = hands(ann, bob, "One").await;
    bob.creates_task(json!({ "title": "Soon", "dueDate": "2026-01-15T14:00:00Z" }))
        .await;
    bob.creates_task(json!({ "title": "Late", "dueDate": "2026-01-15T11:00:00Z" }))
        .await;
    reminds(app).await;
    moves(ann, one, "IN_PROGRESS").await;
    hands(ann, bob, "Two").await;
    app.advance(TimeDelta::hours(3));
    reminds(app).await;
    [
        ("ASSIGNED", "One"),
        ("DUE_SOON", "Soon"),
        ("OVERDUE", "Late"),
        ("STATUS_CHANGED", "One"),
        ("ASSIGNED", "Two"),
        ("OVERDUE", "Soon"),
    ]
}

#[tokio::test]
async fn a_subscription_with_a_cursor_gets_missed_notifications_once_and_then_new_ones() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "4000")]).await;
    let other = app.second_node().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let (served, served_there) = (app.listen().await, other.listen().await);
    let before = json!(bob.event_cursor().await);
    // This subscription stays connected.
    let mut present = served.socket_of(&bob).await;
    listen(&mut present, &before).await;
    let expected = happens(&app, &ann, &bob).await;
    let mut received = Vec::new();
    for _ in expected {
        received.push(next(&mut present).await);
    }
    assert_eq!(received.iter().map(kind_and_title).collect::<Vec<_>>(), expected);

    // Each cursor resumes with the notifications after it, on any server, and then with new ones.
    let bob_there = bob.with_token(&other, bob.access_token.as_deref().unwrap());
    let mut resumed = Vec::new();
    let cursors = std::iter::once(&before).chain(received.iter().map(|one| &one["cursor"]));
    for (place, after) in cursors.enumerate() {
        for (served, bob) in [(&served, &bob), (&served_there, &bob_there)] {
            let mut socket = served.socket_of(bob).await;
            listen(&mut socket, after).await;
            for one in &received[place..] {
                let replayed = next(&mut socket).await;
                assert_eq!(
                    (&replayed["cursor"], kind_and_title(&replayed)),
                    (&one["cursor"], kind_and_title(one))
                );
            }
            resumed.push(socket);
        }
    }
    hands(&ann, &bob, "New").await;
    for socket in resumed.iter_mut().chain([&mut present]) {
        assert_eq!(kind_and_title(&next(socket).await), ("ASSIGNED", "New"));
    }
}

#[tokio::test]
async fn the_cursor_of_an_event_or_of_the_log_is_before_the_notifications_of_later_events() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let mut events = present_events(&served, &bob).await;
    hands(&ann, &bob, "One").await;
    let one = events.data("1").await["taskEvents"]["cursor"].clone();
    hands(&ann, &bob, "Two").await;
    events.data("1").await;
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &one).await;
    let two = next(&mut socket).await;
    assert_eq!(kind_and_title(&two), ("ASSIGNED", "Two"));
    // The cursor is read before the list, so no notification is missed.
    let both = bob
        .graphql("{ notifications { nodes { taskTitle } } eventCursor }", json!({}))
        .await;
    assert_eq!(both.data()["notifications"]["nodes"].as_array().unwrap().len(), 2);
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &both.data()["eventCursor"]).await;
    hands(&ann, &bob, "Three").await;
    let three = loop {
        // Other transactions of the cluster may delay the cursor, so it may be older than the list.
        let received = next(&mut socket).await;
        if received["cursor"] != two["cursor"] {
            break received;
        }
    };
    assert_eq!(kind_and_title(&three), ("ASSIGNED", "Three"));
}

#[tokio::test]
async fn the_cursor_of_the_newest_event_is_before_the_notifications_of_later_due_dates() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let mut events = present_events(&served, &bob).await;
    bob.creates_task(json!({ "title": "Soon", "dueDate": "2026-01-15T14:00:00Z" }))
        .await;
    let newest = events.data("1").await["taskEvents"]["cursor"].clone();
    // Nothing else happens between the event and the reminder.
    reminds(&app).await;
    hands(&ann, &bob, "Next").await;
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &newest).await;
    let soon = next(&mut socket).await;
    assert_eq!(kind_and_title(&soon), ("DUE_SOON", "Soon"));
    assert_eq!(kind_and_title(&next(&mut socket).await), ("ASSIGNED", "Next"));
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &soon["cursor"]).await;
    assert_eq!(kind_and_title(&next(&mut socket).await), ("ASSIGNED", "Next"));
}

#[tokio::test]
async fn a_replay_has_the_present_unread_count_and_read_state() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let start = json!(bob.event_cursor().await);
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &start).await;
    for (title, unread) in [("One", 1), ("Two", 2)] {
        hands(&ann, &bob, title).await;
        assert_eq!(next(&mut socket).await["unreadCount"], unread, "{title}");
    }
    let mark = "mutation { notificationsMarkRead { unreadCount } }";
    bob.graphql(mark, json!({})).await.data();
    hands(&ann, &bob, "Three").await;
    assert_eq!(next(&mut socket).await["unreadCount"], 1);
    let mut replay = served.socket_of(&bob).await;
    listen(&mut replay, &start).await;
    for is_read in [true, true, false] {
        let received = next(&mut replay).await;
        assert_eq!(
            (&received["unreadCount"], &received["notification"]["isRead"]),
            (&json!(1), &json!(is_read))
        );
    }
}

#[tokio::test]
async fn nobody_gets_the_notifications_of_somebody_else_by_a_cursor() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let served = app.listen().await;
    let start = json!(bob.event_cursor().await);
    hands(&ann, &bob, "Bob's").await;
    hands(&ann, &boss, "The boss's").await;
    hands(&bob, &ann, "Ann's").await;
    for (person, title) in [(&bob, "Bob's"), (&boss, "The boss's"), (&ann, "Ann's")] {
        let mut socket = served.socket_of(person).await;
        listen(&mut socket, &start).await;
        assert_eq!(kind_and_title(&next(&mut socket).await).1, title);
        hands(if person.id == ann.id { &bob } else { &ann }, person, "The end").await;
        assert_eq!(kind_and_title(&next(&mut socket).await).1, "The end");
    }
}

#[tokio::test]
async fn the_older_subprotocol_resumes_too() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let from = bob.event_cursor().await;
    hands(&ann, &bob, "Missed").await;
    let mut socket = older(&served, &bob).await;
    start(&mut socket, "1", NOTIFIED, json!({ "after": from })).await;
    let missed = socket.receive().await;
    let missed = &missed["payload"]["data"]["notificationReceived"];
    assert_eq!(kind_and_title(missed), ("ASSIGNED", "Missed"));
    hands(&ann, &bob, "Next").await;
    let mut socket = older(&served, &bob).await;
    start(&mut socket, "1", NOTIFIED, json!({ "after": missed["cursor"] })).await;
    let next = socket.receive().await;
    assert_eq!(
        kind_and_title(&next["payload"]["data"]["notificationReceived"]),
        ("ASSIGNED", "Next")
    );
}

#[tokio::test]
async fn an_unusable_cursor_is_refused() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "90000")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let start = json!(bob.event_cursor().await);
    hands(&ann, &bob, "Old").await;
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &start).await;
    let old = next(&mut socket).await["cursor"].clone();
    let code = async |after: &Value| {
        let mut socket = served.socket_of(&bob).await;
        listen(&mut socket, after).await;
        socket.error_code("1").await
    };
    assert_eq!(code(&json!("WzFd")).await, "BAD_USER_INPUT");
    // A notification cursor is not an event cursor.
    let mut events = served.socket_of(&bob).await;
    watch(&mut events, "1", old.as_str().unwrap()).await;
    assert_eq!(events.error_code("1").await, "BAD_USER_INPUT");

    app.advance(TimeDelta::days(31));
    hands(&ann, &bob, "Fresh").await;
    let retention = TimeDelta::days(30);
    let pruned = app
        .app
        .domain()
        .events()
        .prune(&Actor::System, retention)
        .await
        .unwrap();
    assert_eq!(pruned, 1);
    assert_eq!(code(&start).await, "RESYNC_REQUIRED");
    // The cursor of the last pruned event still works.
    let mut socket = served.socket_of(&bob).await;
    listen(&mut socket, &old).await;
    assert_eq!(kind_and_title(&next(&mut socket).await), ("ASSIGNED", "Fresh"));
    app.database
        .execute("UPDATE event_log SET identity = 'restored0000000000000000restored'")
        .await;
    assert_eq!(code(&old).await, "RESYNC_REQUIRED");
}

#[tokio::test]
async fn a_notification_never_shows_an_older_task_than_an_event_before_it() {
    // It reads several levels, so an event could overtake it after it has read the task.
    const SLOW: &str = "subscription($after: String) { notificationReceived(after: $after) { notification { task {
        id version attachments { id } history(last: 5) { totalCount }
        owner { ownedTasks(first: 5) { nodes { owner { assignedTasks(first: 5) { totalCount } } } } } } } } }";
    const QUICK: &str = "subscription($after: String) { taskEvents(after: $after) { task { id version } } }";
    const CHANGES: usize = 30;
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let before = bob.event_cursor().await;
    let mut socket = served.socket_of(&bob).await;
    for (id, query) in [("slow", SLOW), ("quick", QUICK)] {
        socket.subscribe(id, query, json!({ "after": before })).await;
    }
    let mut tasks = Vec::new();
    for _ in 0..4 {
        tasks.push(hands(&ann, &bob, "Card").await);
    }
    let changing = tasks.iter().map(async |task| {
        for status in ["IN_PROGRESS", "TODO"].into_iter().cycle().take(CHANGES) {
            moves(&ann, *task, status).await;
        }
    });
    let receiving = async {
        let mut in_events: HashMap<String, i64> = HashMap::new();
        // Each change is an event and a notification.
        for _ in 0..2 * tasks.len() * (CHANGES + 1) {
            let message = socket.receive().await;
            let data = &message["payload"]["data"];
            let is_event = message["id"] == "quick";
            let task = if is_event {
                &data["taskEvents"]["task"]
            } else {
                &data["notificationReceived"]["notification"]["task"]
            };
            let version = task["version"].as_i64().unwrap_or_else(|| panic!("{message}"));
            let newest = in_events.entry(task["id"].as_str().unwrap().to_owned()).or_default();
            if is_event {
                *newest = version.max(*newest);
            } else {
                assert!(version >= *newest, "{message} after version {newest}");
            }
        }
    };
    tokio::join!(join_all(changing), receiving);
}

#[tokio::test]
async fn an_event_that_waits_for_points_delays_no_notification() {
    const COSTLY: &str = "subscription($after: String) { taskEvents(after: $after) { task {
        version owner { ownedTasks(first: 100) { nodes { version } } } } } }";
    const CHEAP: &str = "subscription($after: String) { notificationReceived(after: $after) {
        notification { task { version } } } }";
    // Bob can start both subscriptions and pay for the notifications, but for no event.
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("GRAPHQL_POINTS_PER_MINUTE", "200")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let before = bob.event_cursor().await;
    let mut socket = served.socket_of(&bob).await;
    for (id, query) in [("costly", COSTLY), ("cheap", CHEAP)] {
        socket.subscribe(id, query, json!({ "after": before })).await;
    }
    let task = hands(&ann, &bob, "Card").await;
    socket.data("cheap").await;
    moves(&ann, task, "IN_PROGRESS").await;
    socket.data("cheap").await;

    app.advance(TimeDelta::minutes(1));
    let event = socket.data("costly").await;
    assert_eq!(event["taskEvents"]["task"]["version"], 2);
}
