//! Sessions after a restore.

use std::path::Path;

use axum::http::Method;
use serde_json::Value;

use super::Site;
use crate::support::PASSWORD;
use crate::support::process::Server;

#[tokio::test]
async fn a_session_from_after_the_backup_is_invalid_after_the_restore() {
    let site = Site::new().await;
    let server = site.sandbox.serve().await;
    server.registers("ann@example.com", PASSWORD).await;
    let file = site.back_up().await;
    expect_invalid_after_restore(&site, &server, &file).await;
}

#[tokio::test]
async fn a_session_from_after_a_backup_without_sessions_is_invalid_after_the_restore() {
    let site = Site::new().await;
    site.sandbox.creates_user("ann").await;
    assert_eq!(site.count("sessions").await, 0);
    let file = site.back_up().await;
    expect_invalid_after_restore(&site, &site.sandbox.serve().await, &file).await;
}

/// Registers a user, restores the backup, and registers another one.
async fn expect_invalid_after_restore(site: &Site, server: &Server, backup: &Path) {
    let bob = server.registers("bob@example.com", PASSWORD).await;
    site.sandbox
        .run(&format!("restore {} --force", backup.display()))
        .await
        .printed();
    // The next account gets Bob's number, but not the number of his session.
    let cid = server.registers("cid@example.com", PASSWORD).await;
    let me = async |token: &str| {
        let answer = server.rest(token, Method::GET, "/api/v1/auth/me", Value::Null).await;
        answer.status.as_u16()
    };
    assert_eq!((me(&bob).await, me(&cid).await), (401, 200));
}
