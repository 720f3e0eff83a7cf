//! A Redis that answers, but later than requests wait for it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use taskwire::redis::Redis;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep};

use crate::support::redis::RedisServer;

/// How long requests wait, and the longer delay of each answer. A check whether Redis is back may take a second.
const PATIENCE: Duration = Duration::from_millis(100);
const DELAY: Duration = Duration::from_millis(150);

/// Enough for several checks.
const LONG: Duration = Duration::from_secs(5);

/// The address of a proxy that forwards requests late.
async fn delayed(target: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(forward(client, target.clone()));
        }
    });
    address
}

async fn forward(mut client: TcpStream, target: String) {
    let mut server = TcpStream::connect(target).await.unwrap();
    let (mut requests, mut to_client) = client.split();
    let (mut answers, mut to_server) = server.split();
    let late = async {
        let mut piece = [0; 4_096];
        while let Ok(length @ 1..) = requests.read(&mut piece).await {
            sleep(DELAY).await;
            if to_server.write_all(&piece[..length]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = late => {}
        _ = copy(&mut answers, &mut to_client) => {}
    }
}

#[tokio::test]
async fn a_redis_that_is_slower_than_the_time_limit_is_not_used_again() {
    let server = RedisServer::start().await;
    let url = server.url();
    let (credentials, target) = url.rsplit_once('@').unwrap();
    let slow = format!("{credentials}@{}", delayed(target.to_owned()).await);
    let redis = Redis::open(&slow.as_str().into(), PATIENCE).unwrap();
    let asked = AtomicU32::new(0);
    let ask = async || {
        redis
            .attempt(|mut connection| {
                asked.fetch_add(1, Ordering::Relaxed);
                async move { redis::cmd("PING").query_async::<()>(&mut connection).await }
            })
            .await
    };
    assert_eq!(ask().await, None);
    asked.store(0, Ordering::Relaxed);
    let end = Instant::now() + LONG;
    while Instant::now() < end {
        assert_eq!(ask().await, None);
        sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(asked.load(Ordering::Relaxed), 0, "requests that waited for it");
}
