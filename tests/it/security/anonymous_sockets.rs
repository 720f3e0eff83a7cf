//! Anonymous sockets must not take connection slots of signed-in users.

use axum::http::Method;
use serde_json::json;

use crate::support::TestApp;
use crate::support::socket::{LEGACY, TRANSPORT};

/// More than any limit of anonymous sockets.
const ATTACK: usize = 300;

/// A listening server. The process has enough file descriptors for both ends of the sockets.
async fn start(settings: &[(&str, &str)]) -> TestApp {
    taskwire::http::open_files::raise_limit();
    TestApp::start_with(settings).await
}

#[tokio::test]
async fn anonymous_sockets_take_no_slots_of_users() {
    let app = start(&[("LIVE_MAX_CONNECTIONS", "2")]).await;
    let (ann, bob) = (app.member().await, app.member().await);
    let served = app.listen().await;
    let mut anonymous = Vec::new();
    for _ in 0..ATTACK {
        anonymous.push(served.introduced(json!({})).await);
    }
    let (mut one, mut two) = (served.socket_of(&ann).await, served.socket_of(&bob).await);
    for socket in [&mut one, &mut two] {
        socket.answer("{ viewer { id } }").await;
    }
    assert_eq!(app.app.domain().live().connections(), 2);
    // The oldest were closed for the newest, which stay open.
    let reason = "Too many connections without a user".to_owned();
    assert_eq!(anonymous[0].closed().await, (1013, reason));
    anonymous[ATTACK - 1].answer("{ __typename }").await;
}

#[tokio::test]
async fn unauthenticated_sockets_block_nobody() {
    let app = start(&[
        ("WEBSOCKET_INIT_TIMEOUT_SECONDS", "3600"),
        ("LIVE_MAX_CONNECTIONS", "2"),
    ])
    .await;
    let ann = app.member().await;
    let served = app.listen().await;
    for protocol in [TRANSPORT, LEGACY] {
        let mut silent = Vec::new();
        for _ in 0..ATTACK {
            silent.push(served.socket(protocol).await);
        }
        served.socket_of(&ann).await.answer("{ viewer { id } }").await;
        assert_eq!(silent[0].closed().await.0, 1013);
    }
}

#[tokio::test]
async fn sockets_with_a_bad_token_block_nobody() {
    let app = start(&[("LIVE_MAX_CONNECTIONS", "2")]).await;
    let ann = app.member().await;
    let served = app.listen().await;
    let mut refused = Vec::new();
    for _ in 0..ATTACK {
        let mut socket = served.socket(TRANSPORT).await;
        socket.init(json!({ "token": "x" })).await;
        refused.push(socket);
    }
    served.socket_of(&ann).await.answer("{ viewer { id } }").await;
}

#[tokio::test]
async fn an_anonymous_socket_in_use_stays_until_others_need_its_slot() {
    let app = start(&[
        ("LIVE_MAX_ANONYMOUS_CONNECTIONS", "3"),
        ("LIVE_MAX_ANONYMOUS_CONNECTIONS_PER_ADDRESS", "3"),
    ])
    .await;
    let served = app.listen().await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(served.introduced(json!({})).await);
    }
    for socket in &mut sockets {
        socket.answer("{ __typename }").await;
    }
    sockets.push(served.introduced(json!({})).await);
    assert_eq!(sockets.remove(0).closed().await.0, 1013);
    for socket in &mut sockets {
        socket.answer("{ __typename }").await;
    }
}

#[tokio::test]
async fn anonymous_streams_are_refused_and_hold_no_slot() {
    let app = start(&[("LIVE_MAX_CONNECTIONS", "1")]).await;
    let ann = app.member().await;
    let nobody = app.anonymous();
    let watch = json!({ "query": "subscription { taskEvents { type } }" }).to_string();
    for accept in ["text/event-stream", "multipart/mixed"] {
        for _ in 0..ATTACK {
            let request = nobody.request(Method::POST, "/graphql").header("accept", accept);
            let request = request.header("content-type", "application/json");
            let answer = nobody.send(request.body(watch.clone().into()).unwrap()).await;
            assert!(answer.text.contains("UNAUTHENTICATED"), "{}", answer.text);
        }
    }
    assert_eq!(app.app.domain().live().connections(), 0);
    let served = app.listen().await;
    served.socket_of(&ann).await.answer("{ viewer { id } }").await;
}
