//! Wakes other nodes through Redis. If a wake-up is lost, or Redis fails, polling finds the events a moment later.

use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{AsyncCommands as _, Client, RedisResult};
use tokio::time::{sleep, timeout};

use super::bus::Bus;
use crate::redis::{Redis, key};

/// Minimum time between two wake-ups; one covers all commits since the last.
const GATHER: Duration = Duration::from_millis(2);
/// Connection timeout.
const PATIENCE: Duration = Duration::from_secs(5);
/// The wait before subscribing again after the connection was lost.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

pub(crate) fn news_channel() -> String {
    key(&["live", "news"])
}

/// Publishes each announcement of this node.
pub(super) async fn publish(redis: Redis, bus: Bus, name: String) {
    let channel = news_channel();
    loop {
        bus.announced().await;
        redis
            .attempt(|mut connection| {
                let (channel, name) = (channel.clone(), name.clone());
                async move { connection.publish::<_, _, ()>(channel, name).await }
            })
            .await;
        sleep(GATHER).await;
    }
}

/// Wakes this node after announcements of others, and when some may have been missed.
pub(super) async fn listen(client: Client, bus: Bus, name: String) {
    loop {
        // Failures of Redis are logged where it is queried.
        if let Err(error) = listen_once(&client, &bus, &name).await {
            tracing::debug!("cannot listen for wake-ups of other nodes: {:?}", error.kind());
        }
        sleep(AFTER_FAILURE).await;
    }
}

async fn listen_once(client: &Client, bus: &Bus, name: &str) -> RedisResult<()> {
    let timed_out = |_| Err(io::Error::from(io::ErrorKind::TimedOut).into());
    let mut subscription = timeout(PATIENCE, subscribe(client)).await.unwrap_or_else(timed_out)?;
    bus.wake();
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        if message.get_payload_bytes() != name.as_bytes() {
            bus.wake();
        }
    }
    Ok(())
}

async fn subscribe(client: &Client) -> RedisResult<PubSub> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(news_channel()).await?;
    Ok(subscription)
}
