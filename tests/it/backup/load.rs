//! Writers that go on until they are told to stop.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::process::{client, read, until};

const WRITERS: usize = 6;

/// Tasks that were acknowledged, each with its title, which is in its file too, and the file.
pub type Acknowledged = BTreeMap<i64, (String, i64)>;

/// What writers share.
#[derive(Clone)]
struct Writer {
    address: String,
    token: String,
    acknowledged: Arc<Mutex<Acknowledged>>,
    number: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Writer {
    async fn write(self) {
        let client = client();
        while !self.stop.load(Ordering::Relaxed) {
            let title = format!("Task {}", self.number.fetch_add(1, Ordering::Relaxed));
            let task = self.post(&client, "tasks").json(&json!({ "title": title }));
            let task = made(task).await;
            let form = Form::default().file("file", "note.txt", title.as_bytes()).end();
            let file = self.post(&client, &format!("tasks/{task}/files"));
            let file = made(file.header("content-type", CONTENT_TYPE).body(form)).await;
            self.acknowledged.lock().unwrap().insert(task, (title, file));
        }
    }

    fn post(&self, client: &Client, path: &str) -> RequestBuilder {
        let request = client.post(format!("{}/api/v1/{path}", self.address));
        request.bearer_auth(&self.token)
    }
}

/// The number of what a request made.
async fn made(request: RequestBuilder) -> i64 {
    read(request).await.unwrap().at("/id").as_i64().unwrap()
}

/// Several of them.
pub struct Load {
    writer: Writer,
    writing: JoinSet<()>,
}

impl Load {
    pub fn begin(address: &str, token: &str) -> Self {
        let writer = Writer {
            address: address.to_owned(),
            token: token.to_owned(),
            acknowledged: Arc::default(),
            number: Arc::default(),
            stop: Arc::default(),
        };
        let writing = (0..WRITERS).map(|_| writer.clone().write()).collect();
        Self { writer, writing }
    }

    /// What was acknowledged, as soon as it is so much.
    pub async fn until_acknowledged(&self, count: usize) -> Acknowledged {
        until("the first writes", async || {
            let acknowledged = self.writer.acknowledged.lock().unwrap();
            (acknowledged.len() >= count).then(|| acknowledged.clone())
        })
        .await
    }

    /// Ends them, and gives all that was acknowledged.
    pub async fn end(self) -> Acknowledged {
        self.writer.stop.store(true, Ordering::Relaxed);
        self.writing.join_all().await;
        self.writer.acknowledged.lock().unwrap().clone()
    }
}
