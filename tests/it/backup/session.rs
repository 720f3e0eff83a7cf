//! Sessions after a restore.

use std::path::Path;

use axum::http::Method;
use serde_json::{Value, json};

use super::Site;
use crate::support::PASSWORD;
use crate::support::answer::Answer;
use crate::support::process::Server;

#[tokio::test]
async fn a_session_from_after_the_backup_is_invalid_after_the_restore() {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    server.registers("ann@example.com", PASSWORD).await;
    let file = site.back_up().await;
    expect_invalid_after_restores(&site, &server, &file).await;
}

#[tokio::test]
async fn a_session_from_after_a_backup_without_sessions_is_invalid_after_the_restore() {
    let site = Site::new().await;
    site.sandbox.creates_user("ann").await;
    assert_eq!(site.count("sessions").await, 0);
    let file = site.back_up().await;
    expect_invalid_after_restores(&site, &site.sandbox.serve().await, &file).await;
}

/// Registers a user, restores the backup, and registers another one. Then it restores the same backup again.
async fn expect_invalid_after_restores(site: &Site, server: &Server, backup: &Path) {
    let mut last = server.registers("bob@example.com", PASSWORD).await;
    for name in ["cid", "dan"] {
        restore(site, backup).await;
        // The next account gets the number of the last one, but not the number of its session.
        let next = server.registers(&format!("{name}@example.com"), PASSWORD).await;
        let statuses = (me(server, &last).await.status, me(server, &next).await.status);
        assert_eq!((statuses.0.as_u16(), statuses.1.as_u16()), (401, 200), "{name}");
        last = next;
    }
}

async fn restore(site: &Site, backup: &Path) {
    site.sandbox
        .run(&format!("restore {} --force", backup.display()))
        .await
        .printed();
}

async fn me(server: &Server, token: &str) -> Answer {
    server.rest(token, Method::GET, "/api/v1/auth/me", Value::Null).await
}

/// The server caches accounts, and Cid's account gets the number of Bob's.
#[tokio::test]
async fn an_account_from_after_the_restore_is_not_taken_for_one_from_before() {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    server.registers("ann@example.com", PASSWORD).await;
    let file = site.back_up().await;
    let bob = server.registers("bob@example.com", PASSWORD).await;
    let bob = me(&server, &bob).await;
    restore(&site, &file).await;
    let cid = server.registers("cid@example.com", PASSWORD).await;
    let cid = me(&server, &cid).await;
    assert_eq!(cid.at("/id"), bob.at("/id"));
    assert_eq!(
        (bob.at("/email"), cid.at("/email")),
        (&json!("bob@example.com"), &json!("cid@example.com"))
    );
}
