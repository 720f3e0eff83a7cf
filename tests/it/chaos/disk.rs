//! The disk of the database is full for a while, under load.

use std::time::Duration;

use tokio::time::sleep;

use super::cluster::Cluster;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::postgres::PostgresServer;

/// The data directory needs less than half.
const MEBIBYTES: u32 = 192;
const FULL_FOR: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_full_disk_of_sqlite_loses_nothing() {
    if is_postgres() {
        return;
    }
    let mut cluster = Cluster::start().await;
    cluster.run_limited(0).await;
    let mut trial = cluster.under_load().await;
    cluster.node(0).fill_disk();
    sleep(FULL_FOR / 4).await;
    cluster.node(0).free_disk();
    trial.until_recovered(&cluster).await;
    trial.reckon("SQLite's disk is full for 2 s", &cluster).await;
}

#[tokio::test]
#[ignore = "needs the right to mount; `cargo xtask chaos` runs it"]
async fn a_full_disk_of_postgresql_loses_nothing() {
    if !is_postgres() {
        return;
    }
    let mut postgres =
        PostgresServer::start_on_small_disk(MEBIBYTES, &["min_wal_size=32MB", "max_wal_size=48MB"]).await;
    let cluster = Cluster::over(TestDatabase::at(postgres.url()), &[]).await;
    let mut trial = cluster.under_load().await;
    postgres.fill_disk();
    sleep(FULL_FOR).await;
    postgres.free_disk();
    // PostgreSQL ends when it cannot write its log; a service manager would restart it.
    if !postgres.is_running() {
        postgres.run().await;
    }
    trial.until_recovered(&cluster).await;
    trial.reckon("PostgreSQL's disk is full for 8 s", &cluster).await;
}
