//! A failover of the database: established connections stay open without answers, and new ones reach another server.

use url::Url;

use super::cluster::Cluster;
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::proxy::Proxy;

#[tokio::test]
async fn a_failover_recovers_soon_and_loses_no_acknowledged_write() {
    if !is_postgres() {
        return;
    }
    let database = TestDatabase::create().await;
    let mut url = Url::parse(database.url()).unwrap();
    let target = format!("{}:{}", url.host_str().unwrap(), url.port().unwrap_or(5432));
    let proxy = Proxy::before(target).await;
    url.set_host(Some(&proxy.address().ip().to_string())).unwrap();
    url.set_port(Some(proxy.address().port())).unwrap();
    let cluster = Cluster::over(database, &[("DATABASE_URL", url.as_str())]).await;
    let mut trial = cluster.under_load().await;
    proxy.stop_forwarding();
    trial.until_recovered(&cluster).await;
    trial.reckon("PostgreSQL fails over to another address", &cluster).await;
    assert_eq!(cluster.node(0).login("ann@example.com", PASSWORD).await.status, 200);
}
