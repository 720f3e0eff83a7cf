//! A PostgreSQL server for one test, to restart, freeze and fill.
//!
//! `TASKWIRE_TEST_POSTGRES_PROGRAMS` names the folder with PostgreSQL's programs; `cargo xtask chaos` sets it.
//! Durability has PostgreSQL's default settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::port::free_port;
use super::process::{signal, until};

#[derive(Clone, Copy, Debug)]
pub enum Shutdown {
    /// Ends sessions and writes a checkpoint.
    Fast,
    /// Like a crash: the next start recovers from the write-ahead log.
    Immediate,
}

/// A server that runs or is stopped. Dropping it kills it.
pub struct PostgresServer {
    settings: Vec<&'static str>,
    port: u16,
    process: Option<Child>,
    /// Mounted over the folder, so it must be dropped before it.
    disk: Option<SmallDisk>,
    folder: TempDir,
}

impl PostgresServer {
    /// `settings` are, for example, `max_connections=20`.
    pub async fn start(settings: &[&'static str]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), None, settings).await
    }

    /// Starts it on a small file system, which needs the right to mount.
    pub async fn start_on_small_disk(mebibytes: u32, settings: &[&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let disk = SmallDisk::mount(folder.path(), mebibytes);
        Self::start_in(folder, Some(disk), settings).await
    }

    async fn start_in(folder: TempDir, disk: Option<SmallDisk>, settings: &[&'static str]) -> Self {
        give_to_owner(folder.path());
        let mut server = Self {
            settings: settings.to_vec(),
            port: free_port(),
            process: None,
            disk,
            folder,
        };
        let mut initdb = server.program("initdb");
        initdb.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
        ]);
        let output = initdb.arg("--pgdata").arg(server.data()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        server.run().await;
        server
    }

    /// The URL of its database, as the superuser.
    pub fn url(&self) -> String {
        format!("postgres://postgres@{}/postgres", self.address())
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Waits until it is ready.
    pub async fn run(&mut self) {
        let log =
            fs::File::create(self.folder.path().join("log")).unwrap_or_else(|_| fs::File::create("/dev/null").unwrap());
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path());
        postgres.args(["-p", &self.port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
        for setting in &self.settings {
            postgres.args(["-c", setting]);
        }
        let child = postgres
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(child);
        let ready = self.data().join("postmaster.pid");
        until("PostgreSQL to start", async || {
            let status = fs::read_to_string(&ready).ok()?;
            status.lines().any(|line| line.trim() == "ready").then_some(())
        })
        .await;
    }

    /// The server ends by itself when it cannot write its log.
    pub fn is_running(&mut self) -> bool {
        self.process
            .as_mut()
            .is_some_and(|process| process.try_wait().unwrap().is_none())
    }

    /// Waits until the process has ended.
    pub async fn stop(&mut self, how: Shutdown) {
        let mut process = self.process.take().unwrap();
        signal(
            process.id(),
            match how {
                Shutdown::Fast => "INT",
                Shutdown::Immediate => "QUIT",
            },
        );
        until("PostgreSQL to stop", async || process.try_wait().unwrap()).await;
    }

    /// Pauses all of its processes. Connections stay open.
    pub fn freeze(&self) -> Frozen {
        let postmaster = self.process.as_ref().unwrap().id();
        // The postmaster first, so that it starts no other process.
        signal(postmaster, "STOP");
        let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).unwrap();
        let children = children.split_whitespace().map(|child| child.parse().unwrap());
        let frozen: Vec<u32> = [postmaster].into_iter().chain(children).collect();
        for process in &frozen[1..] {
            signal(*process, "STOP");
        }
        Frozen(frozen)
    }

    /// Needs [`Self::start_on_small_disk`].
    pub fn fill_disk(&self) {
        self.disk.as_ref().unwrap().fill();
    }

    pub fn free_disk(&self) {
        self.disk.as_ref().unwrap().free();
    }

    /// Runs as the user `postgres` if this process is root: PostgreSQL refuses to run as root.
    fn program(&self, name: &str) -> Command {
        let program = programs().join(name);
        let mut command = if is_root() {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            setpriv.arg(program);
            setpriv
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }
}

/// Paused processes.
pub struct Frozen(Vec<u32>);

impl Frozen {
    pub fn thaw(self) {
        for process in self.0.into_iter().rev() {
            signal(process, "CONT");
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It may have ended already. Its children end with it.
            let _ = Command::new("kill").arg("-QUIT").arg(process.id().to_string()).status();
            let _ = process.wait();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own setting, not the server's")]
fn programs() -> PathBuf {
    std::env::var_os("TASKWIRE_TEST_POSTGRES_PROGRAMS")
        .expect(
            "TASKWIRE_TEST_POSTGRES_PROGRAMS names the folder of PostgreSQL's programs; `cargo xtask chaos` sets it",
        )
        .into()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn give_to_owner(folder: &Path) {
    if is_root() {
        run(Command::new("chown").arg("postgres:").arg(folder));
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// A file system in memory, mounted over a folder until it is dropped.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    fn mount(folder: &Path, mebibytes: u32) -> Self {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        run(mount.arg(folder));
        Self {
            folder: folder.to_owned(),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    fn fill(&self) {
        let file = fs::File::create(self.ballast()).unwrap();
        let mut size = 0;
        // Down to the last page.
        for step in [1 << 20, 1 << 12] {
            while rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), size, step).is_ok() {
                size += step;
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}
