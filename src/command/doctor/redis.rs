//! Checks that Redis accepts the writes, scripts and messages of the server.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, cmd};
use secrecy::SecretString;
use tokio::time::timeout;

use super::Report;
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
    report.add("Redis", judge(timeout(PATIENCE, examine(url)).await.ok()))
}

/// Runs each kind of command that the server runs, with the server's prefixes of keys and channels.
async fn examine(url: &SecretString) -> Result<(), Problem> {
    let connected = connect(url).await;
    let mut connection = connected.map_err(|error| Problem::new("connecting", &error))?;
    let name = key(&["doctor", &hexadecimal(&SystemRandomness, NAME_BYTES)]);
    let worked = work(&mut connection, &name).await;
    let deleted: RedisResult<()> = cmd("DEL").arg(&name).query_async(&mut connection).await;
    worked.and(deleted.map_err(|error| Problem::new("deleting a key", &error)))
}

async fn work(connection: &mut MultiplexedConnection, name: &str) -> Result<(), Problem> {
    let is_kept = write(connection, name).await;
    if !is_kept.map_err(|error| Problem::new("writing a key", &error))? {
        return Err(Problem {
            work: "writing a key",
            cause: "it does not return what was written".to_owned(),
        });
    }
    let written: RedisResult<()> = PROBE.key(name).arg(KEY_KEPT).invoke_async(connection).await;
    written.map_err(|error| Problem::new("writing by a script", &error))?;
    // Servers that receive this message find no new events.
    let mut publish = cmd("PUBLISH");
    publish.arg(news_channel()).arg("doctor");
    let published: RedisResult<()> = publish.query_async(connection).await;
    published.map_err(|error| Problem::new("publishing", &error))
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

#[derive(Debug)]
struct Problem {
    work: &'static str,
    cause: String,
}

impl Problem {
    fn new(work: &'static str, error: &RedisError) -> Self {
        let cause = match error.code().and_then(hint) {
            Some(hint) => format!("{}: {hint}", shown(error)),
            None => shown(error),
        };
        Self { work, cause }
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

/// `None` is a timeout.
fn judge(examined: Option<Result<(), Problem>>) -> Result<String, String> {
    let problem = match examined {
        Some(Ok(())) => return Ok("accepts writes, scripts and messages".to_owned()),
        Some(Err(Problem { work, cause })) => format!("{work} fails: {cause}"),
        None => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    Err(format!(
        "{problem}; check REDIS_URL, and that Redis is running. Without Redis the server continues, but slower"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_failure() {
        assert!(judge(None).unwrap_err().starts_with("no answer within 5 s"));
        assert!(judge(Some(Ok(()))).is_ok());
    }
}
