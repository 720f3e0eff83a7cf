//! Clients that subscribe over HTTP and do not read, with and without events.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::metric;
use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::http2::{End, Http2};
use crate::support::process::{Sandbox, Server, until};
use crate::support::wire::Wire;

/// Server-sent events and multipart streams.
const STREAMS: [&str; 2] = ["text/event-stream", "multipart/mixed"];
/// This many events of 100 KB exceed the network buffers.
const EVENTS: usize = 100;
const CONNECTIONS: &str = "taskwire_live_connections";

/// A server with a heartbeat interval of 1 s, and a user with a task.
struct Watched {
    server: Server,
    token: String,
    task: i64,
    // Dropped after the server, which uses them.
    _place: Sandbox,
    _database: TestDatabase,
}

impl Watched {
    async fn start() -> Self {
        let database = TestDatabase::create().await;
        let sandbox = Sandbox::over(&database)
            .with("WEBSOCKET_PING_INTERVAL_SECONDS", "1")
            .with("HTTP_PING_INTERVAL_SECONDS", "3600");
        let server = sandbox.serve().await;
        let token = server.registers("ann@example.com", PASSWORD).await;
        let task = json!({ "title": "T", "description": "d".repeat(5_000) });
        let created = server.rest(&token, Method::POST, "/tasks", task).await;
        Self {
            task: created.at("/id").as_i64().unwrap(),
            server,
            token,
            _place: sandbox,
            _database: database,
        }
    }

    /// Subscribes to events of 100 KB each, and reads only the headers of the response.
    async fn subscribe(&self, accept: &str) -> Wire {
        let mut wire = Wire::open_narrow(&self.server.address).await;
        let body = json!({ "query": heavy() }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nAccept: {accept}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.token,
            body.len()
        );
        wire.send(head + &body).await;
        assert!(wire.head().await.starts_with("HTTP/1.1 200"));
        self.until_open(1.0).await;
        wire
    }

    /// Updates the task, so that each subscription gets this many events.
    async fn change(&self, times: usize) {
        for number in 0..times {
            let change = json!({ "title": format!("Title {number}") });
            let path = format!("/tasks/{}", self.task);
            let answer = self.server.rest(&self.token, Method::PATCH, &path, change).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    }

    async fn logout(&self) {
        let answer = self
            .server
            .rest(&self.token, Method::POST, "/auth/logout", Value::Null)
            .await;
        assert!(answer.status.is_success(), "{}", answer.text);
    }

    async fn until_open(&self, connections: f64) {
        until("the stream to begin or to end", async || {
            let open = metric(&self.server, CONNECTIONS).await;
            ((open - connections).abs() < 0.5).then_some(())
        })
        .await;
    }
}

/// A subscription whose events contain the description many times.
fn heavy() -> String {
    let names: Vec<String> = (0..20).map(|number| format!("d{number}: description")).collect();
    format!("subscription {{ taskEvents {{ task {{ {} }} }} }}", names.join(" "))
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends() {
    let watched = Watched::start().await;
    for accept in STREAMS {
        let stalled = watched.subscribe(accept).await;
        watched.change(EVENTS).await;
        watched.until_open(0.0).await;
        drop(stalled);
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_ends_after_logout_too() {
    for accept in STREAMS {
        let watched = Watched::start().await;
        let stalled = watched.subscribe(accept).await;
        watched.change(EVENTS).await;
        watched.logout().await;
        watched.until_open(0.0).await;
        drop(stalled);
    }
}

#[tokio::test]
async fn a_stream_without_events_ends_with_the_session() {
    for accept in STREAMS {
        let watched = Watched::start().await;
        let stalled = watched.subscribe(accept).await;
        watched.logout().await;
        watched.until_open(0.0).await;
        drop(stalled);
    }
}

#[tokio::test]
async fn a_stream_that_is_read_stays() {
    let watched = Watched::start().await;
    for accept in STREAMS {
        let mut read = watched.subscribe(accept).await;
        watched.change(3).await;
        // 300 KB of events, then more heartbeats than a client may miss.
        read.exactly(3 * 100_000).await;
        let reading = async {
            loop {
                read.exactly(1).await;
            }
        };
        let ended: Result<(), _> = timeout(Duration::from_secs(4), reading).await;
        assert!(ended.is_err());
        assert!(metric(&watched.server, CONNECTIONS).await > 0.5);
        drop(read);
        watched.until_open(0.0).await;
    }
}

/// Over HTTP/2 a client stalls one stream and uses others.
#[tokio::test]
async fn a_stalled_http2_stream_ends_and_the_connection_stays() {
    let watched = Watched::start().await;
    let mut http2 = Http2::begin(Wire::open(&watched.server.address).await, 200).await;
    let query: String = url::form_urlencoded::byte_serialize(heavy().as_bytes()).collect();
    let authorization = format!("Bearer {}", watched.token);
    let path = format!("/graphql?query={query}");
    for accept in STREAMS {
        http2
            .get(&path, &[("authorization", &authorization), ("accept", accept)])
            .await;
        watched.until_open(1.0).await;
        watched.change(3).await;
        watched.until_open(0.0).await;
    }
    let stream = http2.get("/livez", &[]).await;
    assert_eq!(http2.ended(stream).await, End::Complete);
}
