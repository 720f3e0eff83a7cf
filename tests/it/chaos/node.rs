//! A server that is killed, stopped or frozen.

use tokio::time::sleep;

use super::FREEZE;
use super::cluster::Cluster;

#[tokio::test]
async fn a_killed_server_loses_no_acknowledged_write_and_no_event() {
    let mut cluster = Cluster::start().await;
    let mut trial = cluster.under_load().await;
    cluster.kill(0).await;
    cluster.run(0).await;
    trial.until_recovered(&cluster).await;
    trial.reckon("a server is killed", &cluster).await;
}

#[tokio::test]
async fn a_server_that_stops_while_clients_write_fails_none_that_can_go_elsewhere() {
    // While it drains, each response closes its connection. So no client sends on a connection that is being closed.
    let mut cluster = Cluster::start_with(&[("SHUTDOWN_DRAIN_SECONDS", "2")]).await;
    let mut trial = cluster.under_load().await;
    cluster.stop(0).await;
    cluster.run(0).await;
    trial.until_recovered(&cluster).await;
    let failures = trial.reckon("a server is stopped and started", &cluster).await;
    // Requests fail only while nothing listens; none is refused or cut off before.
    let unexpected: Vec<_> = failures.iter().filter(|cause| !cause.contains("Connect")).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn a_frozen_server_continues_without_doing_anything_twice() {
    let cluster = Cluster::start().await;
    let mut trial = cluster.under_load().await;
    cluster.node(0).freeze();
    sleep(FREEZE).await;
    cluster.node(0).thaw();
    trial.until_recovered(&cluster).await;
    trial.reckon("a server is frozen for 12 s", &cluster).await;
}
