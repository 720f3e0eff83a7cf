//! Metrics of live delivery.

use sea_orm::{ConnectionTrait as _, TransactionTrait as _};
use serde_json::json;

use super::EVENTS;
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Sandbox, Server, client, until};

async fn value(server: &Server, name: &str) -> f64 {
    let page = client().get(server.url("/metrics")).send().await.unwrap();
    let page = page.text().await.unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is not in:\n{page}"))
        .parse()
        .unwrap()
}

async fn until_value(server: &Server, name: &str, is_right: impl Fn(f64) -> bool) {
    until(name, async || is_right(value(server, name).await).then_some(())).await;
}

#[tokio::test]
async fn connections_subscriptions_and_events_are_counted() {
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    assert!(value(&server, "taskwire_live_connections").await.abs() < 0.5);
    let mut socket = server.socket_of(&token).await;
    socket.subscribe("1", EVENTS, json!({})).await;
    until_value(&server, "taskwire_live_subscriptions", |value| value > 0.5).await;
    server
        .graphql(
            &token,
            "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }",
            json!({}),
        )
        .await;
    socket.data("1").await;
    assert!(value(&server, "taskwire_live_connections").await > 0.5);
    assert!(value(&server, "taskwire_live_events_total").await > 0.5);
    assert!(value(&server, "taskwire_live_deliveries_total").await > 0.5);
    drop(socket);
    until_value(&server, "taskwire_live_connections", |value| value < 0.5).await;
    until_value(&server, "taskwire_live_subscriptions", |value| value < 0.5).await;
}

#[tokio::test]
async fn a_transaction_that_stays_open_shows_as_lag() {
    if !is_postgres() {
        // SQLite has one writer at a time, so no event waits for an older transaction.
        return;
    }
    let database = TestDatabase::create().await;
    let sandbox = Sandbox::over(&database);
    let server = sandbox.serve().await;
    let token = server.registers("ann@example.com", PASSWORD).await;
    let mut socket = server.socket_of(&token).await;
    socket.subscribe("1", EVENTS, json!({})).await;
    let connection = database.connect().await;
    let open = connection.begin().await.unwrap();
    open.execute_unprepared("SELECT pg_current_xact_id()").await.unwrap();
    server
        .graphql(
            &token,
            "mutation { taskCreate(input: {title: \"T\"}) { task { id } } }",
            json!({}),
        )
        .await;
    until_value(&server, "taskwire_live_lag_seconds", |value| value > 0.2).await;
    open.commit().await.unwrap();
    socket.data("1").await;
    until_value(&server, "taskwire_live_lag_seconds", |value| value < 0.001).await;
}
