//! Load during a fault: clients that write and repeat what failed, and subscribers that resume.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::Method;
use futures_util::{SinkExt as _, StreamExt as _};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::support::answer::Answer;
use crate::support::person::global_id;
use crate::support::process::{client, read, until};
use crate::support::socket::TRANSPORT;

const WRITERS: usize = 8;
const SUBSCRIBERS: usize = 6;
/// Pause between two writes of a client. All clients together write at most 80 times a second.
const PACE: Duration = Duration::from_millis(100);
/// Timeout of a request, and of a silent connection.
const LIMIT: Duration = Duration::from_secs(4);
/// Timeout of a write with all its retries.
const PATIENCE: Duration = Duration::from_mins(2);
/// Pause before a retry.
const RETRY: Duration = Duration::from_millis(100);

const CREATE: &str =
    "mutation($title: String!) { taskCreate(input: { title: $title }) { task { databaseId version } } }";
const UPDATE: &str = "mutation($id: ID!, $title: String!) { taskUpdate(id: $id, input: { title: $title }) { task { databaseId version } } }";
const EVENTS: &str =
    "subscription($after: String) { taskEvents(after: $after) { cursor task { databaseId } snapshot { version } } }";

/// A write that the server confirmed.
#[derive(Clone, Debug)]
pub struct Acknowledged {
    pub task: i64,
    pub version: i64,
    pub title: String,
}

/// The task and version of an event.
pub type Event = (i64, i64);

/// Events that a subscriber has received.
#[derive(Debug, Default)]
pub struct Received {
    pub events: Vec<Event>,
    /// Whether its cursor was unknown, so that it started again and missed earlier events.
    pub has_resynchronized: bool,
    cursor: String,
}

/// State that all clients share.
struct Shared {
    /// Addresses of the servers, or of the proxies in front of them.
    addresses: Vec<String>,
    token: String,
    tasks: Vec<i64>,
    next: AtomicUsize,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Causes of failed attempts, including those whose retry succeeded.
    failures: Mutex<Vec<String>>,
    /// Writes that succeeded, but whose response was lost.
    unanswered: AtomicUsize,
}

/// Running clients, until [`Load::finish`].
pub struct Load {
    shared: Arc<Shared>,
    received: Vec<Arc<Mutex<Received>>>,
    is_writing: watch::Sender<bool>,
    writers: JoinSet<()>,
    subscribers: JoinSet<()>,
}

impl Load {
    /// Starts all clients. They use the addresses in turn, update `tasks` and create others.
    pub async fn start(addresses: Vec<String>, token: &str, tasks: Vec<i64>) -> Self {
        let shared = Arc::new(Shared {
            addresses,
            token: token.to_owned(),
            tasks,
            next: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
            failures: Mutex::default(),
            unanswered: AtomicUsize::new(0),
        });
        let cursor = until("an event cursor", async || shared.event_cursor(0).await).await;
        let received: Vec<_> = (0..SUBSCRIBERS)
            .map(|_| {
                Arc::new(Mutex::new(Received {
                    cursor: cursor.clone(),
                    ..Received::default()
                }))
            })
            .collect();
        let subscribers = received
            .iter()
            .enumerate()
            .map(|(number, received)| Arc::clone(&shared).subscribe(number, Arc::clone(received)))
            .collect();
        let is_writing = watch::Sender::new(true);
        let writers = (0..WRITERS)
            .map(|_| Arc::clone(&shared).write(is_writing.subscribe()))
            .collect();
        Self {
            shared,
            received,
            is_writing,
            writers,
            subscribers,
        }
    }

    /// Waits until `more` further writes are acknowledged.
    pub async fn until_acknowledged(&self, more: usize) {
        let count = || self.shared.acknowledged.lock().unwrap().len();
        let before = count();
        until("writes to be acknowledged", async || {
            (count() >= before + more).then_some(())
        })
        .await;
    }

    pub fn acknowledged(&self) -> Vec<Acknowledged> {
        self.shared.acknowledged.lock().unwrap().clone()
    }

    /// The titles of all writes that were begun.
    pub fn begun(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.shared.next.load(Ordering::Relaxed)).map(title_of)
    }

    /// The causes of attempts that have failed until now.
    pub fn failures(&self) -> Vec<String> {
        self.shared.failures.lock().unwrap().clone()
    }

    /// Number of writes whose first attempt succeeded without a response, so that the client repeated them.
    pub fn unanswered(&self) -> usize {
        self.shared.unanswered.load(Ordering::Relaxed)
    }

    /// Ends writing after every write that has begun is done.
    pub async fn finish(&mut self) {
        self.is_writing.send_replace(false);
        while let Some(ended) = self.writers.join_next().await {
            ended.unwrap();
        }
    }

    /// Waits until every subscriber has received this event, and ends them. Returns what they received.
    pub async fn received(mut self, last: Event) -> Vec<Received> {
        for received in &self.received {
            // A separate timeout for each: one that never receives it must not hide the others from the report.
            let _ = timeout(Duration::from_secs(30), async {
                while !received.lock().unwrap().events.contains(&last) {
                    sleep(RETRY).await;
                }
            })
            .await;
        }
        self.subscribers.shutdown().await;
        self.received
            .iter()
            .map(|received| std::mem::take(&mut *received.lock().unwrap()))
            .collect()
    }
}

fn title_of(number: usize) -> String {
    format!("Write {number}")
}

impl Shared {
    fn address(&self, number: usize) -> &str {
        &self.addresses[number % self.addresses.len()]
    }

