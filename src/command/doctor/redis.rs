//! Checks that Redis accepts the writes, scripts and messages of the server.

use std::time::Duration;

use anyhow::{anyhow, ensure};
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, cmd};
use secrecy::SecretString;

use super::{Report, within};
use crate::domain::live::news_channel;
use crate::domain::random::{SystemRandomness, hexadecimal};
use crate::redis::{PROBE, client, key, shown};

/// Longest time for all steps together.
const PATIENCE: Duration = Duration::from_secs(5);
/// Expiry of the test key, in milliseconds, if it cannot be deleted.
const KEY_KEPT: u32 = 5_000;
/// Random bytes in the name of the test key.
const NAME_BYTES: usize = 8;

pub(super) async fn check(url: Option<&SecretString>, report: &mut Report) -> anyhow::Result<()> {
    let Some(url) = url else {
        return report.add(
            "Redis",
            Ok("none, as REDIS_URL is not set; one server needs none".to_owned()),
        );
    };
    let found = match within(PATIENCE, examine(url)).await {
        Ok(()) => Ok("accepts writes, scripts and messages".to_owned()),
        Err(problem) => Err(format!(
            "{problem}; check REDIS_URL, and that Redis is running. Without Redis the server continues, but slower"
        )),
    };
    report.add("Redis", found)
}

/// Runs each kind of command that the server runs, with the server's prefixes of keys and channels.
async fn examine(url: &SecretString) -> anyhow::Result<()> {
    let mut connection = connect(url).await.map_err(failing("connecting"))?;
    let name = key(&["doctor", &hexadecimal(&SystemRandomness, NAME_BYTES)]);
    let worked = work(&mut connection, &name).await;
    let deleted: RedisResult<()> = cmd("DEL").arg(&name).query_async(&mut connection).await;
    worked.and(deleted.map_err(failing("deleting a key")))
}

async fn work(connection: &mut MultiplexedConnection, name: &str) -> anyhow::Result<()> {
    let is_kept = write(connection, name).await.map_err(failing("writing a key"))?;
    ensure!(is_kept, "writing a key fails: it does not return what was written");
    let written: RedisResult<()> = PROBE.key(name).arg(KEY_KEPT).invoke_async(connection).await;
    written.map_err(failing("writing by a script"))?;
    // Servers that receive this message find no new events.
    let mut publish = cmd("PUBLISH");
    publish.arg(news_channel()).arg("doctor");
    let published: RedisResult<()> = publish.query_async(connection).await;
    published.map_err(failing("publishing"))
}

async fn connect(url: &SecretString) -> RedisResult<MultiplexedConnection> {
    let mut connection = client(url)?.get_multiplexed_async_connection().await?;
    cmd("PING").query_async::<()>(&mut connection).await?;
    Ok(connection)
}

/// Writes a key and reads it back. Returns whether both values are equal.
async fn write(connection: &mut MultiplexedConnection, name: &str) -> RedisResult<bool> {
    let mut set = cmd("SET");
    set.arg(name).arg(name).arg("PX").arg(KEY_KEPT);
    set.query_async::<()>(connection).await?;
    let kept: Option<String> = cmd("GET").arg(name).query_async(connection).await?;
    Ok(kept.as_deref() == Some(name))
}

/// Describes an error of this work, without secrets.
fn failing(work: &str) -> impl Fn(RedisError) -> anyhow::Error {
    move |error| match error.code().and_then(hint) {
        Some(hint) => anyhow!("{work} fails: {}: {hint}", shown(&error)),
        None => anyhow!("{work} fails: {}", shown(&error)),
    }
}

fn hint(code: &str) -> Option<&'static str> {
    match code {
        "READONLY" => Some("it is a read-only replica; set REDIS_URL to the primary"),
        "NOPERM" => Some(
            "its user lacks a right; grant ~taskwire:* &taskwire:* +@read +@write +@scripting +@pubsub +@connection with \
             ACL SETUSER",
        ),
        "OOM" => Some("its memory is full; raise maxmemory, or set a maxmemory-policy that evicts keys"),
        "MISCONF" => Some("it cannot save to its disk and refuses writes; check its log"),
        _ => None,
    }
}
