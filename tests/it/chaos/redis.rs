//! Redis is killed or frozen.

use std::time::Duration;

use tokio::time::sleep;

use super::FREEZE;
use super::cluster::Cluster;
use crate::support::redis::RedisServer;

const ABSENCE: Duration = Duration::from_secs(3);

async fn cluster_with(redis: &RedisServer) -> Cluster {
    Cluster::start_with(&[
        ("REDIS_URL", &redis.url()),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_PER_MINUTE", "1000000"),
    ])
    .await
}

#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn a_restart_of_redis_fails_no_request() {
    let mut redis = RedisServer::start().await;
    let cluster = cluster_with(&redis).await;
    let mut trial = cluster.under_load().await;
    redis.kill();
    sleep(ABSENCE).await;
    redis.run().await;
    trial.until_recovered(&cluster).await;
    let failures = trial.reckon("Redis restarts", &cluster).await;
    assert!(failures.is_empty(), "{failures:?}");
}

#[tokio::test]
#[ignore = "takes long; `cargo xtask chaos` runs it"]
async fn a_frozen_redis_fails_no_request() {
    let redis = RedisServer::start().await;
    let cluster = cluster_with(&redis).await;
    let mut trial = cluster.under_load().await;
    redis.freeze();
    sleep(FREEZE).await;
    redis.thaw();
    trial.until_recovered(&cluster).await;
    let failures = trial.reckon("Redis is frozen for 12 s", &cluster).await;
    assert!(failures.is_empty(), "{failures:?}");
}
