//! A Redis server for one test run, without persistence.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use rustix::process::Signal;
use tempfile::TempDir;

use super::{free_port, last_lines, with_retries};
use crate::process::{self, Background};

/// The name of the log in the server's folder.
const LOG: &str = "log";

const READY_LIMIT: Duration = Duration::from_secs(30);

/// The time limit of one ping.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);

/// The server program, in the search path or the folder of Homebrew.
pub(super) fn find() -> Option<PathBuf> {
    let usual = ["/opt/homebrew/bin/redis-server", "/usr/local/bin/redis-server"];
    let in_path = which::which("redis-server").ok();
    in_path.or_else(|| usual.iter().map(PathBuf::from).find(|path| path.is_file()))
}

/// A running server. Dropping it stops the server, then removes its folder.
pub(super) struct Redis {
    // Fields drop in this order: the server must be gone before its folder.
    _server: Background,
    folder: TempDir,
    port: u16,
}

impl Redis {
    /// Starts the program and waits until it answers.
    pub(super) fn start(program: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("taskwire-redis-").tempdir()?;
        let (server, port) = with_retries(|| serve(program, folder.path()))?;
        Ok(Self {
            _server: server,
            folder,
            port,
        })
    }

    /// The server's log.
    pub(super) fn log(&self) -> PathBuf {
        self.folder.path().join(LOG)
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

fn serve(program: &Path, folder: &Path) -> Result<(Background, u16)> {
    let port = free_port()?;
    let log = folder.join(LOG);
    let output = File::create(&log)?;
    let mut redis = Command::new(program);
    redis.args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    redis
        .args(["--save", "", "--appendonly", "no", "--daemonize", "no", "--dir"])
        .arg(folder);
    redis.stdout(output.try_clone()?).stderr(output);
    let mut server = Background::start(&mut redis, &[Signal::TERM])?;
    process::wait_until("the start of Redis", READY_LIMIT, || {
        let ended = server.ended()?;
        ensure!(ended.is_none(), "Redis ended while it started:\n{}", last_lines(&log));
        Ok(answers(port))
    })?;
    Ok((server, port))
}

/// Whether a ping is answered; a failure means "not yet".
fn answers(port: u16) -> bool {
    ping(port).is_ok_and(|answer| &answer == b"+PONG\r\n")
}

fn ping(port: u16) -> std::io::Result<[u8; 7]> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(ANSWER_LIMIT))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn started_server_answers_and_is_gone_after_drop() -> Result<()> {
        let program = find().context("no Redis on this machine; `cargo xtask test` installs it")?;
        let redis = Redis::start(&program)?;
        let (port, folder) = (redis.port, redis.folder.path().to_owned());
        assert!(answers(port));
        drop(redis);
        assert!(!answers(port));
        assert!(!folder.exists());
        Ok(())
    }
}
