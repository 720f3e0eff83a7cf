//! Faults of the network to the database that no connection reports: a failover to another server, and a firewall that
//! forgets idle connections. Established connections stay open without answers; new ones work.

use std::time::Duration;

use axum::http::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use url::Url;

use super::cluster::Cluster;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::proxy::Proxy;
use crate::support::{PASSWORD, TestApp};

/// Connections that were idle for this long are tested before use.
const IDLE: Duration = Duration::from_secs(31);

/// A proxy before the database, and the URL through it.
async fn proxied(database: &TestDatabase) -> (Proxy, Url) {
    let mut url = Url::parse(database.url()).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let proxy = Proxy::before(target).await;
    url.set_host(Some(&proxy.address().ip().to_string())).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    (proxy, url)
}

#[tokio::test]
async fn a_failover_recovers_soon_and_loses_no_acknowledged_write() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let (proxy, url) = proxied(&database).await;
    let cluster = Cluster::over(database, &[("DATABASE_URL", url.as_str())]).await;
    let mut trial = cluster.under_load().await;
    proxy.stop_forwarding();
    trial.until_recovered(&cluster).await;
    trial.reckon("PostgreSQL fails over to another address", &cluster).await;
    assert_eq!(cluster.node(0).login("ann@example.com", PASSWORD).await.status, 200);
}

/// The server in this process has no heartbeat. That of a real one does not help here: its connection is never idle.
#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn idle_connections_that_a_firewall_forgot_are_replaced_at_once() {
    if !is_postgres() {
        return;
    }
    let app = TestApp::start().await;
    let (proxy, url) = proxied(&app.database).await;
    // One connection for reads and one for writes.
    let settings = [("DATABASE_URL", url.as_str()), ("DATABASE_MAX_CONNECTIONS", "2")];
    let node = app.second_node_with(&settings).await;
    let ann = app.member().await;
    let there = ann.with_token(&node, ann.access_token.as_deref().unwrap());
    there.creates_task(json!({ "title": "Before" })).await;
    // A statement that fails leaves its connection idle too.
    app.database.execute("ALTER TABLE tasks RENAME TO hidden_tasks").await;
    let failed = there.rest(Method::GET, "/api/v1/tasks", Value::Null).await;
    assert_eq!(failed.status, 500, "{}", failed.text);
    app.database.execute("ALTER TABLE hidden_tasks RENAME TO tasks").await;
    sleep(IDLE).await;
    proxy.stop_forwarding();
    for title in ["After", "Later"] {
        there.creates_task(json!({ "title": title })).await;
    }
    assert_eq!(there.titles("first: 10").await, ["Later", "After", "Before"]);
}
