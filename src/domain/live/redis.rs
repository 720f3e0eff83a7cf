//! Waking the other nodes by way of Redis. If a wake is lost, or Redis is, the readers' poll finds the news a
//! moment later.

use std::io;
use std::time::Duration;

use futures_util::StreamExt as _;
use redis::aio::PubSub;
use redis::{AsyncCommands as _, Client, RedisResult};
use tokio::time::{sleep, timeout};

use super::bus::Bus;
use crate::redis::{Redis, key};

/// The least time between two wakes: one does for all that was written meanwhile.
const GATHER: Duration = Duration::from_millis(2);
/// How long it may take to connect.
const PATIENCE: Duration = Duration::from_secs(5);
/// The wait before the channel is listened to again after it broke off.
const AFTER_FAILURE: Duration = Duration::from_millis(500);

/// The channel on which nodes wake each other.
pub(crate) fn news_channel() -> String {
    key(&["live", "news"])
}

/// Tells the others whenever this node has news.
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

/// Wakes this node whenever another has news, and whenever some may have been missed.
pub(super) async fn listen(client: Client, bus: Bus, name: String) {
    loop {
        // That Redis is away is logged where it is asked for something.
        if let Err(error) = listen_once(&client, &bus, &name).await {
            tracing::debug!("cannot listen for news of other nodes: {:?}", error.kind());
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
