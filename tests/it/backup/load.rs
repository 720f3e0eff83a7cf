//! Writers that create tasks with files until [`Load::end`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::{Client, RequestBuilder};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::process::{client, read, until};

const WRITERS: usize = 6;

/// Acknowledged tasks, each with its title, which is also the content of its file, and the id of the file.
pub type Acknowledged = BTreeMap<i64, (String, i64)>;

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
            let task = created_id(task).await;
            let form = Form::default().file("file", "note.txt", title.as_bytes()).end();
            let file = self.post(&client, &format!("tasks/{task}/files"));
            let file = created_id(file.header("content-type", CONTENT_TYPE).body(form)).await;
            self.acknowledged.lock().unwrap().insert(task, (title, file));
        }
    }

    fn post(&self, client: &Client, path: &str) -> RequestBuilder {
        let request = client.post(format!("{}/api/v1/{path}", self.address));
        request.bearer_auth(&self.token)
    }
}

async fn created_id(request: RequestBuilder) -> i64 {
    read(request).await.unwrap().at("/id").as_i64().unwrap()
}

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

    /// Waits for `count` acknowledged tasks. Returns those acknowledged until then.
    pub async fn until_acknowledged(&self, count: usize) -> Acknowledged {
        until("the first writes", async || {
            let acknowledged = self.writer.acknowledged.lock().unwrap();
            (acknowledged.len() >= count).then(|| acknowledged.clone())
        })
        .await
    }

    /// Ends the writers. Returns all acknowledged tasks.
    pub async fn end(self) -> Acknowledged {
        self.writer.stop.store(true, Ordering::Relaxed);
        self.writing.join_all().await;
        self.writer.acknowledged.lock().unwrap().clone()
    }
}
