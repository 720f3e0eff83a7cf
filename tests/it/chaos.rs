//! Faults: what happens to acknowledged writes, and how soon the server is back.

mod failover;
mod file;
mod full_disk;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::http::Method;
use reqwest::{Client, RequestBuilder};
use sea_orm::FromQueryResult;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::person::global_id;
use crate::support::process::{Place, Server, client, read, until};

const CONNECTIONS: usize = 16;
const WRITES: usize = 1_000;
/// Tasks that there are before, to be changed.
const TASKS: usize = 20;
/// So many writes are acknowledged before the blow falls.
const BEFORE: usize = 250;

const CREATE: &str =
    "mutation($title: String!) { taskCreate(input: { title: $title }) { task { databaseId version } } }";
const UPDATE: &str = "mutation($id: ID!, $title: String!) { taskUpdate(id: $id, input: { title: $title }) { task { databaseId version } } }";

/// A write that the server said it has done.
#[derive(Debug)]
struct Acknowledged {
    task: i64,
    version: i64,
    title: String,
}

/// Somebody who writes through many connections at once.
#[derive(Clone)]
struct Writer {
    address: String,
    token: String,
    tasks: Vec<i64>,
    begun: Arc<AtomicUsize>,
    acknowledged: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
}

impl Writer {
    async fn new(server: &Server) -> Self {
        let token = server.registers("ann@example.com", PASSWORD).await;
        let mut tasks = Vec::new();
        for number in 0..TASKS {
            let title = json!({ "title": format!("Task {number}") });
            let made = server.rest(&token, Method::POST, "/api/v1/tasks", title).await;
            tasks.push(made.at("/id").as_i64().unwrap());
        }
        Self {
            address: server.url(""),
            token,
            tasks,
            begun: Arc::default(),
            acknowledged: Arc::default(),
            failed: Arc::default(),
        }
    }

    /// Begins to write, on every connection.
    fn begin(&self) -> JoinSet<Vec<Acknowledged>> {
        (0..CONNECTIONS).map(|_| self.clone().write(client())).collect()
    }

