//! Redis: optional state that the nodes of a cluster share.
//!
//! Redis and its data may be lost at any time: the server starts and runs without it, each node alone. So
//! [`Redis::attempt`] returns an `Option`, and its callers have a fallback. While Redis is unavailable, no request
//! waits for it: the first failure opens a circuit breaker, and a background task checks every second whether Redis is
//! back.
//!
//! Keys begin with `taskwire:` and expire.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, Weak};
use std::time::Duration;

use anyhow::anyhow;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::io::tcp::{TcpSettings, socket2::TcpKeepalive};
use redis::{Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisError, RedisResult, Script};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{sleep, timeout};

use crate::telemetry::metric;

/// Pause between checks whether Redis is back.
const PAUSE: Duration = Duration::from_secs(1);
/// Idle time after which the operating system checks a connection.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// Maximum time without acknowledgement before a connection counts as dead (Linux). Otherwise a silently broken
/// connection would be kept for 15 minutes.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// A script that writes, like those of the limits: a Redis that answers but refuses writes, because it is a replica or
/// full, does not count as back.
pub(crate) static PROBE: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[1])"));
/// In milliseconds.
const PROBE_KEPT: u32 = 1_000;

/// A client with our connection settings. It does not connect yet.
/// The error does not contain the URL, which may have a password.
pub fn client(url: &SecretString) -> RedisResult<Client> {
    let info = url.expose_secret().into_connection_info()?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        crate::tls::prepare();
    }
    Client::open(info.set_tcp_settings(tcp_settings()))
}

fn tcp_settings() -> TcpSettings {
    let settings = TcpSettings::default()
        .set_nodelay(true)
        .set_keepalive(TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE));
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(UNACKNOWLEDGED);
    settings
}

/// A key in Redis, such as `taskwire:apq:…` for the parts `["apq", "…"]`.
#[must_use]
pub fn key(parts: &[&str]) -> String {
    format!("taskwire:{}", parts.join(":"))
}

/// The server's connection to Redis. Cheap to clone.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    /// Time limit of an attempt, including connecting.
    patience: Duration,
    /// Replaced after an outage: a manager gives up for good, for example after a refused password, and keeps a
    /// silently broken connection.
    manager: RwLock<ConnectionManager>,
    /// The circuit breaker. `lose` opens it and starts `watch`; only `watch` closes it.
    is_up: AtomicBool,
}

impl Redis {
    /// Accepts `redis://`, `rediss://` and `unix://`. Must be called in a Tokio runtime: connects in the background,
    /// and warns on failure. `patience` is the time limit of an attempt.
    pub fn open(url: &SecretString, patience: Duration) -> anyhow::Result<Self> {
        let client = client(url).map_err(|error| anyhow!("REDIS_URL cannot be used: {error}"))?;
        let manager = manager(&client).map_err(|error| anyhow!("REDIS_URL cannot be used: {error}"))?;
        let redis = Self(Arc::new(Inner {
            client,
            patience,
            manager: RwLock::new(manager),
            is_up: AtomicBool::new(true),
        }));
        metrics::gauge!(metric::REDIS_UP).set(1.0);
        let connecting = redis.clone();
        tokio::spawn(async move { connecting.attempt(probe).await });
        Ok(redis)
    }

    /// For separate connections.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// `None` if Redis fails or does not answer in time, and at once while it is unavailable. Failures are logged.
    ///
    /// `work` runs again if the connection was closed, so it may run twice.
    pub async fn attempt<T, F>(&self, work: impl Fn(ConnectionManager) -> F) -> Option<T>
    where
        F: Future<Output = RedisResult<T>>,
    {
        if !self.0.is_up.load(Ordering::Relaxed) {
            return None;
        }
        match ask(&self.0.manager(), self.0.patience, work).await {
            Ok(answer) => Some(answer),
            Err(problem) => {
                self.lose(&problem);
                None
            }
        }
    }

    /// Whether Redis answers; `false` at once while it is unavailable.
    pub async fn answers(&self) -> bool {
        self.attempt(async |mut connection| redis::cmd("PING").query_async::<()>(&mut connection).await)
            .await
            .is_some()
    }

    /// Opens the circuit breaker.
    fn lose(&self, problem: &str) {
        if self.0.is_up.swap(false, Ordering::Relaxed) {
            metrics::gauge!(metric::REDIS_UP).set(0.0);
            tracing::warn!("Redis is not available: {problem}. This server continues without it");
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }
}

impl Inner {
    fn manager(&self) -> ConnectionManager {
        self.manager.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Checks whether Redis is back with a new connection, which then replaces the old one.
    async fn recover(&self) -> bool {
        let Ok(manager) = manager(&self.client) else {
            return false;
        };
        // The first answer includes connecting. The second must be as fast as those that requests wait for, or they
        // would wait every second for a Redis that is too slow.
        for patience in [PAUSE, self.patience] {
            if ask(&manager, patience, probe).await.is_err() {
                return false;
            }
        }
        *self.manager.write().unwrap_or_else(PoisonError::into_inner) = manager;
        self.is_up.store(true, Ordering::Relaxed);
        metrics::gauge!(metric::REDIS_UP).set(1.0);
        true
    }
}

/// Connects on first use, and again after the connection was closed.
fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        // No retries: `watch` decides when to try again.
        .set_number_of_retries(0)
        .set_connection_timeout(Some(PAUSE))
        // `ask` limits the time to connect and respond.
        .set_response_timeout(None);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

/// The error is a text without secrets.
async fn ask<T, F>(
    manager: &ConnectionManager,
    patience: Duration,
    work: impl Fn(ConnectionManager) -> F,
) -> Result<T, String>
where
    F: Future<Output = RedisResult<T>>,
{
    let answer = async {
        match work(manager.clone()).await {
            // A connection that was closed while idle is no failure: the manager has begun a new one.
            Err(error) if error.is_unrecoverable_error() => work(manager.clone()).await,
            answer => answer,
        }
    };
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(|error| shown(&error)),
        Err(_) => Err(format!("no answer within {} ms", patience.as_millis())),
    }
}

/// Checks every second, until Redis is back or no longer used.
async fn watch(redis: Weak<Inner>) {
    loop {
        sleep(PAUSE).await;
        let Some(redis) = redis.upgrade() else { return };
        if redis.recover().await {
            tracing::info!("Redis is back");
            return;
        }
    }
}

async fn probe(mut connection: ConnectionManager) -> RedisResult<()> {
    let mut probe = PROBE.key(key(&["probe"]));
    probe.arg(PROBE_KEPT).invoke_async(&mut connection).await
}

/// An error without secrets: the text of the server may repeat a password.
pub(crate) fn shown(error: &RedisError) -> String {
    match (error.kind(), error.code()) {
        (ErrorKind::Server(_) | ErrorKind::Extension, Some(code)) => format!("it answered {code}"),
        (ErrorKind::Io, _) => error.to_string(),
        _ => error.category().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;

    /// Maximum wait of a test.
    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn an_invalid_url_is_refused_without_its_password() {
        for url in ["redis://:hunter2@cache/first", "redis://:hunter2@0.0.0.0"] {
            let error = client(&SecretString::from(url)).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn tls_has_a_crypto_provider() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("rediss://{}", listener.local_addr().unwrap());
        let _redis = Redis::open(&url.into(), LONG).unwrap();
        let greeting = tokio::task::spawn_blocking(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut first = [0];
            stream.read_exact(&mut first).unwrap();
            first[0]
        });
        let record_of_a_handshake = 22;
        assert_eq!(timeout(LONG, greeting).await.unwrap().unwrap(), record_of_a_handshake);
    }
}
