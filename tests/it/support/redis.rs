//! A Redis of a test's own, to be killed, frozen and started again.
//!
//! Tests that only need one use the server of `TASKWIRE_TEST_REDIS_URL`, under names of their own.

use std::process::{Child, Command, Stdio};

use redis::aio::MultiplexedConnection;
use redis::{Client, Cmd, FromRedisValue};

use super::port::free_port;
use super::process::{signal, until};

/// The password that every one of them demands.
pub const PASSWORD: &str = "hunter2";

/// On a machine that is busy with other things Redis may take its time. Tests are not about that.
pub const REDIS_TIMEOUT: (&str, &str) = ("REDIS_TIMEOUT_MS", "3000");

/// A Redis for a server that has no settings for one, where `TASKWIRE_TEST_SERVERS_WITH_REDIS` asks for it: what a
/// test is about must hold with Redis and without.
#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the server's")]
pub fn beside_server() -> Option<RedisServer> {
    std::env::var_os("TASKWIRE_TEST_SERVERS_WITH_REDIS").map(|_| {
        let mut server = RedisServer::absent();
        server.spawn();
        server
    })
}

/// A Redis that may run or not. Dropping it kills it.
pub struct RedisServer {
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// One that runs.
    pub async fn start() -> Self {
        let mut server = Self::absent();
        server.run().await;
        server
    }

    /// One that does not run yet.
    pub fn absent() -> Self {
        Self {
            port: free_port(),
            process: None,
        }
    }

    /// Where it listens, password included.
    pub fn url(&self) -> String {
        self.url_with(PASSWORD)
    }

    /// The same with any password.
    pub fn url_with(&self, password: &str) -> String {
        format!("redis://:{password}@127.0.0.1:{}", self.port)
    }

    /// Starts it, without what it held before, and waits until it answers.
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

    /// Waits until it answers.
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

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may be gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// From now on it takes what it is sent, and answers nothing.
    pub fn freeze(&self) {
        signal(self.process(), "STOP");
    }

    /// It goes on where it stood.
    pub fn thaw(&self) {
        signal(self.process(), "CONT");
    }

    fn process(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// What it answers to a command.
    pub async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> T {
        command.query_async(&mut connection(&self.url()).await).await.unwrap()
    }

    /// Waits until somebody has written this.
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

/// A connection of the test's own.
pub async fn connection(url: &str) -> MultiplexedConnection {
    Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap()
}
