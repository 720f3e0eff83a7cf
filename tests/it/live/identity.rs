//! Authentication of connections, and its end.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::{event, watch};
use crate::support::person::Person;
use crate::support::socket::{LEGACY, Served, Socket, TRANSPORT};
use crate::support::{PASSWORD, TestApp};

const VIEWER: &str = "{ viewer { username } }";

async fn is_member(socket: &mut Socket, name: &str) -> bool {
    socket.answer(VIEWER).await == json!({ "viewer": { "username": name } })
}

#[tokio::test]
async fn a_token_is_read_from_the_first_message_under_any_name_or_from_the_request() {
    let app = TestApp::start().await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let token = ann.access_token.as_ref().unwrap();
    for payload in [
        json!({ "Authorization": format!("Bearer {token}") }),
        json!({ "authorization": token }),
        json!({ "authToken": token }),
        json!({ "token": format!("bearer {token}") }),
        json!({ "headers": { "authorization": format!("Bearer {token}") } }),
    ] {
        let mut socket = served.introduced(payload).await;
        assert!(is_member(&mut socket, &ann.name).await);
    }
    let bearer = format!("Bearer {token}");
    let headers = [
        ("sec-websocket-protocol", TRANSPORT),
        ("authorization", bearer.as_str()),
    ];
    for (payload, name) in [
        (json!({}), &ann.name),
        (json!({ "Authorization": "" }), &ann.name),
        // The token of the message overrides that of the request.
        (json!({ "token": bob.access_token }), &bob.name),
    ] {
        let mut socket = served.connect(served.request(&headers)).await.unwrap();
        socket.init(payload).await;
        assert_eq!(socket.receive().await["type"], "connection_ack");
        assert!(is_member(&mut socket, name).await);
    }
}

#[tokio::test]
async fn a_bad_token_closes_with_4403() {
    let app = TestApp::start().await;
    let served = app.listen().await;
    for payload in [
        json!({ "token": "nonsense" }),
        json!({ "Authorization": "Basic YTpi" }),
        json!({ "token": 5 }),
    ] {
        let mut socket = served.socket(TRANSPORT).await;
        socket.init(payload).await;
        assert_eq!(
            socket.closed().await,
            (4403, "The access token is not valid".to_owned())
        );
    }
    // The token of an ended session.
    let ann = app.member().await;
    ann.graphql("mutation { logout { success } }", json!({})).await.data();
    let mut socket = served.socket(TRANSPORT).await;
    socket.init(json!({ "token": ann.access_token })).await;
    assert_eq!(socket.closed().await, (4403, "The session has ended".to_owned()));
    let headers = [
        ("sec-websocket-protocol", TRANSPORT),
        ("authorization", "Bearer nonsense"),
    ];
    let mut socket = served.connect(served.request(&headers)).await.unwrap();
    socket.init(Value::Null).await;
    assert_eq!(socket.closed().await.0, 4403);
    let mut socket = served.socket(LEGACY).await;
    socket.init(json!({ "token": "nonsense" })).await;
    assert_eq!(
        socket.receive().await,
        json!({ "type": "connection_error", "payload": { "message": "The access token is not valid" } })
    );
    assert_eq!(socket.closed().await.0, 4403);
}

