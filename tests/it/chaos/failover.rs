//! A database that answers at another place from one moment to the next, as after a failover: established connections
//! get no answer, and none of them ends.

use url::Url;

use super::cluster::Cluster;
use crate::support::PASSWORD;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::proxy::Proxy;

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
    let cluster = Cluster::over(database, &[("DATABASE_URL", url.as_str())]).await;
    let mut trial = cluster.under_load().await;
    proxy.swallow();
    trial.until_recovered(&cluster).await;
    trial.reckon("PostgreSQL fails over to another address", &cluster).await;
    assert_eq!(cluster.node(0).login("ann@example.com", PASSWORD).await.status, 200);
}
