//! Subscribers with the same selection and visibility share one result for an event.

use std::time::Duration;

use axum::http::Method;
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::person::Person;
use crate::support::process::until;
use crate::support::socket::{Served, Socket};
use crate::support::{PASSWORD, TestApp};

/// A selection that is the same for all receivers.
const ALIKE: &str = "subscription($after: String) { taskEvents(after: $after) { task { title } actor { username } } }";
/// A selection that depends on the viewer.
const OWN: &str = "subscription($after: String) { taskEvents(after: $after) { actor { email } } }";

/// A selection that depends on the viewer's session.
const OF_SESSION: &str = "subscription($after: String) { taskEvents(after: $after, filter: {types: [ATTACHED]}) { task { attachments { url } } } }";

/// A selection that only one user sees, even among administrators.
const OF_USER: &str =
    "subscription($after: String) { taskEvents(after: $after) { actor { unreadNotificationCount } } }";

/// A selection that is the same for all receivers, and can change without an event.
const NAMED: &str = "subscription($after: String) { taskEvents(after: $after) { actor { fullName } } }";

/// A selection that takes a statement for each event.
const COUNTED: &str =
    "subscription($after: String) { taskEvents(after: $after) { task { history(last: 1) { totalCount } } } }";

/// A socket with a subscription after a cursor.
async fn watching(server: &Served, person: &Person<'_>, query: &str, after: &str) -> Socket {
    let mut socket = server.socket_of(person).await;
    socket.subscribe("1", query, json!({ "after": after })).await;
    socket
}

/// The next event, and its error code.
async fn answer(socket: &mut Socket) -> (Value, Value) {
    let message = socket.receive().await;
    assert_eq!(message["type"], "next", "{message}");
    let payload = &message["payload"];
    (
        payload["data"]["taskEvents"].clone(),
        payload["errors"][0]["extensions"]["code"].clone(),
    )
}

#[tokio::test]
async fn a_result_is_shared_only_by_receivers_with_the_same_visibility() {
    let app = TestApp::start().await;
    let (ann, bob, boss) = (app.member().await, app.member().await, app.admin().await);
    let server = app.listen().await;
    let start = ann.event_cursor().await;
    let people = [&ann, &bob, &boss];
    let (mut alike, mut own) = (Vec::new(), Vec::new());
    // Two sockets each, so that the second can share the result of the first.
    for person in people.iter().chain(&people) {
        alike.push(watching(&server, person, ALIKE, &start).await);
        own.push(watching(&server, person, OWN, &start).await);
    }
    ann.creates_task(json!({ "title": "Shared", "assigneeId": bob.global_id() }))
        .await;

    for socket in &mut alike {
        let event = json!({ "task": { "title": "Shared" }, "actor": { "username": ann.name } });
        assert_eq!(answer(socket).await, (event, Value::Null));
    }
    let address = json!(format!("{}@example.com", ann.name));
    for (number, socket) in own.iter_mut().enumerate() {
        let (event, error) = answer(socket).await;
        // The e-mail address is visible to its user and to administrators.
        let expected = if number % people.len() == 1 {
            &Value::Null
        } else {
            &address
        };
        assert_eq!(
            (&event["actor"]["email"], error),
            (expected, Value::Null),
            "socket {number}"
        );
    }
}

#[tokio::test]
async fn the_url_of_a_file_is_for_the_session_that_receives_it() {
    let app = TestApp::start().await;
    let (ann, boss, chief) = (app.member().await, app.admin().await, app.admin().await);
    let login = "mutation($name: String!, $password: String!) {
        login(input: {username: $name, password: $password}) { accessToken } }";
    let again = ann
        .graphql(login, json!({ "name": ann.name, "password": PASSWORD }))
        .await;
    let again = ann.with_token(&app, again.data()["login"]["accessToken"].as_str().unwrap());
    let server = app.listen().await;
    let start = ann.event_cursor().await;
    let people = [&ann, &again, &boss, &chief];
    let mut sockets = Vec::new();
    for person in people {
        sockets.push(watching(&server, person, OF_SESSION, &start).await);
    }
    let task = ann.creates_task(json!({ "title": "Report" })).await;
    ann.keeps(Some(task), "a.txt", b"text").await;
    let mut urls = Vec::new();
    for socket in &mut sockets {
        let (event, error) = answer(socket).await;
        assert_eq!(error, Value::Null);
        urls.push(event["task"]["attachments"][0]["url"].as_str().unwrap().to_owned());
    }
    let load = async |url: &str| {
        app.anonymous()
            .rest(Method::GET, url, Value::Null)
            .await
            .status
            .as_u16()
    };
    for (person, own) in people.iter().zip(&urls) {
        for url in &urls {
            let expected = if urls.iter().position(|other| other == url) < urls.iter().position(|other| other == own) {
                401
            } else {
                200
            };
            assert_eq!(load(url).await, expected, "{url}");
        }
        person.rest(Method::POST, "/auth/logout", Value::Null).await;
    }
}