#[tokio::test]
async fn anonymous_clients_run_public_operations_and_subscribe_to_nothing() {
    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut socket = served.introduced(Value::Null).await;
    for query in [
        "subscription { taskEvents { cursor } }",
        "subscription { notificationReceived { cursor } }",
        "subscription { taskStatusChanged(taskId: \"x\") { cursor } }",
    ] {
        socket.subscribe("1", query, json!({})).await;
        assert_eq!(socket.error_code("1").await, "UNAUTHENTICATED", "{query}");
    }
    socket.subscribe("1", VIEWER, json!({})).await;
    let answer = socket.receive().await;
    assert_eq!(
        answer["payload"]["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
        "{answer}"
    );
    assert_eq!(socket.receive().await["type"], "complete");
    let login = format!(
        "mutation {{ login(input: {{username: \"{}\", password: \"{PASSWORD}\"}}) {{ user {{ username }} }} }}",
        ann.name
    );
    assert_eq!(
        socket.answer(&login).await["login"]["user"]["username"],
        json!(ann.name)
    );
}

/// Two subscribed sockets of a person, on two nodes.
async fn pair(here: &Served, there: &Served, person: &Person<'_>, start: &str) -> [Socket; 2] {
    let mut sockets = [here.socket_of(person).await, there.socket_of(person).await];
    for socket in &mut sockets {
        watch(socket, "1", start).await;
    }
    sockets
}

#[tokio::test]
async fn the_end_of_a_session_closes_its_connections_on_every_node() {
    let app = TestApp::start().await;
    let node = app.second_node().await;
    let (here, there) = (app.listen().await, node.listen().await);
    let (ann, bob, cid, boss) = (
        app.member().await,
        app.member().await,
        app.member().await,
        app.admin().await,
    );
    let start = boss.event_cursor().await;
    let mut of_boss = pair(&here, &there, &boss, &start).await;

    let password = format!(
        "mutation {{ passwordChange(currentPassword: \"{PASSWORD}\", newPassword: \"Other-4711\") {{ userErrors {{ code }} }} }}"
    );
    let deactivate = format!(
        "mutation {{ userSetActive(id: \"{}\", isActive: false) {{ userErrors {{ code }} }} }}",
        cid.global_id()
    );
    for (whose, who, mutation) in [
        (&ann, &ann, "mutation { logout { success } }"),
        (&bob, &bob, password.as_str()),
        (&cid, &boss, deactivate.as_str()),
    ] {
        let mut sockets = pair(&here, &there, whose, &start).await;
        who.graphql(mutation, json!({})).await.data();
        for socket in &mut sockets {
            assert_eq!(
                socket.closed().await,
                (4403, "The session has ended".to_owned()),
                "{mutation}"
            );
        }
    }
    // Connections of others stay open.
    boss.creates_task(json!({ "title": "T" })).await;
    for socket in &mut of_boss {
        assert_eq!(event(socket, "1").await.1, "T");
    }
}

#[tokio::test]
async fn a_mutation_that_ends_its_session_is_answered_before_the_connection_closes() {
    const CHANGE: &str = "mutation($current: String!, $inputs: [TaskCreateInput!]!) {
        passwordChange(currentPassword: $current, newPassword: \"Other-4711\") { accessToken }
        one: tasksBulkCreate(inputs: $inputs) { successful }
        two: tasksBulkCreate(inputs: $inputs) { successful } }";

    let app = TestApp::start().await;
    let ann = app.member().await;
    let served = app.listen().await;
    let start = ann.event_cursor().await;
    let mut socket = served.socket_of(&ann).await;
    watch(&mut socket, "events", &start).await;
    ann.creates_task(json!({ "title": "Before" })).await;
    assert_eq!(event(&mut socket, "events").await.1, "Before");
    // The connection is notified of the new password while the tasks are created. Their events are not delivered.
    let inputs = vec![json!({ "title": "After" }); 10];
    let variables = json!({ "current": PASSWORD, "inputs": inputs });
    socket.subscribe("change", CHANGE, variables).await;
    let data = socket.data("change").await;
    assert_eq!(data["two"]["successful"], 10);
    assert_eq!(socket.receive().await, json!({ "type": "complete", "id": "change" }));
    assert_eq!(socket.closed().await, (4403, "The session has ended".to_owned()));
    let renewed = data["passwordChange"]["accessToken"].as_str().unwrap();
    let renewed = ann.with_token(&app, renewed);
    renewed.graphql(VIEWER, json!({})).await.data();
}

#[tokio::test]
async fn each_operation_checks_the_session_also_before_the_node_is_notified() {
    let app = TestApp::start().await;
    let node = app.second_node().await;
    let there = node.listen().await;
    let ann = app.member().await;
    let mut socket = there.socket_of(&ann).await;
    ann.graphql("mutation { logout { success } }", json!({})).await.data();
    socket.subscribe("1", VIEWER, json!({})).await;
    // Either the notification arrives first, or the operation finds the session ended.
    loop {
        match socket.next().await {
            Message::Text(text) => {
                assert!(text.contains("UNAUTHENTICATED"), "{text}");
            }
            Message::Close(frame) => {
                assert_eq!(u16::from(frame.unwrap().code), 4403);
                break;
            }
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_demoted_administrator_receives_no_events_of_other_users() {
    let app = TestApp::start().await;
    let (ann, chief, boss) = (app.member().await, app.admin().await, app.admin().await);
    let served = app.listen().await;
    let start = boss.event_cursor().await;
    let mut socket = served.socket_of(&chief).await;
    watch(&mut socket, "1", &start).await;
    ann.creates_task(json!({ "title": "Before" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "Before");
    let demote = "mutation($id: ID!) { userSetRole(id: $id, role: USER) { userErrors { code } } }";
    boss.graphql(demote, json!({ "id": chief.global_id() })).await.data();
    ann.creates_task(json!({ "title": "Not theirs" })).await;
    chief.creates_task(json!({ "title": "Theirs" })).await;
    assert_eq!(event(&mut socket, "1").await.1, "Theirs");
    // Queries over the socket use the new role too.
    let all = socket.answer("{ tasks(first: 10) { nodes { title } } }").await;
    assert_eq!(all["tasks"]["nodes"], json!([{ "title": "Theirs" }]));
}

#[tokio::test]
async fn a_connection_ends_with_its_token() {
    let app = TestApp::start_with(&[("ACCESS_TOKEN_EXPIRE_MINUTES", "1")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    app.advance(TimeDelta::milliseconds(59_800));
    let mut socket = served.socket_of(&ann).await;
    // Tokens expire by the test clock, which moves only on `advance`.
    assert!(is_member(&mut socket, &ann.name).await);
    app.advance(TimeDelta::milliseconds(200));
    assert_eq!(socket.closed().await, (4403, "The access token has expired".to_owned()));
    let mut late = served.socket(TRANSPORT).await;
    late.init(json!({ "token": ann.access_token })).await;
    assert_eq!(late.closed().await, (4403, "The access token has expired".to_owned()));
}