    /// Writes until all is written or the server is gone.
    async fn write(self, client: Client) -> Vec<Acknowledged> {
        let mut done = Vec::new();
        loop {
            let number = self.begun.fetch_add(1, Ordering::Relaxed);
            if number >= WRITES {
                return done;
            }
            let title = format!("Write {number}");
            let Ok(answer) = read(self.request(&client, number, &title)).await else {
                return done;
            };
            // What fails during a fault is not acknowledged; without one nothing fails.
            let Some((task, version)) = outcome(&answer.body) else {
                self.failed.fetch_add(1, Ordering::Relaxed);
                continue;
            };
            done.push(Acknowledged { task, version, title });
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until so many writes were acknowledged.
    async fn until_acknowledged(&self, writes: usize) {
        until("the first writes", async || {
            (self.acknowledged.load(Ordering::Relaxed) >= writes).then_some(())
        })
        .await;
    }

    /// Creates and updates in turn, over GraphQL and over REST.
    fn request(&self, client: &Client, number: usize, title: &str) -> RequestBuilder {
        let task = self.tasks[number / 4 % TASKS];
        let url = |path: &str| format!("{}{path}", self.address);
        let graphql = |query: &str, variables: Value| {
            let body = json!({ "query": query, "variables": variables });
            client.post(url("/graphql")).json(&body)
        };
        let request = match number % 4 {
            0 => graphql(CREATE, json!({ "title": title })),
            1 => client.post(url("/api/v1/tasks")).json(&json!({ "title": title })),
            2 => graphql(UPDATE, json!({ "id": global_id("Task", task), "title": title })),
            _ => client
                .patch(url(&format!("/api/v1/tasks/{task}")))
                .json(&json!({ "title": title })),
        };
        request.bearer_auth(&self.token)
    }
}

/// Number and version of the task in an answer of either face.
fn outcome(body: &Value) -> Option<(i64, i64)> {
    let task = ["taskCreate", "taskUpdate"]
        .iter()
        .find_map(|mutation| body["data"][mutation].get("task"))
        .unwrap_or(body);
    let id = task.get("databaseId").or_else(|| task.get("id"))?;
    Some((id.as_i64()?, task["version"].as_i64()?))
}

#[derive(FromQueryResult)]
struct TaskRow {
    id: i32,
    version: i32,
    title: String,
}

#[derive(FromQueryResult)]
struct EventRow {
    task_id: i32,
    task: Value,
}

/// Every acknowledged write is in its task and in the log; and no write is there by half.
async fn assert_nothing_is_lost(database: &TestDatabase, acknowledged: &[Acknowledged]) {
    let tasks = database.rows::<TaskRow>("SELECT id, version, title FROM tasks").await;
    let events = database.rows::<EventRow>("SELECT task_id, task FROM task_events").await;
    let count = events.len();
    let log: BTreeMap<(i64, i64), &str> = events
        .iter()
        .map(|event| {
            let version = event.task["version"].as_i64().unwrap();
            (
                (i64::from(event.task_id), version),
                event.task["title"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(log.len(), count, "a version has one event");
    for write in acknowledged {
        let told = log.get(&(write.task, write.version));
        assert_eq!(told, Some(&write.title.as_str()), "{write:?} is not in the log");
    }

    let mut versions = 0;
    for task in &tasks {
        let (id, version) = (i64::from(task.id), i64::from(task.version));
        let last = log.range((id, 0)..=(id, i64::MAX)).next_back();
        assert_eq!(last, Some((&(id, version), &task.title.as_str())), "task and log part");
        versions += usize::try_from(version).unwrap();
    }
    assert_eq!(versions, count, "every version has its event, and every event its task");
    let there: BTreeSet<i64> = tasks.iter().map(|task| i64::from(task.id)).collect();
    let missing = acknowledged.iter().find(|write| !there.contains(&write.task));
    assert!(missing.is_none(), "{missing:?} is not in the table");
}

#[tokio::test]
async fn a_kill_in_the_middle_of_1000_writes_loses_none_that_was_acknowledged() {
    let database = TestDatabase::create().await;
    let place = Place::over(&database);
    let server = place.serve().await;
    let writer = Writer::new(&server).await;

    let writes = writer.begin();
    writer.until_acknowledged(BEFORE).await;
    server.kill().await;
    let acknowledged: Vec<Acknowledged> = writes.join_all().await.into_iter().flatten().collect();
    assert_eq!(writer.failed.load(Ordering::Relaxed), 0);
    assert!(
        (BEFORE..WRITES).contains(&acknowledged.len()),
        "it was not in the middle: {}",
        acknowledged.len()
    );

    let server = place.serve().await;
    assert_nothing_is_lost(&database, &acknowledged).await;
    // The server goes on where it was: the same token, the same tasks, and new writes.
    let total = "{ tasks(first: 1) { totalCount } }";
    let count = server.graphql(&writer.token, total, json!({})).await.data()["tasks"]["totalCount"].clone();
    assert_eq!(
        count,
        json!(database.number("SELECT COUNT(*) AS number FROM tasks").await)
    );
    let created = server
        .graphql(&writer.token, CREATE, json!({ "title": "Afterwards" }))
        .await;
    assert_eq!(created.data()["taskCreate"]["task"]["version"], 1);
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_in_the_middle_of_writes_ends_well_and_loses_none() {
    let database = TestDatabase::create().await;
    let place = Place::over(&database);
    let mut server = place.serve().await;
    let writer = Writer::new(&server).await;

    let writes = writer.begin();
    writer.until_acknowledged(BEFORE).await;
    server.terminate();
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    let acknowledged: Vec<Acknowledged> = writes.join_all().await.into_iter().flatten().collect();
    assert_eq!(writer.failed.load(Ordering::Relaxed), 0);
    assert!(acknowledged.len() < WRITES, "it was not in the middle");
    assert_nothing_is_lost(&database, &acknowledged).await;
}

/// A request that has begun: the server has read its head and waits for its body.
struct BegunRequest {
    stream: TcpStream,
    body: String,
}

impl BegunRequest {
    fn new(server: &Server, token: &str) -> Self {
        let body = json!({ "title": "Finished in time" }).to_string();
        let mut stream = TcpStream::connect(&server.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        write!(
            stream,
            "POST /api/v1/tasks HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\nexpect: 100-continue\r\n\r\n",
            server.address,
            body.len()
        )
        .unwrap();
        let mut request = Self { stream, body };
        assert_eq!(request.read_line(), "HTTP/1.1 100 Continue");
        assert_eq!(request.read_line(), "");
        request
    }

    fn finish(&mut self) {
        self.stream.write_all(self.body.as_bytes()).unwrap();
    }

    /// The next line; empty at the end as well.
    fn read_line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while self.stream.read(&mut byte).unwrap_or_default() == 1 && byte != *b"\n" {
            line.extend(byte);
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }
}

#[tokio::test]
async fn a_request_that_runs_is_answered_before_the_server_stops_and_no_new_one_is_taken() {
    let database = TestDatabase::create().await;
    let place = Place::over(&database);
    let mut server = place.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut request = BegunRequest::new(&server, &token);

    server.terminate();
    server.until_logged("shutting down").await;
    // Whoever asks whether it is ready is refused, by the server or by its absence.
    until("the server to be unready", async || {
        let answer = client().get(server.url("/readyz")).send().await;
        answer
            .map_or(true, |answer| answer.status().as_u16() == 503)
            .then_some(())
    })
    .await;
    request.finish();
    assert_eq!(request.read_line(), "HTTP/1.1 201 Created");
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    let finished = "SELECT COUNT(*) AS number FROM tasks WHERE title = 'Finished in time'";
    assert_eq!(database.number(finished).await, 1);
}

#[tokio::test]
async fn a_request_that_does_not_end_holds_the_server_up_only_for_the_time_of_the_settings() {
    let database = TestDatabase::create().await;
    let place = Place::over(&database).with("SHUTDOWN_TIMEOUT_SECONDS", "1");
    let mut server = place.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut request = BegunRequest::new(&server, &token);

    server.terminate();
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("requests still running after 1 s were cut off"), "{log}");
    assert_eq!(request.read_line(), "", "it is not answered");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_is_unready_before_it_refuses_anybody() {
    let database = TestDatabase::create().await;
    // Longer than the test waits for anything.
    let place = Place::over(&database).with("SHUTDOWN_DRAIN_SECONDS", "3600");
    let server = place.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;

    server.terminate();
    until("the server to be unready", async || {
        let answer = client().get(server.url("/readyz")).send().await.unwrap();
        (answer.status().as_u16() == 503).then_some(())
    })
    .await;
    // Over a new connection, which its answer closes.
    let request = client()
        .post(server.url("/api/v1/tasks"))
        .bearer_auth(&token)
        .json(&json!({ "title": "While it drains" }));
    let answer = read(request).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_server_that_drains_ends_when_the_time_is_over() {
    let database = TestDatabase::create().await;
    let place = Place::over(&database).with("SHUTDOWN_DRAIN_SECONDS", "1");
    let mut server = place.serve().await;
    server.registers("ann@example.com", PASSWORD).await;
    server.terminate();
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections are accepted for 1 s"), "{log}");
}
