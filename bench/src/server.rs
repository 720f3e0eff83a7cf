//! The server under test: the real binary, on a free port.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// The longest wait for the first answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server that runs until it is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Server {
    /// Starts it over an empty database, with the limits of requests off and with room for `connections`.
    pub(crate) async fn start(binary: &Path, database: &str, connections: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let binary = std::path::absolute(binary)?;
        let process = Command::new(&binary)
            .current_dir(folder.path())
            .env("DATABASE_URL", database)
            .env("SERVER_PORT", port.to_string())
            .env("SECRET_KEY", "5f1dc9b2f0a84a7e9d7f0c1e6a3b8d2c4e6f8a0b")
            .env("RATE_LIMIT_ENABLED", "false")
            .env("LOG_LEVEL", "warn")
            .env("LIVE_MAX_CONNECTIONS", (connections + 100).to_string())
            .env("LIVE_MAX_CONNECTIONS_PER_USER", (connections + 100).to_string())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}; build it for release first", binary.display()))?;
        let mut server = Self {
            process,
            port,
            _folder: folder,
        };
        server.until_ready().await?;
        Ok(server)
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        let url = self.http("/readyz");
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended at once: {status}");
            }
            if reqwest::get(&url)
                .await
                .is_ok_and(|answer| answer.status().is_success())
            {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!("the server did not answer within {} s", PATIENCE.as_secs())
    }

    /// The address of a path.
    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// The address of the WebSocket.
    pub(crate) fn websocket(&self) -> String {
        format!("ws://127.0.0.1:{}/graphql", self.port)
    }

    /// Its memory in bytes, as Linux counts what is resident.
    pub(crate) async fn memory(&self) -> anyhow::Result<u64> {
        let id = self.process.id().context("the server has ended")?;
        let status = tokio::fs::read_to_string(format!("/proc/{id}/status")).await?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("/proc does not tell the memory")?
            .parse()?;
        Ok(kilobytes * 1024)
    }
}
