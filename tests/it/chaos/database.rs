//! PostgreSQL stops, crashes, freezes, or has no free connections.

use std::time::Duration;

use sea_orm::sqlx::{Connection as _, PgConnection};

use tokio::time::sleep;

use super::FREEZE;
use super::cluster::Cluster;
use crate::support::database::{TestDatabase, is_postgres};
use crate::support::postgres::{PostgresServer, Shutdown};
use crate::support::process::until;

/// Duration of the outage.
const ABSENCE: Duration = Duration::from_secs(3);

async fn cluster_over(postgres: &PostgresServer) -> Cluster {
    Cluster::over(TestDatabase::at(postgres.url()), &[]).await
}

async fn restarts(how: Shutdown, fault: &str) {
    if !is_postgres() {
        return;
    }
    let mut postgres = PostgresServer::start(&[]).await;
    let cluster = cluster_over(&postgres).await;
    let mut trial = cluster.under_load().await;
    postgres.stop(how).await;
    sleep(ABSENCE).await;
    postgres.run().await;
    trial.until_recovered(&cluster).await;
    trial.reckon(fault, &cluster).await;
}

#[tokio::test]
#[ignore = "needs a separate PostgreSQL; `cargo xtask chaos` runs it"]
async fn a_fast_restart_of_postgresql_loses_nothing() {
    restarts(Shutdown::Fast, "PostgreSQL restarts (fast)").await;
}

#[tokio::test]
#[ignore = "needs a separate PostgreSQL; `cargo xtask chaos` runs it"]
async fn a_crash_of_postgresql_loses_nothing() {
    restarts(Shutdown::Immediate, "PostgreSQL crashes and recovers").await;
}

#[tokio::test]
#[ignore = "needs a separate PostgreSQL; `cargo xtask chaos` runs it"]
async fn a_frozen_postgresql_loses_nothing() {
    if !is_postgres() {
        return;
    }
    let postgres = PostgresServer::start(&[]).await;
    let cluster = cluster_over(&postgres).await;
    let mut trial = cluster.under_load().await;
    let frozen = postgres.freeze();
    sleep(FREEZE).await;
    frozen.thaw();
    trial.until_recovered(&cluster).await;
    trial.reckon("PostgreSQL is frozen for 12 s", &cluster).await;
}

#[tokio::test]
#[ignore = "needs a separate PostgreSQL; `cargo xtask chaos` runs it"]
async fn servers_without_a_free_connection_wait_and_recover() {
    if !is_postgres() {
        return;
    }
    let postgres = PostgresServer::start(&["max_connections=25"]).await;
    let cluster = cluster_over(&postgres).await;
    let mut trial = cluster.under_load().await;
    // Another client takes every free connection, and those of the servers too.
    let mut taken = vec![PgConnection::connect(&postgres.url()).await.unwrap()];
    let own = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE backend_type = 'client backend' AND application_name <> 'thief' AND pid <> pg_backend_pid()";
    let url = format!("{}?application_name=thief", postgres.url());
    until("all connections to be taken", async || {
        sea_orm::sqlx::query(own).execute(&mut taken[0]).await.unwrap();
        while let Ok(connection) = PgConnection::connect(&url).await {
            taken.push(connection);
        }
        (taken.len() >= 25).then_some(())
    })
    .await;
    sleep(FREEZE).await;
    drop(taken);
    trial.until_recovered(&cluster).await;
    trial
        .reckon("PostgreSQL has no connection left for 12 s", &cluster)
        .await;
}
