//! Notifications of due dates: each receiver gets each once.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::person::Person;
use crate::support::smtp::{Behaviour, MailServer};

const LIST: &str = "{ notifications { nodes { kind taskTitle previousStatus status actor { id } } } }";
const LISTEN: &str = "subscription { notificationReceived { notification { kind taskTitle } } }";

/// Kind and title of each notification, sorted.
async fn notifications(person: &Person<'_>) -> Vec<String> {
    let answer = person.graphql(LIST, json!({})).await;
    let nodes = answer.data()["notifications"]["nodes"].as_array().unwrap().clone();
    let mut found: Vec<String> = nodes
        .iter()
        .map(|one| {
            format!(
                "{} {}",
                one["kind"].as_str().unwrap(),
                one["taskTitle"].as_str().unwrap()
            )
        })
        .collect();
    found.sort();
    found
}

fn now(app: &TestApp) -> DateTime<Utc> {
    app.app.domain().clock().now()
}

async fn create(person: &Person<'_>, title: &str, due: DateTime<Utc>, more: Value) -> i64 {
    let mut input = json!({ "title": title, "dueDate": due.to_rfc3339() });
    input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    person.creates_task(input).await
}

#[tokio::test]
async fn owner_and_assignee_of_an_open_task_are_notified_once_when_it_is_due_soon_and_once_when_it_is_overdue() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "10080")]).await;
    let (ann, bob, eve) = (app.member().await, app.member().await, app.member().await);
    let start = now(&app);
    let shared = json!({ "assigneeId": bob.global_id() });
    create(&ann, "Shared", start + TimeDelta::hours(25), shared).await;
    create(
        &ann,
        "Own",
        start + TimeDelta::hours(30),
        json!({ "assigneeId": ann.global_id() }),
    )
    .await;
    create(&ann, "Done", start + TimeDelta::hours(1), json!({ "status": "DONE" })).await;
    create(&ann, "Late", start - TimeDelta::days(3), json!({})).await;
    let trashed = create(&ann, "Trashed", start + TimeDelta::hours(1), json!({})).await;
    ann.changes_task("taskDelete", trashed, "").await;

    app.run_until_idle().await;
    assert_eq!(notifications(&ann).await, ["OVERDUE Late"]);
    assert_eq!(notifications(&bob).await, ["ASSIGNED Shared"]);
    app.advance(TimeDelta::hours(1));
    app.run_until_idle().await;
    assert_eq!(notifications(&ann).await, ["DUE_SOON Shared", "OVERDUE Late"]);
    assert_eq!(notifications(&bob).await, ["ASSIGNED Shared", "DUE_SOON Shared"]);
    // At the exact due time it is not overdue yet.
    app.advance(TimeDelta::hours(24));
    app.run_until_idle().await;
    assert_eq!(notifications(&bob).await, ["ASSIGNED Shared", "DUE_SOON Shared"]);
    app.advance(TimeDelta::minutes(1));
    for _ in 0..3 {
        app.run_until_idle().await;
        app.advance(TimeDelta::minutes(2));
    }
    assert_eq!(
        notifications(&ann).await,
        ["DUE_SOON Own", "DUE_SOON Shared", "OVERDUE Late", "OVERDUE Shared"]
    );
    assert_eq!(
        notifications(&bob).await,
        ["ASSIGNED Shared", "DUE_SOON Shared", "OVERDUE Shared"]
    );
    assert_eq!(notifications(&eve).await, Vec::<String>::new());
    let answer = ann.graphql(LIST, json!({})).await;
    assert_eq!(
        answer.data()["notifications"]["nodes"][0],
        json!({ "kind": "OVERDUE", "taskTitle": "Shared", "previousStatus": null, "status": "TODO", "actor": null })
    );
}

