//! Servers under test: processes, each on a free port.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

/// Maximum wait for the first response.
const PATIENCE: Duration = Duration::from_secs(30);
/// Lines of the log to show for a failed server.
const LOG_LINES: usize = 15;

/// The key that signs the tokens of all servers.
pub(crate) const SECRET_KEY: &str = "5f1dc9b2f0a84a7e9d7f0c1e6a3b8d2c4e6f8a0b";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    /// To the terminal.
    Shown,
    /// To a file, which is shown if the server fails to start.
    Logged,
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Server {
    /// Starts Taskwire over a database.
    pub(crate) async fn taskwire(
        binary: &Path,
        database: &str,
        settings: &[(&str, &str)],
        output: Output,
    ) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut command = Command::new(std::path::absolute(binary)?);
        command
            .env("DATABASE_URL", database)
            .env("SERVER_HOST", "127.0.0.1")
            .env("SERVER_PORT", port.to_string())
            .env("SECRET_KEY", SECRET_KEY)
            .envs(settings.iter().copied());
        let folder = tempfile::tempdir()?;
        command.current_dir(folder.path());
        let mut server = Self::spawn(command, port, folder, output)?;
        server.until_ready().await?;
        Ok(server)
    }

    /// Starts another program on the given port.
    pub(crate) async fn other(command: impl FnOnce(u16) -> Command) -> anyhow::Result<Self> {
        let port = free_port()?;
        let mut server = Self::spawn(command(port), port, tempfile::tempdir()?, Output::Logged)?;
        server.until_listening().await?;
        Ok(server)
    }

    fn spawn(mut command: Command, port: u16, folder: TempDir, output: Output) -> anyhow::Result<Self> {
        if output == Output::Logged {
            let log = File::create(folder.path().join("log"))?;
            command.stdout(log.try_clone()?).stderr(log);
        }
        let process = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", command.as_std().get_program().display()))?;
        Ok(Self { process, port, folder })
    }

    async fn until_ready(&mut self) -> anyhow::Result<()> {
        self.until_listening().await?;
        let begun = Instant::now();
        let url = self.http("/readyz");
        while begun.elapsed() < PATIENCE {
            let answer = reqwest::get(&url).await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "the server was not ready within {} s\n{}",
            PATIENCE.as_secs(),
            self.log()
        )
    }

    async fn until_listening(&mut self) -> anyhow::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.process.try_wait()? {
                bail!("the server ended at once: {status}\n{}", self.log());
            }
            if TcpStream::connect(self.address()).await.is_ok() {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        bail!(
            "the server did not answer within {} s\n{}",
            PATIENCE.as_secs(),
            self.log()
        )
    }

    /// The last lines of the log.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// URL of a path.
    pub(crate) fn http(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// URL of the WebSocket.
    pub(crate) fn websocket(&self) -> String {
        format!("ws://127.0.0.1:{}/graphql", self.port)
    }

    /// Resident memory in bytes (Linux).
    pub(crate) async fn memory(&self) -> anyhow::Result<u64> {
        self.status("VmRSS:").await
    }

    /// Peak resident memory in bytes (Linux).
    pub(crate) async fn peak_memory(&self) -> anyhow::Result<u64> {
        self.status("VmHWM:").await
    }

    async fn status(&self, name: &str) -> anyhow::Result<u64> {
        let id = self.process.id().context("the server has ended")?;
        let status = tokio::fs::read_to_string(format!("/proc/{id}/status")).await?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kilobytes: u64 = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("/proc does not show the memory")?
            .parse()?;
        Ok(kilobytes * 1024)
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
