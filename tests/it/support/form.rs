//! Multipart forms with files, as browsers send them.

use std::io;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::http::Method;
use axum::http::request::Builder;
use futures_util::stream;
use serde_json::{Value, json};

use super::TestApp;
use super::answer::Answer;
use super::person::{Person, global_id};
use super::process::until;

/// The content type of a [`Form`].
pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=between-parts";
/// Uploads `$file` to `$task`.
pub const UPLOAD: &str = "mutation($task: ID, $file: Upload!) { attachmentUpload(input: {taskId: $task, file: $file}) {
    attachment { id databaseId filename contentType size sha256 createdAt owner { username } task { databaseId version } }
    userErrors { code field message } } }";

/// Builder of a multipart/form-data body.
#[derive(Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    pub fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), text.as_bytes())
    }

    pub fn file(self, name: &str, filename: &str, content: &[u8]) -> Self {
        self.part(&format!("name=\"{name}\"; filename=\"{filename}\""), content)
    }

    fn part(mut self, disposition: &str, content: &[u8]) -> Self {
        let head = format!("--between-parts\r\nContent-Disposition: form-data; {disposition}\r\n\r\n");
        self.0.extend_from_slice(head.as_bytes());
        self.0.extend_from_slice(content);
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"--between-parts--\r\n");
        self.0
    }

    /// A body without the end, as from a client that disconnects.
    pub fn broken_off(self) -> Vec<u8> {
        self.0
    }
}

/// A body in pieces of one byte.
pub fn byte_by_byte(form: Vec<u8>) -> Body {
    let pieces = form.into_iter().map(|byte| Ok::<_, io::Error>(Bytes::from(vec![byte])));
    Body::from_stream(stream::iter(pieces))
}

/// The beginning of a form that uploads one file.
pub fn upload_form(task: Option<i64>) -> Form {
    let task = task.map(|task| global_id("Task", task));
    let operations = json!({ "query": UPLOAD, "variables": { "task": task, "file": null } });
    Form::default()
        .text("operations", &operations.to_string())
        .text("map", r#"{"0": ["variables.file"]}"#)
}

impl Person<'_> {
    /// A request for a form, with the header that pages of other sites cannot send.
    pub fn form(&self) -> Builder {
        self.request(Method::POST, "/graphql")
            .header("content-type", CONTENT_TYPE)
            .header("accept", "application/graphql-response+json")
            .header("graphql-preflight", "1")
    }

    pub async fn sends(&self, body: Vec<u8>) -> Answer {
        self.send(self.form().body(body.into()).unwrap()).await
    }

    /// Uploads a file over REST.
    pub async fn posts_file(&self, path: &str, filename: &str, content: &[u8]) -> Answer {
        let form = Form::default().file("file", filename, content).end();
        let request = self.request(Method::POST, path).header("content-type", CONTENT_TYPE);
        self.send(request.body(form.into()).unwrap()).await
    }

    pub async fn uploads(&self, task: Option<i64>, filename: &str, content: &[u8]) -> Answer {
        self.sends(upload_form(task).file("0", filename, content).end()).await
    }

    /// Uploads a file without errors. Returns the attachment.
    pub async fn keeps(&self, task: Option<i64>, filename: &str, content: &[u8]) -> Value {
        let answer = self.uploads(task, filename, content).await;
        let payload = &answer.data()["attachmentUpload"];
        assert_eq!(payload["userErrors"], json!([]), "{}", answer.text);
        payload["attachment"].clone()
    }
}

impl TestApp {
    /// The sorted paths of all files in the storage.
    pub fn stored_files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.files(), &mut found);
        found.sort();
        found
    }

    /// Waits until the storage has this many files. A refused file is removed after the response.
    pub async fn expect_stored_files(&self, count: usize) {
        until(&format!("{count} stored files"), async || {
            (self.stored_files().len() == count).then_some(())
        })
        .await;
    }
}

fn list(directory: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, found);
        } else {
            found.push(path.display().to_string());
        }
    }
}
