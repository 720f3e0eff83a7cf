//! A Redis server for one test, to kill, freeze and restart.
//!
//! Other tests share the server of `TASKWIRE_TEST_REDIS_URL`, with separate keys.

use std::process::{Child, Command, Stdio};

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue};

use super::port::free_port;
use super::process::{signal, until};

pub const PASSWORD: &str = "hunter2";

/// On a busy machine Redis may be slow, which must not fail tests.
pub const REDIS_TIMEOUT: (&str, &str) = ("REDIS_TIMEOUT_MS", "3000");

/// A Redis for servers of tests that do not need one, if `TASKWIRE_TEST_SERVERS_WITH_REDIS` is set: these tests must
/// pass with Redis and without.
#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the server's")]
pub fn beside_server() -> Option<RedisServer> {
    std::env::var_os("TASKWIRE_TEST_SERVERS_WITH_REDIS").map(|_| {
        let mut server = RedisServer::absent();
        server.spawn();
        server
    })
}

/// A Redis that runs or is stopped. Dropping it kills it.
pub struct RedisServer {
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    pub async fn start() -> Self {
        let mut server = Self::absent();
        server.run().await;
        server
    }

    /// A server that does not run yet.
    pub fn absent() -> Self {
        Self {
            port: free_port(),
            process: None,
        }
    }

    pub fn url(&self) -> String {
        self.url_with(PASSWORD)
    }

    pub fn url_with(&self, password: &str) -> String {
        format!("redis://:{password}@127.0.0.1:{}", self.port)
    }

    /// Starts it without its earlier content, and waits until it answers.
    pub async fn run(&mut self) {
        self.spawn();
        self.ready().await;
    }

    fn spawn(&mut self) {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
            .args(["--requirepass", PASSWORD, "--save", "", "--appendonly", "no"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("redis-server is in the search path; `cargo xtask test` installs it");
        self.process = Some(child);
    }

    pub async fn ready(&mut self) {
        let child = self.process.as_mut().unwrap();
        let client = Client::open(format!("redis://:{PASSWORD}@127.0.0.1:{}", self.port)).unwrap();
        until("Redis to answer", async || {
            assert_eq!(child.try_wait().unwrap(), None, "Redis ended while it started");
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            redis::cmd("PING").query_async::<()>(&mut connection).await.ok()
        })
        .await;
    }

    /// Ends it without a shutdown, as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Pauses it: from now on, it accepts commands and answers nothing.
    pub fn freeze(&self) {
        signal(self.process(), "STOP");
    }

    pub fn thaw(&self) {
        signal(self.process(), "CONT");
    }

    fn process(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command.query_async(&mut connection(&self.url()).await).await.unwrap()
    }

    /// Waits until the key exists. Calls `meanwhile` before each check.
    pub async fn until_holds(&self, key: &str, mut meanwhile: impl AsyncFnMut()) {
        until(key, async || {
            meanwhile().await;
            self.ask::<bool>(redis::cmd("EXISTS").arg(key)).await.then_some(())
        })
        .await;
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

pub async fn connection(url: &str) -> MultiplexedConnection {
    Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}
