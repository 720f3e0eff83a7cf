//! A disk that is full for a while.

use axum::http::Method;
use serde_json::json;

use super::load::{Acknowledged, outcome};
use super::reckoning::{Contents, Reckoning};
use crate::support::PASSWORD;
use crate::support::answer::Answer;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Sandbox, Server, read, until};

/// Limit of the size of the write-ahead log; a few dozen writes reach it.
const KIBIBYTES: u32 = 700;
/// Attempts of writes after the disk has space again.
const AFTERWARDS: usize = 200;

async fn create(server: &Server, token: &str, number: usize) -> Answer {
    let task = json!({ "title": format!("Write {number}"), "description": "x".repeat(5_000) });
    server.rest(token, Method::POST, "/api/v1/tasks", task).await
}

fn acknowledged(answer: &Answer, title: String) -> Acknowledged {
    let (task, version) = outcome(&answer.body).unwrap();
    Acknowledged { task, version, title }
}

/// Every acknowledged write is in its task and in the event log, and no write is incomplete.
async fn assert_nothing_is_lost(database: &TestDatabase, writes: &[Acknowledged]) {
    assert_eq!(Contents::read(database).await.reckon(writes), Reckoning::default());
}

async fn readiness(server: &Server) -> Answer {
    read(server.request("", Method::GET, "/readyz")).await.unwrap()
}

/// On a full disk the database rolls back by itself. A driver that does not notice continues without a transaction.
#[tokio::test]
async fn a_full_disk_loses_no_acknowledged_write_neither_meanwhile_nor_afterwards() {
    if is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve_limited(KIBIBYTES).await;
    let token = server.registers("ann@example.com", PASSWORD).await;

    let mut writes = Vec::new();
    let mut failures = 0;
    for number in 0.. {
        let answer = create(&server, &token, number).await;
        if answer.status == 201 {
            writes.push(acknowledged(&answer, format!("Write {number}")));
        } else {
            assert!([500, 503].contains(&answer.status.as_u16()), "{}", answer.text);
            failures += 1;
        }
        if failures == 3 {
            break;
        }
    }
    assert!(!writes.is_empty());
    let refused = readiness(&server).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.text.contains("the database's disk"), "{}", refused.text);
    assert_nothing_is_lost(&database, &writes).await;

    server.free_disk();
    until("the server to be ready again", async || {
        readiness(&server).await.status.is_success().then_some(())
    })
    .await;
    let first = writes[0].task;
    let path = format!("/api/v1/tasks/{first}");
    for number in 0..AFTERWARDS {
        let refused = match number % 5 {
            0 => {
                let request = server
                    .request(&token, Method::PATCH, &path)
                    .header("if-match", "\"999\"");
                read(request.json(&json!({ "title": "Stale" }))).await.unwrap()
            }
            1 => {
                server
                    .rest(&token, Method::POST, "/api/v1/tasks", json!({ "title": "" }))
                    .await
            }
            2 => {
                let body = json!({ "assignee_id": 999_999 });
                server.rest(&token, Method::PATCH, &path, body).await
            }
            _ => {
                let answer = create(&server, &token, 10_000 + number).await;
                assert_eq!(answer.status, 201, "{}", answer.text);
                writes.push(acknowledged(&answer, format!("Write {}", 10_000 + number)));
                continue;
            }
        };
        assert!(refused.status.is_client_error(), "{}", refused.text);
    }
    assert_nothing_is_lost(&database, &writes).await;
    server.kill().await;
    let server = sandbox.serve().await;
    assert_nothing_is_lost(&database, &writes).await;
    let answer = create(&server, &token, 20_000).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
}
