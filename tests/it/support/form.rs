//! Forms with files, as browsers send them.

use std::path::Path;

use axum::http::Method;
use axum::http::request::Builder;
use serde_json::{Value, json};

use super::TestApp;
use super::answer::Answer;
use super::person::{Person, global_id};

/// The content type of a [`Form`].
pub const CONTENT_TYPE: &str = "multipart/form-data; boundary=between-parts";
/// Uploads `$file` to `$task`.
pub const UPLOAD: &str = "mutation($task: ID, $file: Upload!) { attachmentUpload(input: {taskId: $task, file: $file}) {
    attachment { id databaseId filename contentType size sha256 createdAt owner { username } task { databaseId version } }
    userErrors { code field message } } }";

/// A body in multipart/form-data, part by part.
#[derive(Clone, Default)]
pub struct Form(Vec<u8>);

impl Form {
    /// A part that is text.
    pub fn text(self, name: &str, text: &str) -> Self {
        self.part(&format!("name=\"{name}\""), text.as_bytes())
    }

    /// A part that is a file.
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

    /// The whole body.
    pub fn end(mut self) -> Vec<u8> {
        self.0.extend_from_slice(b"--between-parts--\r\n");
        self.0
    }

    /// What has been written so far, as of a client that breaks off.
    pub fn broken_off(self) -> Vec<u8> {
        self.0
    }
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
    /// A request for a form, as a client sends it that is no page of another site.
    pub fn form(&self) -> Builder {
        self.request(Method::POST, "/graphql")
            .header("content-type", CONTENT_TYPE)
            .header("accept", "application/graphql-response+json")
            .header("graphql-preflight", "1")
    }

    /// Sends a form.
    pub async fn sends(&self, body: Vec<u8>) -> Answer {
        self.send(self.form().body(body.into()).unwrap()).await
    }

    /// Uploads a file.
    pub async fn uploads(&self, task: Option<i64>, filename: &str, content: &[u8]) -> Answer {
        self.sends(upload_form(task).file("0", filename, content).end()).await
    }

    /// Uploads a file, and gives what is known of it.
    pub async fn keeps(&self, task: Option<i64>, filename: &str, content: &[u8]) -> Value {
        let answer = self.uploads(task, filename, content).await;
        let payload = &answer.data()["attachmentUpload"];
        assert_eq!(payload["userErrors"], json!([]), "{}", answer.text);
        payload["attachment"].clone()
    }
}

impl TestApp {
    /// The paths of what is in the storage.
    pub fn stored_files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.files(), &mut found);
        found.sort();
        found
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
