//! Refusals while the client is still sending. Clients that read the response only afterwards, such as Python's, must
//! receive it.

use axum::http::Method;
use serde_json::{Value, json};

use crate::support::PASSWORD;
use crate::support::answer::Answer;
use crate::support::database::TestDatabase;
use crate::support::process::{Sandbox, Server};
use crate::support::wire::Wire;

/// Above every body limit.
const LARGE: usize = 8 * 1024 * 1024;
/// A body that may be larger than the network buffers.
const SMALL: usize = 20 * 1024;

/// How a request declares its body.
#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunks,
    /// `Expect: 100-continue`, without waiting for it.
    Impatient,
}

const FRAMINGS: [Framing; 3] = [Framing::Length, Framing::Chunks, Framing::Impatient];

/// A request without its body.
struct Target<'a> {
    line: &'a str,
    kind: &'a str,
    token: &'a str,
    status: u16,
}

impl Target<'_> {
    fn head(&self, framing: Framing, length: usize) -> String {
        let Self { line, kind, token, .. } = self;
        let framing = match framing {
            Framing::Length => format!("Content-Length: {length}"),
            Framing::Chunks => "Transfer-Encoding: chunked".to_owned(),
            Framing::Impatient => format!("Content-Length: {length}\r\nExpect: 100-continue"),
        };
        let token = match *token {
            "" => String::new(),
            token => format!("Authorization: Bearer {token}\r\n"),
        };
        format!("{line} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{token}{framing}\r\n\r\n")
    }

    /// Sends everything before it reads the response.
    async fn send(&self, wire: &mut Wire, framing: Framing, length: usize) -> Answer {
        const PIECE: usize = 64 * 1024;

        wire.send(self.head(framing, length)).await;
        let body = format!("{{\"title\": \"{}\"}}", "x".repeat(length - 13));
        for piece in body.as_bytes().chunks(PIECE) {
            if let Framing::Chunks = framing {
                wire.send(format!("{:x}\r\n", piece.len())).await;
            }
            wire.send(piece).await;
            if let Framing::Chunks = framing {
                wire.send("\r\n").await;
            }
        }
        if let Framing::Chunks = framing {
            wire.send("0\r\n\r\n").await;
        }
        let mut answer = wire.response().await;
        if answer.status == 100 {
            answer = wire.response().await;
        }
        answer
    }
}

fn code(answer: &Answer) -> &Value {
    let rest = answer.body.pointer("/error/code");
    rest.or_else(|| answer.body.pointer("/errors/0/extensions/code"))
        .unwrap_or_else(|| panic!("{} {}", answer.status, answer.text))
}

async fn assert_refused(server: &Server, target: &Target<'_>, framing: Framing) {
    let mut wire = Wire::open(&server.address).await;
    let answer = target.send(&mut wire, framing, LARGE).await;
    let case = format!("{} {} {framing:?}: {}", target.line, target.status, answer.text);
    assert_eq!(answer.status, target.status, "{case}");
    assert!(code(&answer).is_string(), "{case}");
    assert_eq!(answer.header("connection"), "close", "{case}");
    assert_eq!(wire.end().await.unwrap(), b"", "{case}");
}

#[tokio::test]
async fn a_client_that_sends_8_mb_receives_the_refusal_and_no_reset() {
    const JSON: &str = "application/json";
    const TASKS: &str = "POST /api/v1/tasks";
    const GRAPHQL: &str = "POST /graphql";

    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let token = token.as_str();
    for (line, kind, token, status) in [
        (TASKS, JSON, token, 413),
        (TASKS, JSON, "", 401),
        (TASKS, "text/plain", token, 415),
        ("POST /nowhere", JSON, token, 404),
        ("PUT /api/v1/tasks", JSON, token, 405),
        ("POST /api/v1/upload", "text/plain", token, 415),
        (GRAPHQL, JSON, token, 413),
        (GRAPHQL, JSON, "", 413),
        (GRAPHQL, "text/plain", token, 415),
        ("PUT /graphql", JSON, token, 405),
        (GRAPHQL, "multipart/form-data; boundary=x", token, 415),
    ] {
        let target = Target {
            line,
            kind,
            token,
            status,
        };
        for framing in FRAMINGS {
            assert_refused(&server, &target, framing).await;
        }
    }
}

#[tokio::test]
async fn a_rate_limited_client_receives_the_refusal_and_no_reset() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database)
        .with("RATE_LIMIT_ENABLED", "true")
        .with("RATE_LIMIT_PER_MINUTE", "1");
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let task = json!({ "title": "T" });
    assert_eq!(server.rest(&token, Method::POST, "/tasks", task).await.status, 201);
    let target = Target {
        line: "POST /api/v1/tasks",
        kind: "application/json",
        token: &token,
        status: 429,
    };
    for framing in FRAMINGS {
        assert_refused(&server, &target, framing).await;
    }
}

#[tokio::test]
async fn a_refused_short_body_leaves_the_connection_open() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let mut wire = Wire::open(&server.address).await;
    for (line, kind, status) in [
        ("POST /nowhere", "application/json", 404),
        ("POST /api/v1/tasks", "application/json", 401),
        ("PUT /graphql", "application/json", 405),
        ("POST /graphql", "text/plain", 415),
    ] {
        let target = Target {
            line,
            kind,
            token: "",
            status,
        };
        for framing in [Framing::Length, Framing::Chunks] {
            let answer = target.send(&mut wire, framing, SMALL).await;
            assert_eq!(
                (answer.status.as_u16(), answer.header("connection")),
                (status, ""),
                "{line}"
            );
        }
    }
    assert_eq!(wire.get("/livez").await.status, 200);
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_a_body_without_100_continue() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    for length in [SMALL, LARGE] {
        let mut wire = Wire::open(&server.address).await;
        let target = Target {
            line: "POST /api/v1/tasks",
            kind: "application/json",
            token: "",
            status: 401,
        };
        wire.send(target.head(Framing::Impatient, length)).await;
        // The client waits and receives the refusal instead of `100 Continue`.
        let answer = wire.response().await;
        assert_eq!((answer.status.as_u16(), answer.header("connection")), (401, "close"));
        assert_eq!(wire.end().await.unwrap(), b"");
    }
}

#[tokio::test]
async fn endless_headers_are_refused_without_a_reset() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let mut wire = Wire::open(&server.address).await;
    wire.send("GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Large: ").await;
    wire.send("x".repeat(4 * 1024 * 1024)).await;
    wire.send("\r\n\r\n").await;
    assert_eq!(wire.response().await.status, 431);
    assert_eq!(wire.end().await.unwrap(), b"");
}

#[tokio::test]
async fn reading_after_a_refusal_has_a_limit() {
    let database = TestDatabase::create().await;
    let server = Sandbox::over(&database).serve().await;
    let mut wire = Wire::open(&server.address).await;
    let head = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n";
    wire.send(head).await;
    let piece = vec![b'x'; 1024 * 1024];
    let mut sent = 0;
    while wire.try_send(&piece).await.is_ok() {
        sent += 1;
        assert!(sent < 64, "{sent} MiB were read");
    }
}
