//! Shutdown after SIGTERM.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::database::TestDatabase;
use crate::support::form::{CONTENT_TYPE, Form};
use crate::support::process::{Sandbox, Server, client, read, until};

/// A running request: the server has read its head and waits for its body.
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

    /// The next line; also empty at the end of the connection.
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
async fn a_running_request_is_answered_before_the_server_stops_and_no_new_one_is_accepted() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let mut server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut request = BegunRequest::new(&server, &token);

    server.terminate();
    server.until_logged("shutting down").await;
    // A readiness probe fails: the server refuses it or does not accept the connection.
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
    assert!(!log.contains("aborted"), "{log}");
    let finished = "SELECT COUNT(*) AS number FROM tasks WHERE title = 'Finished in time'";
    assert_eq!(database.number(finished).await, 1);
}

#[tokio::test]
async fn a_request_that_does_not_end_delays_shutdown_only_until_the_timeout() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("SHUTDOWN_TIMEOUT_SECONDS", "1");
    let mut server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut request = BegunRequest::new(&server, &token);

    server.terminate();
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("requests still running after 1 s were aborted"), "{log}");
    assert_eq!(request.read_line(), "", "it is not answered");
}

/// Replaces the only stored file by a pipe. Opening it blocks, because nobody writes to it.
fn block_file(sandbox: &Sandbox) {
    let first_in = |folder: PathBuf| fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    let file = first_in(first_in(sandbox.path().join("uploads")));
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
}

/// As a name lookup that is not answered.
#[tokio::test]
async fn a_blocking_call_that_does_not_end_does_not_keep_the_process() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("SHUTDOWN_TIMEOUT_SECONDS", "1");
    let mut server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let form = Form::default().file("file", "note.txt", b"content").end();
    let upload = server
        .request(&token, Method::POST, "/api/v1/upload")
        .header("content-type", CONTENT_TYPE)
        .body(form);
    let uploaded = read(upload).await.unwrap();
    assert_eq!(uploaded.status, 201, "{}", uploaded.text);
    block_file(&sandbox);
    let path = format!("/api/v1/files/{}", uploaded.at("/id"));
    let download = tokio::spawn(server.request(&token, Method::GET, &path).send());
    until("the download to begin", async || {
        let metrics = server.rest("", Method::GET, "/metrics", Value::Null).await;
        // The other request asks for the metrics.
        let has_begun = metrics.text.contains("\ntaskwire_http_requests_in_flight 2\n");
        has_begun.then_some(())
    })
    .await;

    server.terminate();
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("requests still running after 1 s were aborted"), "{log}");
    assert!(download.await.unwrap().is_err(), "it is not answered");
}

#[tokio::test]
async fn a_stopping_server_is_unready_before_it_refuses_requests() {
    let database = TestDatabase::create().await;
    // Longer than any timeout of the test.
    let sandbox = Sandbox::over(&database).with("SHUTDOWN_DRAIN_SECONDS", "3600");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;

    server.terminate();
    until("the server to be unready", async || {
        let answer = client().get(server.url("/readyz")).send().await.unwrap();
        (answer.status().as_u16() == 503).then_some(())
    })
    .await;
    // Over a new connection, which the server closes after the response.
    let request = client()
        .post(server.url("/api/v1/tasks"))
        .bearer_auth(&token)
        .json(&json!({ "title": "While it drains" }));
    let answer = read(request).await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.header("connection"), "close");
}

#[tokio::test]
async fn a_draining_server_stops_after_the_drain_time() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database).with("SHUTDOWN_DRAIN_SECONDS", "1");
    let mut server = sandbox.serve().await;
    server.registers("ann@example.com", PASSWORD).await;
    server.terminate();
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections are accepted for 1 s"), "{log}");
}