#[tokio::test]
async fn an_unread_count_is_shared_with_no_other_administrator() {
    let app = TestApp::start().await;
    let (boss, chief) = (app.admin().await, app.admin().await);
    let server = app.listen().await;
    let start = boss.event_cursor().await;
    let mut sockets = Vec::new();
    for person in [&boss, &chief, &boss, &chief] {
        sockets.push(watching(&server, person, OF_USER, &start).await);
    }
    boss.creates_task(json!({ "title": "T" })).await;
    for (socket, expected) in sockets.iter_mut().zip([json!(0), Value::Null, json!(0), Value::Null]) {
        let event = json!({ "actor": { "unreadNotificationCount": expected } });
        assert_eq!(answer(socket).await, (event, Value::Null));
    }
}

/// Changes the full name of the user.
async fn rename(person: &Person<'_>, name: &str) {
    let path = format!("/api/v1/users/{}", person.id);
    let renamed = person.rest(Method::PATCH, &path, json!({ "full_name": name })).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text);
}

/// Creates a task, which costs no points.
async fn create(person: &Person<'_>) {
    let created = person.rest(Method::POST, "/tasks", json!({ "title": "T" })).await;
    assert_eq!(created.status, 201, "{}", created.text);
}

/// The name of the actor of the next event.
async fn name(socket: &mut Socket) -> Value {
    answer(socket).await.0["actor"]["fullName"].clone()
}

#[tokio::test]
async fn a_replay_has_the_present_names_of_users() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let server = app.listen().await;
    let start = ann.event_cursor().await;
    ann.creates_task(json!({ "title": "T" })).await;
    let replayed = async || {
        let mut socket = watching(&server, &ann, NAMED, &start).await;
        name(&mut socket).await
    };
    rename(&ann, "Before").await;
    assert_eq!(replayed().await, "Before");
    rename(&ann, "After").await;
    until("the present name", async || (replayed().await == "After").then_some(())).await;
}

#[tokio::test]
async fn a_live_event_has_the_names_that_users_had_before_it() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let server = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = watching(&server, &ann, NAMED, &start).await;
    for number in 0..10 {
        let new = format!("Name {number}");
        rename(&ann, &new).await;
        // The second event finds the user in memory.
        for _ in 0..2 {
            create(&ann).await;
            assert_eq!(name(&mut socket).await, new);
        }
    }
}

#[tokio::test]
async fn a_delayed_event_has_the_present_names_of_users() {
    const TASKS: usize = 6;
    /// Longer than an event is executed with users in memory.
    const DELAY: Duration = Duration::from_secs(4);
    // Enough for two events.
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true"), ("GRAPHQL_POINTS_PER_MINUTE", "12")]).await;
    let ann = app.member().await;
    let server = app.listen().await;
    rename(&ann, "Before").await;
    let start = ann.event_cursor().await;
    app.advance(TimeDelta::minutes(1));
    let mut socket = watching(&server, &ann, NAMED, &start).await;
    for _ in 0..2 {
        create(&ann).await;
        assert_eq!(name(&mut socket).await, "Before");
        app.advance(TimeDelta::minutes(1));
    }
    for _ in 0..TASKS {
        create(&ann).await;
    }
    let mut delayed = TASKS;
    while timeout(DELAY, name(&mut socket)).await.is_ok() {
        delayed -= 1;
    }
    assert!(delayed > 1, "{delayed} events wait for points");
    rename(&ann, "After").await;
    for _ in 0..delayed {
        app.advance(TimeDelta::minutes(1));
        // On a busy machine, an event may have had its points before.
        if name(&mut socket).await == "After" {
            return;
        }
    }
    panic!("no event has the present name");
}

/// The points that the user has spent, including those of asking, and the latter.
async fn points(person: &Person<'_>) -> (i64, i64) {
    let answer = person.graphql("{ rateLimit { used cost } }", json!({})).await;
    let points = |field: &str| answer.data()["rateLimit"][field].as_i64().unwrap();
    (points("used"), points("cost"))
}

#[tokio::test]
async fn of_the_subscriptions_that_share_a_response_one_pays() {
    const SOCKETS: i64 = 6;
    const EVENTS: i64 = 30;
    let app = TestApp::start_with(&[("RATE_LIMIT_ENABLED", "true")]).await;
    let ann = app.member().await;
    let server = app.listen().await;
    let start = ann.event_cursor().await;
    let (before, _) = points(&ann).await;
    let mut sockets = vec![watching(&server, &ann, COUNTED, &start).await];
    create(&ann).await;
    assert_eq!(answer(&mut sockets[0]).await.1, Value::Null);
    let (first, asking) = points(&ann).await;
    // Of one subscription: its start, and the events that it pays at once.
    let alone = first - asking - before;
    for _ in 1..SOCKETS {
        let mut socket = watching(&server, &ann, COUNTED, &start).await;
        assert_eq!(answer(&mut socket).await.1, Value::Null);
        sockets.push(socket);
    }
    for _ in 1..EVENTS {
        create(&ann).await;
        for socket in &mut sockets {
            assert_eq!(answer(socket).await.1, Value::Null);
        }
    }
    let (last, _) = points(&ann).await;
    let spent = last - asking - first;
    // Each subscription has paid some events, and few of them more.
    assert!(
        spent < 2 * SOCKETS * alone,
        "{spent} points, {alone} of one subscription"
    );
}
