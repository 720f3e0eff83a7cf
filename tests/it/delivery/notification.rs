//! Notifications are delivered once, in order, however transactions overlap.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, TransactionTrait as _};
use taskwire::domain::actor::Actor;
use taskwire::domain::id::{TaskId, UserId};
use taskwire::domain::live::NotificationStream;
use taskwire::domain::notification::{LoggedNotification, NotificationCursor};
use taskwire::domain::task::workflow::Status;
use taskwire::domain::task::{ExpectedVersion, TaskDraft};
use tokio::time::timeout;

use super::{PATIENCE, Watcher, actor, create, head};
use crate::support::TestApp;
use crate::support::database::is_postgres;

async fn next(stream: &mut NotificationStream) -> Arc<LoggedNotification> {
    let received = timeout(PATIENCE, stream.next()).await.expect("a notification comes");
    received.expect("the subscription continues").unwrap()
}

async fn open(app: &TestApp, watcher: &Watcher, after: &NotificationCursor) -> NotificationStream {
    let live = app.app.domain().live();
    live.notifications(&watcher.live_connection, Some(after)).await.unwrap()
}

/// The head of the event log as a notification cursor.
async fn start(app: &TestApp, actor: &Actor) -> NotificationCursor {
    NotificationCursor::decode("after", &head(app, actor).await.encode()).unwrap()
}

async fn hand_over(app: &TestApp, from: &Actor, to: i32, title: &str) -> TaskId {
    let draft = TaskDraft {
        title: title.to_owned(),
        assignee: Some(UserId(to)),
        ..TaskDraft::default()
    };
    let tasks = app.app.domain().tasks();
    tasks.create(from, draft).await.unwrap().snapshot.task.id
}

#[tokio::test]
async fn a_notification_of_an_overlapping_older_transaction_is_not_skipped() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let (who, task) = (actor(&app, &ann).await, create(&app, &ann, "Slow").await);
    let watcher = Watcher::of(&app, &bob).await;
    let from = start(&app, &who).await;
    let mut live = open(&app, &watcher, &from).await;
    let connection = app.database.connect().await;
    let slow = connection.begin().await.unwrap();
    let copy = format!(
        "INSERT INTO notifications (created_at, updated_at, user_id, event_id, kind, task_id, task_title, status, log_event_id)
         SELECT occurred_at, occurred_at, {}, id, 'ASSIGNED', task_id, 'Slow', status, id FROM task_events WHERE task_id = {task}",
        bob.id
    );
    slow.execute_unprepared(&copy).await.unwrap();
    let mut expected = vec!["Slow"];
    if is_postgres() {
        hand_over(&app, &who, bob.id, "Quick").await;
        expected.push("Quick");
    }
    slow.commit().await.unwrap();
    hand_over(&app, &who, bob.id, "Last").await;
    expected.push("Last");
    let mut received = Vec::new();
    for title in &expected {
        let one = next(&mut live).await;
        assert_eq!(one.notification.task_title, *title);
        received.push(one);
    }
    // A replay from any cursor has the same order.
    for (place, after) in received.iter().enumerate() {
        let mut replay = open(&app, &watcher, &after.cursor).await;
        for one in &received[place + 1..] {
            assert_eq!(next(&mut replay).await, *one);
        }
    }
}

const WRITERS: usize = 4;
const MOVES: usize = 40;
const VISITS: usize = 12;

#[tokio::test]
async fn a_reconnecting_client_gets_each_notification_once() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let who = actor(&app, &ann).await;
    let mut cursor = start(&app, &who).await;
    let mut writing = Vec::new();
    for writer in 0..WRITERS {
        let node = if writer % 2 == 0 { &app } else { &other };
        let (domain, user) = (node.app.domain().clone(), UserId(bob.id));
        writing.push(tokio::spawn(async move {
            let draft = TaskDraft {
                title: format!("Task {writer}"),
                assignee: Some(user),
                ..TaskDraft::default()
            };
            let tasks = domain.tasks();
            let task = tasks.create(&who, draft).await.unwrap().snapshot.task.id;
            for number in 0..MOVES {
                let to = if number % 2 == 0 {
                    Status::InProgress
                } else {
                    Status::Todo
                };
                tasks.transition(&who, task, to, ExpectedVersion::any()).await.unwrap();
            }
        }));
    }
    let total = WRITERS * (1 + MOVES);
    let mut received: BTreeMap<TaskId, Vec<(Option<Status>, Status)>> = BTreeMap::new();
    let mut count = 0;
    for visit in 1.. {
        let node = if visit % 2 == 0 { &other } else { &app };
        let watcher = Watcher::of(node, &bob).await;
        let mut stream = open(node, &watcher, &cursor).await;
        while count < (total * visit / VISITS).min(total) {
            let one = tokio::select! {
                one = next(&mut stream) => one,
                // A client that is too slow is ended and resumes from its cursor.
                _ = watcher.live_connection.ended() => break,
            };
            let notification = &one.notification;
            let moves = received.entry(notification.task_id).or_default();
            moves.push((notification.previous_status, notification.status));
            cursor = one.cursor.clone();
            count += 1;
        }
        if count == total {
            break;
        }
    }
    for writer in writing {
        writer.await.unwrap();
    }
    for moves in received.values() {
        assert_eq!(moves.len(), 1 + MOVES);
        assert_eq!(moves[0], (None, Status::Todo));
        for (number, one) in moves[1..].iter().enumerate() {
            let expected = if number % 2 == 0 {
                (Some(Status::Todo), Status::InProgress)
            } else {
                (Some(Status::InProgress), Status::Todo)
            };
            assert_eq!(*one, expected, "move {number}");
        }
    }
}
