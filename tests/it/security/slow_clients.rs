//! Clients that connect and send nothing, too little or too slowly, or that do not read.

use std::net::Ipv4Addr;
use std::time::Duration;

use super::{ended, metric};
use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::http2::{End, GOAWAY, Http2};
use crate::support::process::{Sandbox, Server, until};
use crate::support::wire::Wire;

/// Above the file limit of the server.
const SILENT: u32 = 1_100;
/// The file limit of the server.
const OPEN_FILES: u32 = 1_024;
/// A path whose response, requested [`TIMES`] times, exceeds the network buffers.
const LARGE: &str = "/assets/swagger-ui/swagger-ui-bundle.js";
const TIMES: usize = 20;

/// A partial request.
const BEGINNINGS: [&str; 4] = [
    "",
    "GET /livez HTT",
    "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Le",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

async fn serve(sandbox: &Sandbox) -> Server {
    taskwire::http::open_files::raise_limit();
    sandbox.serve_with_open_files(OPEN_FILES).await
}

/// Opens silent connections from the addresses of `source`.
async fn open_silent(server: &Server, source: impl Fn(u32) -> Ipv4Addr) -> Vec<Wire> {
    let mut open = Vec::new();
    for (number, beginning) in (0..SILENT).zip(BEGINNINGS.iter().cycle()) {
        let mut wire = Wire::open_from(source(number), &server.address).await;
        // The server may already have closed this connection.
        let _ = wire.try_send(beginning).await;
        open.push(wire);
    }
    open
}

/// Checks that clients at this address are served, over new connections and over one.
async fn assert_serves(server: &Server, address: Ipv4Addr) {
    let mut kept = Wire::open_from(address, &server.address).await;
    for _ in 0..20 {
        let mut fresh = Wire::open_from(address, &server.address).await;
        for wire in [&mut kept, &mut fresh] {
            let answer = wire.get("/readyz").await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn silent_connections_of_one_address_block_nobody() {
    let database = TestDatabase::create().await;
    let server = serve(&Sandbox::over(&database)).await;
    server.registers("ann@example.com", PASSWORD).await;
    let silent = open_silent(&server, |_| Ipv4Addr::LOCALHOST).await;
    assert_serves(&server, Ipv4Addr::new(127, 0, 0, 2)).await;
    assert_serves(&server, Ipv4Addr::LOCALHOST).await;
    assert_eq!(server.login("ann@example.com", PASSWORD).await.status, 200);
    assert!(metric(&server, "taskwire_http_connections").await <= f64::from(OPEN_FILES / 4));
    drop(silent);
    let log = server.stop().await;
    assert!(!log.contains("cannot be accepted"), "{log}");
}

#[tokio::test]
async fn silent_connections_of_many_addresses_block_nobody() {
    let database = TestDatabase::create().await;
    let server = serve(&Sandbox::over(&database)).await;
    let silent = open_silent(&server, |number| {
        Ipv4Addr::new(127, 1, 0, u8::try_from(number % 200).unwrap() + 1)
    })
    .await;
    assert_serves(&server, Ipv4Addr::new(127, 0, 0, 2)).await;
    assert_serves(&server, Ipv4Addr::new(127, 1, 0, 1)).await;
    assert!(ended(&server, "evicted").await > 0.5);
    drop(silent);
    let log = server.stop().await;
    assert!(!log.contains("cannot be accepted"), "{log}");
}

#[tokio::test]
async fn silent_connections_time_out() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("HEADER_READ_TIMEOUT_SECONDS", "1");
    let server = sandbox.serve().await;
    for beginning in BEGINNINGS {
        let mut wire = Wire::open(&server.address).await;
        wire.send(beginning).await;
        // With or without a close message.
        let _ = wire.end().await;
    }
    assert!(ended(&server, "header_timeout").await > 3.5);
}

#[tokio::test]
async fn headers_sent_byte_by_byte_end_a_connection_and_an_idle_one_stays() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("HEADER_READ_TIMEOUT_SECONDS", "1");
    let server = sandbox.serve().await;
    let mut idle = Wire::open(&server.address).await;
    assert_eq!(idle.get("/livez").await.status, 200);
    for first in ["", "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"] {
        let mut slow = Wire::open(&server.address).await;
        slow.send(first).await;
        if !first.is_empty() {
            assert_eq!(slow.response().await.status, 200);
        }
        slow.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ").await;
        until("the slow client to be disconnected", async || {
            slow.try_send("x").await.err()
        })
        .await;
    }
    // The connection was idle for longer than the header timeout.
    assert_eq!(idle.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_connection_without_a_request_is_closed() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("KEEP_ALIVE_TIMEOUT_SECONDS", "1")
        .with("WRITE_TIMEOUT_SECONDS", "1");
    let server = sandbox.serve().await;
    let mut idle = Wire::open(&server.address).await;
    for _ in 0..3 {
        let answer = idle.get("/livez").await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (200, ""));
    }
    assert_eq!(idle.end().await.unwrap(), b"");

    let mut idle = Http2::begin(Wire::open(&server.address).await, 65_535).await;
    let stream = idle.get("/livez", &[]).await;
    idle.ended(stream).await;
    while idle.frame_with_pongs().await.kind != GOAWAY {}
    idle.end().await.unwrap();
}

#[tokio::test]
async fn an_http2_client_that_answers_no_ping_is_disconnected() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("HTTP_PING_INTERVAL_SECONDS", "1");
    let server = sandbox.serve().await;
    let mut dead = Http2::begin(Wire::open(&server.address).await, 65_535).await;
    dead.get("/livez", &[]).await;
    let mut alive = Http2::begin(Wire::open(&server.address).await, 65_535).await;
    let stream = alive.get("/livez", &[]).await;
    alive.ended(stream).await;
    tokio::select! {
        ended = dead.end() => drop(ended.unwrap()),
        () = alive.idle() => {}
    }
    let stream = alive.get("/livez", &[]).await;
    alive.ended(stream).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_its_response_is_disconnected() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("WRITE_TIMEOUT_SECONDS", "3");
    let server = sandbox.serve().await;
    let mut greedy = Wire::open_narrow(&server.address).await;
    let request = format!("GET {LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    greedy.send(request.repeat(TIMES)).await;
    assert!(greedy.head().await.starts_with("HTTP/1.1 200"));
    // This connection, and the one that reads the metric.
    until("the client to be disconnected", async || {
        (metric(&server, "taskwire_http_connections").await < 1.5).then_some(())
    })
    .await;
    // A slow reader gets everything.
    let mut patient = Wire::open_narrow(&server.address).await;
    patient.send(&request).await;
    let head = patient.head().await;
    let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
    let length: usize = length.parse().unwrap();
    for _ in 0..20 {
        patient.exactly(length / 20).await;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    patient.exactly(length % 20).await;
    assert_eq!(patient.get("/livez").await.status, 200);
}

#[tokio::test]
async fn an_http2_response_that_is_not_read_ends_and_the_connection_stays() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("WRITE_TIMEOUT_SECONDS", "1")
        .with("HTTP_PING_INTERVAL_SECONDS", "3600");
    let server = sandbox.serve().await;
    let mut http2 = Http2::begin(Wire::open(&server.address).await, 200).await;
    http2.get(LARGE, &[]).await;
    until("the response to end", async || {
        (ended(&server, "stalled").await > 0.5).then_some(())
    })
    .await;
    let stream = http2.get("/livez", &[]).await;
    assert_eq!(http2.ended(stream).await, End::Complete);
}