#[tokio::test]
async fn a_due_day_follows_the_time_zone_of_each_receiver() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "10080")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    // At noon UTC on the 15th it is 2 o'clock on the 16th in Kiritimati, and 1 o'clock on the 15th in Pago Pago.
    for (person, zone) in [(&ann, "Pacific/Kiritimati"), (&bob, "Pacific/Pago_Pago")] {
        let mutation = "mutation($id: ID!, $zone: String) { userUpdate(id: $id, input: {timeZone: $zone}) { userErrors { code } } }";
        let answer = person
            .graphql(mutation, json!({ "id": person.global_id(), "zone": zone }))
            .await;
        assert_eq!(answer.data()["userUpdate"]["userErrors"], json!([]));
    }
    for day in [14, 15, 16, 17] {
        let input =
            json!({ "title": day.to_string(), "dueOn": format!("2026-01-{day}"), "assigneeId": bob.global_id() });
        ann.creates_task(input).await;
    }
    let due = async |person: &Person<'_>| {
        let found = notifications(person).await;
        found
            .into_iter()
            .filter(|one| !one.starts_with("ASSIGNED"))
            .collect::<Vec<_>>()
    };
    let mut of_ann = vec!["DUE_SOON 16", "OVERDUE 14", "OVERDUE 15"];
    let mut of_bob = vec!["DUE_SOON 15", "OVERDUE 14"];
    for _ in 0..2 {
        app.run_until_idle().await;
        assert_eq!((due(&ann).await, due(&bob).await), (owned(&of_ann), owned(&of_bob)));
        app.advance(TimeDelta::minutes(1));
    }
    // The 17th begins in Kiritimati, then the 16th in Pago Pago.
    app.advance(TimeDelta::hours(22));
    app.run_until_idle().await;
    of_ann.extend(["DUE_SOON 17", "OVERDUE 16"]);
    of_ann.sort_unstable();
    assert_eq!((due(&ann).await, due(&bob).await), (owned(&of_ann), owned(&of_bob)));
    app.advance(TimeDelta::hours(1));
    app.run_until_idle().await;
    of_bob.extend(["DUE_SOON 16", "OVERDUE 15"]);
    of_bob.sort_unstable();
    assert_eq!((due(&ann).await, due(&bob).await), (owned(&of_ann), owned(&of_bob)));
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|one| (*one).to_owned()).collect()
}

#[tokio::test]
async fn another_due_date_and_another_assignee_are_notified_again() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let task = create(&ann, "T", now(&app) + TimeDelta::hours(2), json!({})).await;
    app.run_until_idle().await;
    let later = (now(&app) + TimeDelta::hours(3)).to_rfc3339();
    ann.changes_task("taskUpdate", task, &format!(", input: {{dueDate: \"{later}\"}}"))
        .await;
    app.advance(TimeDelta::minutes(1));
    app.run_until_idle().await;
    assert_eq!(notifications(&ann).await, ["DUE_SOON T", "DUE_SOON T"]);
    let to_bob = format!(", input: {{assigneeId: \"{}\"}}", bob.global_id());
    ann.changes_task("taskUpdate", task, &to_bob).await;
    app.advance(TimeDelta::minutes(1));
    app.run_until_idle().await;
    assert_eq!(notifications(&ann).await, ["DUE_SOON T", "DUE_SOON T"]);
    assert_eq!(notifications(&bob).await, ["ASSIGNED T", "DUE_SOON T"]);
}

#[tokio::test]
async fn two_nodes_at_the_same_moment_notify_once() {
    let app = TestApp::start().await;
    let other = app.second_node().await;
    let ann = app.member().await;
    for number in 0..150 {
        create(
            &ann,
            &format!("{number:03}"),
            now(&app) + TimeDelta::hours(2),
            json!({}),
        )
        .await;
    }
    let notify = async |app: &TestApp| {
        let system = taskwire::domain::actor::Actor::System;
        app.app.domain().notifications().notify_due(&system).await.unwrap()
    };
    let (one, another) = tokio::join!(notify(&app), notify(&other));
    assert_eq!(one + another, 150);
    assert_eq!(app.count("notifications").await, 150);
    assert_eq!(notify(&app).await, 0);
}

#[tokio::test]
async fn due_dates_are_delivered_live_on_every_node_and_by_mail() {
    let mail = MailServer::start(Behaviour::Accepts).await;
    let app = TestApp::start_with(&[("SMTP_URL", &mail.url())]).await;
    let other = app.second_node().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let (mut nodes, mut sockets) = (Vec::new(), Vec::new());
    for node in [&app, &other] {
        let served = node.listen().await;
        for person in [&ann, &bob] {
            let mut socket = served.socket_of(person).await;
            socket.subscribe("1", LISTEN, json!({})).await;
            // The subscription is active once a later operation is answered.
            socket.answer("{ viewer { id } }").await;
            sockets.push((socket, person.id));
        }
        nodes.push(served);
    }
    create(&ann, "Ann's", now(&app) + TimeDelta::hours(2), json!({})).await;
    create(&bob, "Bob's", now(&app) - TimeDelta::hours(2), json!({})).await;
    app.run_until_idle().await;
    for (socket, who) in &mut sockets {
        let expected = if *who == ann.id {
            json!({ "kind": "DUE_SOON", "taskTitle": "Ann's" })
        } else {
            json!({ "kind": "OVERDUE", "taskTitle": "Bob's" })
        };
        assert_eq!(socket.data("1").await["notificationReceived"]["notification"], expected);
    }
    app.run_until_idle().await;
    let mut subjects: Vec<String> = mail
        .emails()
        .iter()
        .map(|email| email.header("Subject").to_owned())
        .collect();
    subjects.sort();
    assert_eq!(
        subjects,
        ["[Taskwire] Due within 24 hours: Ann's", "[Taskwire] Overdue: Bob's"]
    );
}
