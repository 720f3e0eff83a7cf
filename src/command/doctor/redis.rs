//! Redis: whether it answers. Without one there is nothing to check.

use std::time::Duration;

use redis::{RedisResult, cmd};
use secrecy::SecretString;
use tokio::time::timeout;

use super::Report;
use crate::redis::client;

/// How long connecting and the answer may take together.
const PATIENCE: Duration = Duration::from_secs(3);

/// Checks the Redis of the settings.
pub(super) async fn check(url: Option<&SecretString>, report: &mut Report) -> anyhow::Result<()> {
    match url {
        Some(url) => report.tell("Redis", judge(timeout(PATIENCE, ping(url)).await.ok())),
        None => report.tell(
            "Redis",
            Ok("none, as REDIS_URL is not set; one server needs none".to_owned()),
        ),
    }
}

async fn ping(url: &SecretString) -> RedisResult<String> {
    let mut connection = client(url)?.get_multiplexed_async_connection().await?;
    cmd("PING").query_async(&mut connection).await
}

/// Its answer, or `None` when it took too long.
fn judge(answer: Option<RedisResult<String>>) -> Result<String, String> {
    let problem = match answer {
        Some(Ok(answer)) => return Ok(format!("answers {answer}")),
        Some(Err(error)) => error.to_string(),
        None => format!("no answer within {} s", PATIENCE.as_secs()),
    };
    Err(format!(
        "{problem}; check REDIS_URL, and that Redis runs. Without it the server goes on, but slower"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_a_failure() {
        assert!(judge(None).unwrap_err().starts_with("no answer within 3 s"));
        assert_eq!(judge(Some(Ok("PONG".to_owned()))).unwrap(), "answers PONG");
    }
}
