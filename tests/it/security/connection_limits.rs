//! Clients that hold too many connections.

use std::net::Ipv4Addr;

use serde_json::json;

use super::{ended, metric};
use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::process::{Sandbox, until};
use crate::support::socket::TRANSPORT;
use crate::support::wire::Wire;

/// Request headers; the connection is busy until the body arrives.
const UNFINISHED: &str = "POST /api/v1/auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
    Content-Length: 2\r\nExpect: 100-continue\r\n\r\n";
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A connection whose server side waits for a request body.
async fn busy(address: Ipv4Addr, server: &str) -> Wire {
    let mut wire = Wire::open_from(address, server).await;
    wire.send(UNFINISHED).await;
    assert_eq!(wire.response().await.status, 100);
    wire
}

#[tokio::test]
async fn a_full_server_refuses_clients_and_recovers() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("MAX_CONNECTIONS", "4")
        .with("MAX_CONNECTIONS_PER_ADDRESS", "4");
    let server = sandbox.serve().await;
    let mut busy_ones = Vec::new();
    for _ in 0..4 {
        busy_ones.push(busy(Ipv4Addr::LOCALHOST, &server.address).await);
    }
    let mut wire = Wire::open_from(OTHER, &server.address).await;
    let answer = wire.get("/livez").await;
    assert_eq!(answer.problem().0, 503);
    assert_eq!(answer.problem().1, "UNAVAILABLE");
    assert_eq!(
        (answer.header("connection"), answer.header("retry-after")),
        ("close", "5")
    );
    assert_eq!(wire.end().await.unwrap(), b"");

    let mut first = busy_ones.swap_remove(0);
    first.send("{}").await;
    assert_eq!(first.response().await.status, 422);
    // This connection is idle, so it is closed for a new one, although the others are still busy.
    let answer = until("a connection to be free", async || {
        let answer = Wire::open_from(OTHER, &server.address).await.get("/metrics").await;
        (answer.status == 200).then_some(answer)
    })
    .await;
    assert!(!answer.text.contains("reason=\"full\"} 0\n"), "{}", answer.text);
    assert_eq!(first.end().await.unwrap(), b"");
    for mut busy in busy_ones {
        busy.send("{}").await;
        assert_eq!(busy.response().await.status, 422);
    }
}

#[tokio::test]
async fn an_address_has_a_limit_unless_it_is_a_trusted_proxy() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("MAX_CONNECTIONS_PER_ADDRESS", "3")
        .with("TRUSTED_PROXIES", "127.0.0.3");
    let server = sandbox.serve().await;
    let attacker = Ipv4Addr::new(127, 0, 0, 9);
    let mut busy_ones = Vec::new();
    for _ in 0..3 {
        busy_ones.push(busy(attacker, &server.address).await);
    }
    let answer = Wire::open_from(attacker, &server.address).await.get("/livez").await;
    assert_eq!((answer.problem().0, answer.problem().1), (429, "LIMIT_EXCEEDED"));
    assert_eq!(
        Wire::open_from(OTHER, &server.address).await.get("/livez").await.status,
        200
    );
    let proxy = Ipv4Addr::new(127, 0, 0, 3);
    for _ in 0..6 {
        busy_ones.push(busy(proxy, &server.address).await);
    }
    assert_eq!(
        Wire::open_from(proxy, &server.address).await.get("/livez").await.status,
        200
    );
    assert!(ended(&server, "address_full").await > 0.5);
}

#[tokio::test]
async fn idle_connections_are_closed_for_new_ones_and_websockets_are_not() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("MAX_CONNECTIONS", "8")
        .with("MAX_CONNECTIONS_PER_ADDRESS", "8");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut sockets = Vec::new();
    for _ in 0..3 {
        sockets.push(server.socket_of(&token).await);
    }
    let mut idle = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::open(&server.address).await;
        assert_eq!(wire.get("/livez").await.status, 200);
        idle.push(wire);
    }
    // The oldest was closed, without a reset.
    assert_eq!(idle[0].end().await.unwrap(), b"");
    assert_eq!(idle[19].get("/livez").await.status, 200);
    for socket in &mut sockets {
        socket.answer("{ __typename }").await;
    }
    assert!(metric(&server, "taskwire_http_connections").await < 8.5);
}

#[tokio::test]
async fn long_lived_connections_leave_some_for_requests() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("MAX_CONNECTIONS", "8")
        .with("MAX_CONNECTIONS_PER_ADDRESS", "8");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut sockets = Vec::new();
    for _ in 0..6 {
        sockets.push(server.socket_of(&token).await);
    }
    let (status, _) = server.try_socket(TRANSPORT).await.err().unwrap();
    assert_eq!(status, 503);
    let answer = server.graphql(&token, "{ viewer { email } }", json!({})).await;
    assert_eq!(answer.data()["viewer"]["email"], "ann@example.com");
}

#[tokio::test]
async fn a_connection_limit_above_the_file_limit_stops_the_start_in_one_line() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    for (connections, reason) in [
        ("1024", "because the process may open 1024 files (`ulimit -n`)"),
        ("0", "allowed: a whole number from 1 to 1000000"),
        ("many", "allowed: a whole number from 1 to 1000000"),
    ] {
        let sandbox = Sandbox::over(&database).with("MAX_CONNECTIONS", connections);
        let output = sandbox.run_with_open_files("", 1_024).await;
        let complaint = output.complaint();
        let start = format!("MAX_CONNECTIONS is \"{connections}\"; allowed: a whole number from 1 to ");
        assert!(
            complaint.starts_with(&start) && complaint.contains(reason),
            "{complaint}"
        );
    }
    let server = sandbox
        .with("MAX_CONNECTIONS", "900")
        .serve_with_open_files(1_024)
        .await;
    server
        .until_logged("at most 900 connections of clients, 225 from one address")
        .await;
}

#[tokio::test]
async fn a_process_without_free_file_descriptors_waits_and_recovers() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let mut kept = Wire::open(&server.address).await;
    assert_eq!(kept.get("/livez").await.status, 200);
    // The limit is below the number of open files, so nothing can be accepted.
    server.limit_open_files(Some(5));
    let mut waiting = Vec::new();
    for _ in 0..50 {
        waiting.push(Wire::open(&server.address).await);
    }
    server.until_logged("a connection cannot be accepted").await;
    let mut last = waiting.pop().unwrap();
    last.send("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    server.limit_open_files(None);
    assert_eq!(last.response().await.status, 200);
    let log = server.stop().await;
    assert!(log.matches("cannot be accepted").count() < 10, "{log}");
}
