//! A database that answers at another place from one moment to the next, as after a failover: established connections
//! get no answer, and none of them ends.

use std::time::{Duration, Instant};

use axum::http::Method;
use serde_json::json;
use url::Url;

use super::{Writer, assert_nothing_is_lost};
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::process::{Place, read, until};
use crate::support::proxy::Proxy;

/// The server is back within this time. It would be a quarter of an hour if it waited for TCP.
const BACK_WITHIN: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_failover_ends_soon_and_loses_no_acknowledged_write() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let mut url = Url::parse(database.url()).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let proxy = Proxy::before(target).await;
    url.set_host(Some(&proxy.address().ip().to_string())).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    let place = Place::over(&database).with("DATABASE_URL", url.as_str());
    let server = place.serve().await;
    let writer = Writer::new(&server).await;

    let writes = writer.begin();
    writer.until_acknowledged(100).await;
    proxy.swallow();
    let began = Instant::now();
    let list = "/api/v1/tasks";
    until("reads to be answered again", async || {
        let answer = read(server.request(&writer.token, Method::GET, list)).await.ok()?;
        answer.status.is_success().then_some(())
    })
    .await;
    until("writes to be answered again", async || {
        let task = json!({ "title": "Afterwards" });
        let answer = server.rest(&writer.token, Method::POST, list, task).await;
        answer.status.is_success().then_some(())
    })
    .await;
    until("the server to be ready", async || {
        let answer = read(server.request("", Method::GET, "/readyz")).await.ok()?;
        answer.status.is_success().then_some(())
    })
    .await;
    assert!(began.elapsed() < BACK_WITHIN, "back after {:?}", began.elapsed());
    let acknowledged: Vec<_> = writes.join_all().await.into_iter().flatten().collect();
    assert_nothing_is_lost(&database, &acknowledged).await;
    assert_eq!(server.login("ann@example.com", PASSWORD).await.status, 200);
}
