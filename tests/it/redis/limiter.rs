//! Rate limits in Redis and in memory decide alike.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use redis::aio::MultiplexedConnection;
use taskwire::domain::id::UserId;
use taskwire::rate_limit::{Client, RateLimiter};
use taskwire::redis::Redis;

use crate::support::database::redis_url;
use crate::support::redis::connection;

/// Start of every sequence, in Unix seconds.
const START: i64 = 1_700_000_000;

/// Attempts for each sequence, and the pause between them: the server uses Redis again after a second.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(1_500);

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);

static NAMES: AtomicU32 = AtomicU32::new(0);

/// Seconds since the previous step, and points to spend.
type Step = (i64, u32);

fn step() -> impl Strategy<Value = Step> {
    let passed = prop_oneof![4 => Just(0), 4 => 0..5_i64, 4 => 5..70_i64, 1 => 70..200_i64, 1 => -90..0_i64];
    let amount = prop_oneof![1 => Just(0), 8 => 0..12_u32, 1 => Just(u32::MAX)];
    (passed, amount)
}

#[test]
fn redis_and_memory_decide_alike() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 100,
        max_shrink_iters: 500,
        failure_persistence: None,
        ..Config::default()
    });
    let url = redis_url();
    let (redis, look) = runtime.block_on(async {
        let redis = Redis::open(&url.as_str().into(), PATIENCE).unwrap();
        (redis, connection(&url).await)
    });
    runner
        .run(&(1..30_u32, prop::collection::vec(step(), 1..40)), |(limit, steps)| {
            // If Redis was too slow on a busy machine, the result proves nothing.
            let was_compared = runtime.block_on(async {
                for _ in 0..TRIES {
                    if decide_alike(&redis, &mut look.clone(), limit, &steps).await {
                        return true;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                false
            });
            prop_assert!(was_compared, "Redis did not take part");
            Ok(())
        })
        .unwrap();
}

/// Runs the steps through both limiters. False if Redis did not answer in time.
async fn decide_alike(redis: &Redis, look: &mut MultiplexedConnection, limit: u32, steps: &[Step]) -> bool {
    let name = format!("test-{}-{}", std::process::id(), NAMES.fetch_add(1, Ordering::Relaxed));
    let shared = RateLimiter::new(&name, limit, Some(redis));
    let alone = RateLimiter::new(&name, limit, None);
    let client = Client::User(UserId(1));
    let (mut now, mut latest) = (START, i64::MIN);
    let mut outcomes = Vec::new();
    for (passed, amount) in steps {
        now += passed;
        latest = latest.max(now);
        let moment = DateTime::from_timestamp(now, 500_000_000).unwrap();
        let in_redis = shared.spend(client, *amount, moment).await;
        let remaining = match &in_redis {
            Ok(allowance) => allowance.remaining,
            Err(exhausted) => exhausted.allowance.remaining,
        };
        outcomes.push((in_redis, alone.spend(client, *amount, moment).await));
        let seen: (Option<i64>, Option<u32>) = redis::cmd("HMGET")
            .arg(format!("taskwire:limit:{name}:user:1"))
            .arg(&["second", "used"])
            .query_async(look)
            .await
            .unwrap();
        if seen != (Some(latest), Some(limit - remaining)) {
            return false;
        }
    }
    for (step, (in_redis, in_memory)) in outcomes.iter().enumerate() {
        assert_eq!(
            in_redis, in_memory,
            "at step {step} of {steps:?} with the limit {limit}"
        );
    }
    true
}