    /// Repeats each write until it is acknowledged, then sends the next.
    async fn write(self: Arc<Self>, is_writing: watch::Receiver<bool>) {
        let client = client();
        while *is_writing.borrow() {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let title = title_of(number);
            let began = Instant::now();
            for attempt in 0.. {
                let request = self.request(&client, number, attempt, &title);
                match timeout(LIMIT, read(request)).await {
                    Ok(Ok(answer)) => match outcome(&answer.body) {
                        Some((task, version)) => {
                            let write = Acknowledged { task, version, title };
                            self.acknowledged.lock().unwrap().push(write);
                            break;
                        }
                        None if answer.text.contains("IDEMPOTENT_RESPONSE_LOST") => {
                            self.unanswered.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        None => self.fail(format!("{} {}", answer.status, answer.text)),
                    },
                    Ok(Err(error)) => self.fail(format!("{error:?}")),
                    Err(_) => self.fail(format!("no answer within {} s", LIMIT.as_secs())),
                }
                assert!(
                    began.elapsed() < PATIENCE,
                    "write {number} is not done: {:?}",
                    self.failures.lock().unwrap().last()
                );
                sleep(RETRY).await;
            }
            sleep(PACE).await;
        }
    }

    fn fail(&self, cause: String) {
        self.failures.lock().unwrap().push(cause);
    }

    /// Alternates between create and update, GraphQL and REST. Each retry goes to the next server, with the same key.
    fn request(&self, client: &Client, number: usize, attempt: usize, title: &str) -> RequestBuilder {
        let task = self.tasks[number / 4 % self.tasks.len()];
        let url = |path: &str| format!("http://{}{path}", self.address(number + attempt));
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
        request
            .bearer_auth(&self.token)
            .header("idempotency-key", format!("load-{number}"))
    }

    /// The current cursor; `None` while the server does not answer.
    async fn event_cursor(&self, number: usize) -> Option<String> {
        let request = client()
            .post(format!("http://{}/graphql", self.address(number)))
            .bearer_auth(&self.token)
            .json(&json!({ "query": "{ eventCursor }" }));
        let answer: Answer = timeout(LIMIT, read(request)).await.ok()?.ok()?;
        Some(answer.body["data"]["eventCursor"].as_str()?.to_owned())
    }

    /// Subscribes again and again, each time after the last event it received.
    async fn subscribe(self: Arc<Self>, first: usize, received: Arc<Mutex<Received>>) {
        for number in first.. {
            if self.follow(number, &received).await == Some(Ended::CursorUnknown)
                && let Some(cursor) = self.event_cursor(number).await
            {
                *received.lock().unwrap() = Received {
                    has_resynchronized: true,
                    cursor,
                    ..Received::default()
                };
            }
            sleep(RETRY).await;
        }
    }

    /// Receives events until the connection ends or is silent. `None` if it ended without a reason.
    async fn follow(&self, number: usize, received: &Mutex<Received>) -> Option<Ended> {
        let address = self.address(number);
        let mut request = format!("ws://{address}/graphql").into_client_request().unwrap();
        let protocol = TRANSPORT.parse().unwrap();
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let connecting = async {
            let stream = TcpStream::connect(address).await.ok()?;
            client_async(request, stream).await.ok()
        };
        let (mut socket, _) = timeout(LIMIT, connecting).await.ok()??;
        let init = json!({ "type": "connection_init", "payload": { "token": self.token } });
        socket.send(Message::text(init.to_string())).await.ok()?;
        let after = received.lock().unwrap().cursor.clone();
        let payload = json!({ "query": EVENTS, "variables": { "after": after } });
        let subscribe = json!({ "type": "subscribe", "id": "1", "payload": payload });
        loop {
            let Message::Text(text) = timeout(LIMIT, socket.next()).await.ok()??.ok()? else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).ok()?;
            match message["type"].as_str()? {
                "connection_ack" => socket.send(Message::text(subscribe.to_string())).await.ok()?,
                "ping" => socket
                    .send(Message::text(json!({ "type": "pong" }).to_string()))
                    .await
                    .ok()?,
                "next" => {
                    let event = &message["payload"]["data"]["taskEvents"];
                    let (task, snapshot) = (&event["task"], &event["snapshot"]);
                    let mut received = received.lock().unwrap();
                    event["cursor"].as_str()?.clone_into(&mut received.cursor);
                    received
                        .events
                        .push((task["databaseId"].as_i64()?, snapshot["version"].as_i64()?));
                }
                _ if text.contains("RESYNC_REQUIRED") => return Some(Ended::CursorUnknown),
                _ => return None,
            }
        }
    }
}

/// Why a subscription ended.
#[derive(PartialEq)]
enum Ended {
    CursorUnknown,
}

/// Id and version of the task in a response of either API.
pub fn outcome(body: &Value) -> Option<Event> {
    let task = ["taskCreate", "taskUpdate"]
        .iter()
        .find_map(|mutation| body["data"][mutation].get("task"))
        .unwrap_or(body);
    let id = task.get("databaseId").or_else(|| task.get("id"))?;
    Some((id.as_i64()?, task["version"].as_i64()?))
}

/// Whether a server is ready, and answers reads and writes.
pub async fn serves(address: &str, token: &str) -> bool {
    let client = client();
    let send = async |method, path: &str, body: Option<Value>| {
        let request = client
            .request(method, format!("http://{address}{path}"))
            .bearer_auth(token);
        let request = match &body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = timeout(LIMIT, read(request)).await;
        matches!(answer, Ok(Ok(answer)) if answer.status.is_success())
    };
    send(Method::GET, "/readyz", None).await
        && send(Method::GET, "/api/v1/tasks", None).await
        && send(Method::POST, "/api/v1/tasks", Some(json!({ "title": "Recovered" }))).await
}
