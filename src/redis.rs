//! Redis: what the nodes of a cluster share, where there is one.
//!
//! Everything in it may be lost at any time, and so may Redis itself: the server starts and goes on without
//! it, each node for itself. [`Redis::attempt`] therefore answers with an `Option`, and whoever asks has
//! something to fall back on. While Redis is away no request waits for it: the first failure opens a circuit,
//! and a task beside the requests looks every second whether Redis is back.
//!
//! Keys begin with `taskwire:` and expire.

use std::fmt::{self, Display};
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

/// How long Redis is left alone before it is asked again whether it is back.
const PAUSE: Duration = Duration::from_secs(1);
/// After so long without a word a connection is checked by the operating system.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// How long sent data may stay unacknowledged before a connection counts as dead (Linux). Without it a link
/// that was cut in silence would be kept for a quarter of an hour.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// A script that writes, as those of the limits do. So a Redis that answers but takes no writes, because it is
/// a replica or full, does not count as back.
pub(crate) static PROBE: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[1])"));
/// How long what the probe writes is kept, in milliseconds.
const PROBE_KEPT: u32 = 1_000;

/// A client for this URL, with the settings of all our connections. It does not connect yet.
///
/// The error does not show the URL, which may hold a password.
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

/// The name of something in Redis, such as `taskwire:apq:…` for the parts `["apq", "…"]`.
#[must_use]
pub fn key(parts: &[&str]) -> String {
    format!("taskwire:{}", parts.join(":"))
}

/// A server's connection to Redis. Cloning it is cheap.
#[derive(Clone)]
pub struct Redis(Arc<Inner>);

struct Inner {
    client: Client,
    /// How long an attempt may take, connecting included.
    patience: Duration,
    /// Replaced when Redis was away: a manager gives up for good when, say, its password was refused, and keeps
    /// a connection that was cut in silence.
    manager: RwLock<ConnectionManager>,
    /// Whether Redis is asked at all. Only who switches it off starts the watch, and only that switches it on.
    is_up: AtomicBool,
}

impl Redis {
    /// The Redis at this URL: `redis://`, `rediss://` or `unix://`. Must be called within a Tokio runtime;
    /// connects in the background, and warns when that fails.
    /// `patience` is how long it may take to answer.
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

    /// The client, for whoever needs a connection of its own.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// What Redis gives in time; none at once while it is away. A failure of any kind counts as being
    /// away and is logged, so there is nothing that the caller could still do about it.
    ///
    /// `work` is done again when the connection turns out to be closed, so it may happen twice.
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

    /// Whether it answers; false at once while it is away.
    pub async fn answers(&self) -> bool {
        self.attempt(async |mut connection| redis::cmd("PING").query_async::<()>(&mut connection).await)
            .await
            .is_some()
    }

    /// Leaves Redis alone until it is back.
    fn lose(&self, problem: &Problem) {
        if self.0.is_up.swap(false, Ordering::Relaxed) {
            metrics::gauge!(metric::REDIS_UP).set(0.0);
            tracing::warn!("Redis is away: {problem}. Until it is back, this server goes on by itself");
            tokio::spawn(watch(Arc::downgrade(&self.0)));
        }
    }
}

impl Inner {
    fn manager(&self) -> ConnectionManager {
        self.manager.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks whether Redis is back, through a connection of its own, which then becomes everybody's.
    async fn recover(&self) -> bool {
        let Ok(manager) = manager(&self.client) else {
            return false;
        };
        if ask(&manager, PAUSE, probe).await.is_err() {
            return false;
        }
        *self.manager.write().unwrap_or_else(PoisonError::into_inner) = manager;
        self.is_up.store(true, Ordering::Relaxed);
        metrics::gauge!(metric::REDIS_UP).set(1.0);
        true
    }
}

/// A connection that is made when it is needed, and made again when it was closed.
fn manager(client: &Client) -> RedisResult<ConnectionManager> {
    let config = ConnectionManagerConfig::new()
        // One attempt to connect at a time: the watch decides when the next one is due.
        .set_number_of_retries(0)
        .set_connection_timeout(Some(PAUSE))
        // The wait of `ask` bounds the answer, and connecting too.
        .set_response_timeout(None);
    ConnectionManager::new_lazy_with_config(client.clone(), config)
}

async fn ask<T, F>(
    manager: &ConnectionManager,
    patience: Duration,
    work: impl Fn(ConnectionManager) -> F,
) -> Result<T, Problem>
where
    F: Future<Output = RedisResult<T>>,
{
    let answer = async {
        match work(manager.clone()).await {
            // A connection that was closed while nobody used it is no reason to give up: the manager has
            // begun a new one.
            Err(error) if error.is_unrecoverable_error() => work(manager.clone()).await,
            answer => answer,
        }
    };
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(Problem::Error),
        Err(_) => Err(Problem::Silence(patience)),
    }
}

/// Looks every second whether Redis is back, until it is or nobody needs it any more.
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

/// Why Redis is of no use now.
#[derive(Debug)]
enum Problem {
    Error(RedisError),
    Silence(Duration),
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silence(patience) => write!(f, "no answer within {} ms", patience.as_millis()),
            Self::Error(error) => f.write_str(&shown(error)),
        }
    }
}

/// An error without secrets: the server's own words may repeat what was sent to it, a password included.
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

    const PATIENCE: Duration = Duration::from_millis(250);
    /// The longest wait of a test for something to happen.
    const LONG: Duration = Duration::from_mins(1);

    fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (listener, address)
    }

    async fn ping(redis: &Redis) -> Option<String> {
        redis
            .attempt(async |mut connection| redis::cmd("PING").query_async(&mut connection).await)
            .await
    }

    #[test]
    fn a_url_that_is_none_is_refused_without_its_password() {
        for url in ["redis://:hunter2@cache/first", "redis://:hunter2@0.0.0.0"] {
            let error = client(&SecretString::from(url)).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn keys_are_ours() {
        assert_eq!(key(&["limit", "points", "user", "1"]), "taskwire:limit:points:user:1");
    }

    #[tokio::test]
    async fn a_refused_connection_opens_the_circuit() {
        let (listener, address) = listener();
        drop(listener);
        let redis = Redis::open(&format!("redis://{address}").into(), PATIENCE).unwrap();
        assert_eq!(ping(&redis).await, None);
        assert!(!redis.0.is_up.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn silence_is_waited_for_once() {
        // The operating system takes the connection; nobody ever reads from it.
        let (_listener, address) = listener();
        let redis = Redis::open(&format!("redis://{address}").into(), PATIENCE).unwrap();
        assert_eq!(ping(&redis).await, None);
        let many = async {
            for _ in 0..1_000 {
                assert_eq!(ping(&redis).await, None);
            }
        };
        assert!(timeout(1_000 * PATIENCE / 4, many).await.is_ok(), "each one waited");
    }

    #[tokio::test]
    async fn tls_has_what_it_needs() {
        let (listener, address) = listener();
        let _redis = Redis::open(&format!("rediss://{address}").into(), PATIENCE).unwrap();
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
